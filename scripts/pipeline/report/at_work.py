"""The models at work on test data, drawn: a day's forecasts over the readings, and what was detected in a sound.

They are drawn where the data are, into files that the page takes in: it needs no data itself.
"""

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
from pipeline.data.weather import DAY, OUTPUT_STEPS
from pipeline.report.style import IMPROVED, REPORT, WIDTH, Chart, chart, legend
from pipeline.study.results import Results

Array = NDArray[np.float32]
WORDS = 4
SEED = 0  # of the choice of clips
FRAME, BANDS = 512, 64  # of the spectrogram


def draw_at_work(results: Results, sources: Sources) -> None:
    """Draw our own th_a and the spotter that is made for listening, where there are such models, beside the page.

    Raises:
        UserError: bad data, or none.
    """
    for recipe, name, draw in (("improved", "th_a", forecasts), ("live", "kws_a", detections)):
        if card := results.card(recipe, name):
            drawn = draw(card, artifact.load(results.store.models / recipe, name)[1], sources)
            files.write_text(results.store.page / f"at-work-{name}.svg", drawn.to_file())


def at_work(results: Results) -> list[Chart]:
    """Read the drawings beside the page."""
    return [Chart.from_file(path.read_text(encoding="utf-8")) for path in sorted(results.store.page.glob("at-work-*"))]


def forecasts(card: artifact.Card, content: bytes, sources: Sources) -> Chart:
    """Draw the test day whose forecasts are as good as those of the median day: readings, one forecast per hour."""
    weather = load_weather(sources)
    starts = weather.windows("test")
    inputs = card.standardise(weather.inputs("test"))
    outputs = open_model(card, content).predict(inputs).reshape(-1, OUTPUT_STEPS, 2)
    truth = weather.targets("test")
    errors = np.abs(outputs - truth).mean(axis=1) / np.abs(truth - truth.mean(axis=(0, 1))).mean(axis=(0, 1))
    days = np.flatnonzero(starts[DAY:] - starts[:-DAY] == DAY)[::DAY]  # windows from which a whole day goes on
    by_day = np.array([errors[day : day + DAY].mean() for day in days])
    day = int(days[np.argsort(by_day)[len(days) // 2]])
    seen, ahead = truth[day : day + DAY, 0], outputs[day : day + DAY]
    off = np.abs(ahead - truth[day : day + DAY]).mean(axis=(0, 1))
    columns = list(enumerate((("temperature", "°C"), ("relative humidity", "%"))))
    read = (f"{what} from {seen[:, i].min():.1f} to {seen[:, i].max():.1f} {unit}" for i, (what, unit) in columns)
    errors_then = " and ".join(f"{off[i]:.2f} {unit}" for i, (_, unit) in columns)
    words = (
        f"The test day whose forecasts by improved/{card.name} are as good as the median day's: {' and '.join(read)},"
        f" and a forecast each hour for the next, on average {errors_then} off."
    )
    panels = [partial(_day, i, f"{what}, {unit}", seen[:, i], ahead[:, :, i]) for i, (what, unit) in columns]
    return chart("A day's forecasts over the readings", words, (WIDTH, 3.2), *panels)


def _day(panel: int, title: str, seen: Array, ahead: Array, axis: Axes) -> None:
    hours = (np.arange(len(seen)) + 1) / 6
    axis.plot(hours, seen, color=REPORT, label="read")
    for at in range(0, len(seen) - OUTPUT_STEPS, OUTPUT_STEPS):
        label = None if at else "forecast, each hour for the next"
        axis.plot(
            hours[at : at + OUTPUT_STEPS], ahead[at], ".-", color=IMPROVED, markersize=2, linewidth=1, label=label
        )
    axis.set_xlabel("hours")
    axis.set_ylabel(title)
    if panel == 0:
        legend(axis, 0.16, 1)


def detections(card: artifact.Card, content: bytes, sources: Sources) -> Chart:
    """Draw random test clips, one after the other: spectrogram, what was said, what the live listener detected."""
    speech = load_speech(sources)
    audio, label = np.stack(list(speech.clips("test"))), speech.labels("test")
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(audio), WORDS, replace=False)
    pause = rng.normal(0, 1e-3, RATE // 2).astype(np.float32)
    sound = np.concatenate([pause, pause, *(part for clip in audio[chosen] for part in (clip, pause))])
    listener = KeywordDetector(card, content, Settings(threshold_of(card, "middle")))
    chunks = sound[: len(sound) // HOP * HOP].reshape(-1, HOP)
    found = [detection for chunk in chunks if (detection := listener.process(chunk))]
    said = [(1 + 1.5 * at, str(speech.words[index])) for at, index in enumerate(label[chosen])]
    caught = ", ".join(f"{one.word} ({100 * one.confidence:.0f} %)" for one in found)
    words = f"Said: {', '.join(word for _, word in said)}. Detected by live/{card.name}: {caught or 'nothing'}."
    title = "Test clips drawn at random, and what the live listener detected"
    return chart(title, words, (WIDTH, 3.2), partial(_spectrogram, sound, said, found))


def _spectrogram(sound: Array, said: list[tuple[float, str]], found: list[Detection], axis: Axes) -> None:
    _, _, spectrum = signal.stft(sound, RATE, nperseg=FRAME, noverlap=FRAME // 2, boundary=None, padded=False)
    power = (np.abs(spectrum[:-1]) ** 2).reshape(BANDS, -1, spectrum.shape[1]).mean(axis=1)
    loudness = 10 * np.log10(power + 1e-12)
    extent = (0, len(sound) / RATE, 0, RATE / 2)
    axis.imshow(
        loudness, aspect="auto", origin="lower", extent=extent, cmap="magma", vmin=-100, vmax=-30, interpolation="none"
    )
    for start, word in said:
        axis.annotate(f"said: {word}", (start + 0.5, 7400), ha="center", color="white", fontsize=7)
    for one in found:
        axis.axvline(one.time, color="tab:cyan", linewidth=1)
        text = f"detected: {one.word} {100 * one.confidence:.0f} %"
        axis.annotate(text, (one.time - 0.05, 6600), ha="right", color="tab:cyan", fontsize=7)
    axis.set_xlabel("seconds")
    axis.set_ylabel("Hz")
    axis.grid(visible=False)
