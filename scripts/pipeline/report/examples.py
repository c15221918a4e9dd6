"""The models at work on test data, drawn: a day's forecasts over the readings, and what was heard in a sound.

They are drawn where the data are, and kept among the results: the page itself needs no data.
"""

from dataclasses import asdict
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import signal

from device import artifact
from device.audio import RATE
from device.listen import HOP, Detection, KeywordDetector, Settings, threshold_of
from device.runtime import open_model
from pipeline import files
from pipeline.data.sources import Sources, load_speech, load_weather
from pipeline.data.weather import INPUT_STEPS, OUTPUT_STEPS
from pipeline.report import style
from pipeline.report.style import IMPROVED, REPORT, WIDTH, Chart, legend
from pipeline.study.results import Results

Array = NDArray[np.float32]
KEPT = "examples.json"
SIZE = WIDTH, 3.2
DAY = 144  # readings
WORDS = 4
SEED = 0  # of the choice of clips
FRAME, BANDS = 512, 64  # of the spectrogram


def write_examples(results: Results, sources: Sources) -> None:
    """Draw examples with our own th_a and the spotter that is made for listening, where there are such models.

    Raises:
        UserError: bad data, or none.
    """
    charts: list[Chart] = []
    for recipe, name, draw in (("improved", "th_a", forecast_charts), ("live", "kws_a", heard_charts)):
        if card := results.card(recipe, name):
            charts += draw(card, artifact.load(results.store.models / recipe, name)[1], sources)
    content = {"made_with": "make publish", "charts": [asdict(chart) for chart in charts]}
    files.write_json(results.store.derived / KEPT, content)


def kept(results: Results) -> list[Chart]:
    """Return the drawings among the results."""
    return [Chart(**chart) for chart in results.derived.get(KEPT, {}).get("charts", [])]


def forecast_charts(card: artifact.Card, content: bytes, sources: Sources) -> list[Chart]:
    """Draw the test day whose forecasts are as good as those of the median day: readings, one forecast per hour."""
    weather = load_weather(sources)
    starts = weather.windows("test")
    readings = weather.values[starts[:, None] + np.arange(INPUT_STEPS)]
    inputs: Array = ((readings - np.asarray(card.mean)) / np.asarray(card.std)).astype(np.float32)
    forecasts = open_model(card, content).predict(inputs).reshape(-1, OUTPUT_STEPS, 2)
    truth = weather.values[starts[:, None] + INPUT_STEPS + np.arange(OUTPUT_STEPS)]
    errors = np.abs(forecasts - truth).mean(axis=1) / np.abs(truth - truth.mean(axis=(0, 1))).mean(axis=(0, 1))
    days = np.flatnonzero(starts[DAY:] - starts[:-DAY] == DAY)[::DAY]  # windows from which a whole day goes on
    by_day = np.array([errors[day : day + DAY].mean() for day in days])
    day = int(days[np.argsort(by_day)[len(days) // 2]])
    seen, ahead = truth[day : day + DAY, 0], forecasts[day : day + DAY]
    off = np.abs(ahead - truth[day : day + DAY]).mean(axis=(0, 1))
    charts = []
    for column, (what, unit) in enumerate((("temperature", "°C"), ("relative humidity", "%"))):
        words = (
            f"The test day whose forecasts by improved/{card.name} are as good as the median day's: "
            f"readings from {seen[:, column].min():.1f} to {seen[:, column].max():.1f} {unit}, "
            f"and a forecast each hour for the next, on average {off[column]:.2f} {unit} off."
        )
        fill = partial(_day, title=f"{what}, {unit}", seen=seen[:, column], forecasts=ahead[:, :, column])
        charts.append(Chart(f"A day's forecasts over the readings: {what}", words, style.svg(SIZE, fill, inline=True)))
    return charts


def _day(axis: Axes, title: str, seen: Array, forecasts: Array) -> None:
    hours = (np.arange(len(seen)) + 1) / 6
    axis.plot(hours, seen, color=REPORT, label="read")
    for at in range(0, len(seen) - OUTPUT_STEPS, OUTPUT_STEPS):
        ahead, label = hours[at : at + OUTPUT_STEPS], None if at else "forecast, each hour for the next"
        axis.plot(ahead, forecasts[at], ".-", color=IMPROVED, markersize=3, label=label)
    axis.set_xlabel("hours")
    axis.set_ylabel(title)
    legend(axis, 0.16, 2)


def heard_charts(card: artifact.Card, content: bytes, sources: Sources) -> list[Chart]:
    """Draw random test clips, one after the other: spectrogram, what was said, what the live listener heard."""
    speech = load_speech(sources)
    audio, label = np.stack(list(speech.clips("test"))), speech.labels("test")
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(audio), WORDS, replace=False)
    pause = rng.normal(0, 1e-3, RATE // 2).astype(np.float32)
    sound = np.concatenate([pause, pause, *(part for clip in audio[chosen] for part in (clip, pause))])
    listener = KeywordDetector(card, content, Settings(threshold_of(card, "middle")))
    chunks = sound[: len(sound) // HOP * HOP].reshape(-1, HOP)
    heard = [found for chunk in chunks if (found := listener.process(chunk))]
    said = [(1 + 1.5 * at, str(speech.words[index])) for at, index in enumerate(label[chosen])]
    caught = ", ".join(f"{found.word} ({100 * found.confidence:.0f} %)" for found in heard)
    words = f"Said: {', '.join(word for _, word in said)}. Heard by live/{card.name}: {caught or 'nothing'}."
    drawn = style.svg(SIZE, partial(_spectrogram, sound=sound, said=said, heard=heard), inline=True)
    return [Chart("Test clips drawn at random, and what the live listener heard", words, drawn)]


def _spectrogram(axis: Axes, sound: Array, said: list[tuple[float, str]], heard: list[Detection]) -> None:
    _, _, spectrum = signal.stft(sound, RATE, nperseg=FRAME, noverlap=FRAME // 2, boundary=None, padded=False)
    power = (np.abs(spectrum[:-1]) ** 2).reshape(BANDS, -1, spectrum.shape[1]).mean(axis=1)
    loudness = 10 * np.log10(power + 1e-12)
    extent = (0, len(sound) / RATE, 0, RATE / 2)
    axis.imshow(
        loudness, aspect="auto", origin="lower", extent=extent, cmap="magma", vmin=-100, vmax=-30, interpolation="none"
    )
    for start, word in said:
        axis.annotate(f"said: {word}", (start + 0.5, 7400), ha="center", color="white", fontsize=7)
    for found in heard:
        axis.axvline(found.time, color="tab:cyan", linewidth=1)
        text = f"heard: {found.word} {100 * found.confidence:.0f} %"
        axis.annotate(text, (found.time - 0.05, 6600), ha="right", color="tab:cyan", fontsize=7)
    axis.set_xlabel("seconds")
    axis.set_ylabel("Hz")
    axis.grid(visible=False)
