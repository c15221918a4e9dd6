"""A forecaster at work on the test split: a day's forecasts over the readings.

It is drawn where the data are, into a file that the page takes in: the page needs no data itself.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import DAY, OUTPUT_STEPS
from underbudget.device import artifact
from underbudget.device.runtime import open_model
from underbudget.reproduction.results import Results
from underbudget.results_page.style import IMPROVED, REPORT, Chart, chart, legend

Array = NDArray[np.float32]
FILE = "at-work.svg"
MODEL = "improved", "th_a"


def at_work(results: Results) -> list[Chart]:
    """Read the drawing beside the page, if there is one."""
    path = results.store.page / FILE
    card = results.store.models.joinpath(*MODEL).with_suffix(".json")
    return [replace(Chart.from_file(path.read_text(encoding="utf-8")), data=(card,))] if path.exists() else []


def draw_at_work(results: Results, sources: Sources) -> None:
    """Draw the test day whose forecasts are as good as those of the median day, if there is the model.

    Raises:
        UserError: bad data, or none.
    """
    if not results.card(*MODEL):
        return
    card, content = artifact.load(results.store.models / MODEL[0], MODEL[1])
    weather = load_weather(sources)
    starts = weather.windows("test")
    inputs = card.standardise(weather.inputs("test"))
    outputs = open_model(card, content).predict(inputs).reshape(-1, OUTPUT_STEPS, 2)
    truth = weather.targets("test")
    errors = np.abs(outputs - truth).mean(axis=1) / np.abs(truth - truth.mean(axis=(0, 1))).mean(axis=(0, 1))
    days = np.flatnonzero(starts[DAY:] - starts[:-DAY] == DAY)[::DAY]  # windows from which a whole day goes on
    by_day = np.array([errors[day : day + DAY].mean() for day in days])
    day = int(days[np.argsort(by_day)[len(days) // 2]])
    seen, ahead = truth[day : day + DAY, 0, 0], outputs[day : day + DAY, :, 0]
    words = (
        f"The test day whose forecasts by {'/'.join(MODEL)} are as good as the median day's: from {seen.min():.1f} to"
        f" {seen.max():.1f} °C, and a forecast each hour for the next, on average"
        f" {np.abs(ahead - truth[day : day + DAY, :, 0]).mean():.2f} °C off."
    )
    drawn = chart("A day's forecasts over the readings", words, (), 400, partial(_day, seen, ahead))
    files.write_text(results.store.page / FILE, drawn.to_file())


def _day(seen: Array, ahead: Array, axis: Axes) -> None:
    hours = (np.arange(len(seen)) + 1) / 6
    axis.plot(hours, seen, color=REPORT, label="read")
    for at in range(0, len(seen), OUTPUT_STEPS):
        label = None if at else "forecast, each hour for the next"
        axis.plot(
            hours[at : at + OUTPUT_STEPS], ahead[at], ".-", color=IMPROVED, markersize=2, linewidth=1, label=label
        )
    axis.set_xlabel("hours")
    axis.set_ylabel("temperature, °C")
    legend(axis, 0.15, 1)
