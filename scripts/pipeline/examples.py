"""Two drawings of the models at work on test data: a day's forecasts over the readings, and what was heard in a sound.

They are drawn where the data are, and kept as SVG among the results: the page itself needs no data.
"""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import signal

from device import artifact
from device.audio import RATE
from device.listen import HOP, Heard, Listener, Settings
from device.runtime import Model
from pipeline import files, plots
from pipeline.charts import IMPROVED, WIDTH, Chart, legend
from pipeline.data import Sources, load_speech, load_weather
from pipeline.place import Place
from pipeline.plots import REPORT
from pipeline.recipe import METRICS
from pipeline.speech import LABELS
from pipeline.weather import INPUT_STEPS, OUTPUT_STEPS

Array = NDArray[np.float32]
MADE_WITH = "<!-- made with: python scripts/09_report.py --publish -->"
DAY = 144  # readings
WORDS = 6
FRAME, BANDS = 512, 64  # of the spectrogram
SEED = 0  # of the choice of clips
KEPT = {  # by version: the file's name, and what stands for it where it can't be seen
    "th_a": (
        "example-forecast.svg",
        "A day's forecasts over the readings",
        "Temperature and humidity of the test day whose forecasts are as good as the median day's: the forecasts of "
        "improved/th_a, one each hour for the next, lie over the readings.",
    ),
    "kws_a": (
        "example-heard.svg",
        "Test clips drawn at random, and what the live listener heard",
        "Spectrogram of six words with pauses; above each the word that was said, below it what improved/kws_a heard "
        "after it, with its probability.",
    ),
}


def write_examples(place: Place, sources: Sources) -> None:
    """Draw both with our own th_a and kws_a of `place`, where these stand.

    Raises:
        UserError: bad data, or none.
    """
    for name, draw in (("th_a", forecast_svg), ("kws_a", heard_svg)):
        if card := place.card("improved", name):
            content = artifact.load(place.models / "improved", name)[1]
            drawn = draw(card, content, sources)
            files.write_text(place.results / KEPT[name][0], f"{MADE_WITH}\n{drawn}")


def kept(place: Place) -> list[Chart]:
    """The drawings that stand among the results."""
    return [
        Chart(title, words, path.read_text(encoding="utf-8"))
        for name, title, words in KEPT.values()
        if (path := place.results / name).exists()
    ]


def forecast_svg(card: artifact.Card, content: bytes, sources: Sources) -> str:
    """The test day whose forecasts are as good as those of the median day: its readings, a forecast each hour."""
    weather = load_weather(sources)
    starts = weather.windows("test")
    readings = weather.values[starts[:, None] + np.arange(INPUT_STEPS)]
    inputs: Array = ((readings - np.asarray(card.mean)) / np.asarray(card.std)).astype(np.float32)
    forecasts = Model(content, card.name).predict(inputs).reshape(-1, OUTPUT_STEPS, 2)
    truth = weather.values[starts[:, None] + INPUT_STEPS + np.arange(OUTPUT_STEPS)]
    errors = np.abs(forecasts - truth).mean(axis=1) / np.abs(truth - truth.mean(axis=(0, 1))).mean(axis=(0, 1))
    days = np.flatnonzero(starts[DAY:] - starts[:-DAY] == DAY)[::DAY]  # windows from which a whole day goes on
    by_day = np.array([errors[day : day + DAY].mean() for day in days])
    day = int(days[np.argsort(by_day)[len(days) // 2]])
    panels = [
        partial(_day, column=column, truth=truth[day : day + DAY, 0], forecasts=forecasts[day : day + DAY])
        for column in (0, 1)
    ]
    return plots.svg((2 * WIDTH, 3.4), *panels, inline=True)


def _day(axis: Axes, column: int, truth: Array, forecasts: Array) -> None:
    hours = (np.arange(len(truth)) + 1) / 6
    metric = METRICS[("t_mae_c", "rh_mae_pct")[column]]
    axis.plot(hours, truth[:, column], color=REPORT, label="read")
    for at in range(0, len(truth) - OUTPUT_STEPS, OUTPUT_STEPS):
        label = None if at else "forecast, each hour for the next"
        axis.plot(
            hours[at : at + OUTPUT_STEPS], forecasts[at, :, column], ".-", color=IMPROVED, markersize=3, label=label
        )
    axis.set_xlabel("hours")
    axis.set_ylabel({"°C": "temperature, °C", "%": "relative humidity, %"}[metric.unit])
    legend(axis, 0.16, 2)


def heard_svg(card: artifact.Card, content: bytes, sources: Sources) -> str:
    """Test clips drawn at random, one after the other: spectrogram, what was said, what the live listener heard."""
    speech = load_speech(sources)
    audio, label = speech.subset("test")
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(audio), WORDS, replace=False)
    pause = rng.normal(0, 1e-3, RATE // 2).astype(np.float32)
    sound = np.concatenate([pause, pause, *(part for clip in audio[chosen] for part in (clip, pause))])
    listener = Listener(card, content, Settings())
    chunks = sound[: len(sound) // HOP * HOP].reshape(-1, HOP)
    heard = [word for chunk in chunks if (word := listener.hear(chunk))]
    said = [(1 + 1.5 * at, LABELS[index]) for at, index in enumerate(label[chosen])]
    return plots.svg((2 * WIDTH, 3.2), partial(_spectrogram, sound=sound, said=said, heard=heard), inline=True)


def _spectrogram(axis: Axes, sound: Array, said: list[tuple[float, str]], heard: list[Heard]) -> None:
    _, _, spectrum = signal.stft(sound, RATE, nperseg=FRAME, noverlap=FRAME // 2, boundary=None, padded=False)
    power = (np.abs(spectrum[:-1]) ** 2).reshape(BANDS, -1, spectrum.shape[1]).mean(axis=1)
    loudness = 10 * np.log10(power + 1e-12)
    extent = (0, len(sound) / RATE, 0, RATE / 2)
    axis.imshow(
        loudness, aspect="auto", origin="lower", extent=extent, cmap="magma", vmin=-100, vmax=-30, interpolation="none"
    )
    for start, word in said:
        axis.annotate(f"said: {word}", (start + 0.5, 7300), ha="center", color="white", fontsize=8)
    for found in heard:
        axis.axvline(found.time, color="tab:cyan", linewidth=1)
        text = f"heard: {found.word} {100 * found.confidence:.0f} %"
        axis.annotate(text, (found.time - 0.05, 6500), ha="right", color="tab:cyan", fontsize=8)
    axis.set_xlabel("seconds")
    axis.set_ylabel("Hz")
    axis.grid(visible=False)
