"""The weather task: six readings in, six out; what a model is given of it, and how it is judged."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.data.identity import SPLITS, Identity
from underbudget.data.weather import DAY, INPUT_STEPS, OUTPUT_STEPS, Weather
from underbudget.device.artifact import FORECASTING, z_score
from underbudget.device.errors import UserError
from underbudget.device.runtime import Model, lay_out
from underbudget.intervals import block_bootstrap
from underbudget.metrics import TASK_METRICS

Array = NDArray[np.float32]
INPUT_SHAPE, OUTPUT_SHAPE = (INPUT_STEPS, 2), (OUTPUT_STEPS, 2)
SEASONS = ("winter", "spring", "summer", "autumn")  # three months each, from December on
QUARTERS = ("0–6 h", "6–12 h", "12–18 h", "18–24 h")  # of the day, on the clock of the data
LEAST_DAYS = 5  # of which a bootstrap can tell how much days differ
FAR = 2  # times the error of the last reading said again: so bad is a failed training, or a mistake in reading outputs
NO_SCALING = np.zeros(2, np.float32), np.ones(2, np.float32)  # inputs in °C and %

USE = {  # what a card says to those who take the model elsewhere
    "for": "experiments: the next hour of temperature and relative humidity at the place of its training data",
    "not_for": "warnings or control: it knows one place, and no weather that was not in its data",
    "input": "six readings 10 minutes apart, [6, 2]: °C and %, less normalisation.mean, divided by normalisation.std",
    "output": "the next six, [6, 2], in °C and %",
    "licence": "Apache-2.0, as far as the licence of the data it was made from allows",
}


class Forecasting:
    """Weather data with the z-score of a model's inputs; see underbudget.tasks.

    Args:
        normalisation: mean and std of each input column; by default those of the train split.
    """

    kind = FORECASTING

    def __init__(self, weather: Weather, normalisation: tuple[Array, Array] | None = None) -> None:
        self.weather = weather
        if normalisation is None:
            train = weather.values[weather.split == SPLITS.index("train")].astype(np.float64)
            normalisation = train.mean(axis=0).astype(np.float32), (train.std(axis=0) + 1e-6).astype(np.float32)
        self.mean, self.std = normalisation

    @property
    def identity(self) -> Identity:
        return self.weather.identity

    def card(self) -> dict[str, Any]:
        """Return what a card says of the model's use and inputs."""
        return {"use": USE, "normalisation": {"mean": self.mean.tolist(), "std": self.std.tolist()}}

    def inputs(self, split: str) -> Array:
        """Return inputs [windows, past, 2], z-scored."""
        return self.scaled(self.weather.inputs(split))

    def scaled(self, readings: Array) -> Array:
        """Return readings [..., 2] in °C and % as z-scores."""
        return z_score(readings, self.mean, self.std)

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """Compute the MAE of each column over all windows and steps, with a 95 % interval over days, and its parts.

        The parts are by step, by season and by quarter of the day in which the forecast is made; None: no window is in
        it. The bias is the mean of forecast less truth, _90 how far off 90 % of the forecasts are at most. Of fewer
        than five days there is no interval.

        Raises:
            UserError: outputs of another shape than a forecaster's.
        """
        truth, now = self.weather.targets(split), self.weather.now(split)
        signed = (self._forecasts(outputs) - truth).astype(np.float64)
        month, hour = (now.astype(f"datetime64[{unit}]").astype(int) for unit in "Mh")
        season, quarter = (month + 1) % 12 // 3, hour % 24 // 6
        result: dict[str, Any] = {"windows": len(truth)}
        for column, metric in enumerate(TASK_METRICS[FORECASTING]):
            error = np.abs(signed[:, :, column])
            result[metric] = round(float(error.mean()), 5)
            interval = block_bootstrap(error.mean(axis=1), DAY) if len(truth) > (LEAST_DAYS - 1) * DAY else None
            result[metric + "_95"] = interval and [round(v, 5) for v in interval]
            result[metric + "_by_step"] = [round(float(v), 5) for v in error.mean(axis=0)]
            far = np.quantile(error, 0.9, axis=0)
            result[metric.replace("_mae", "") + "_90_by_step"] = [round(float(v), 5) for v in far]
            result[metric + "_by_season"] = _means(error, season, len(SEASONS))
            result[metric + "_by_quarter"] = _means(error, quarter, len(QUARTERS))
            result[metric.replace("mae", "bias")] = round(float(signed[:, :, column].mean()), 5)
        return result

    def last_reading_errors(self, split: str) -> dict[str, Any]:
        """Compute the figures of the forecast that repeats the last reading, as `metrics` does."""
        return self.metrics(self.weather.last_readings(split), split)

    def remarks(self, outputs: Array, split: str) -> list[str]:
        """Say that forecasts are worse than the last reading said again; if far worse, what they look like instead.

        Raises:
            UserError: as `metrics`.
        """
        figures, truth = self.last_reading_errors(split), self.weather.targets(split)
        last = np.array([figures[metric] for metric in TASK_METRICS[FORECASTING]])
        most = FAR * last

        def errors(forecasts: Array) -> Array:
            return np.abs(forecasts - truth).mean(axis=(0, 1))

        def in_words(forecasts: Array) -> str:
            return "{:.3f} °C and {:.3f} %".format(*errors(forecasts))

        forecasts = self._forecasts(outputs)
        if (errors(forecasts) <= most).all():
            worse = (errors(forecasts) > last + 1e-4).all()
            return ["this is worse than repeating the last reading"] if worse else []
        result = ["this is far worse than repeating the last reading"]
        mean, deviation = forecasts.mean(axis=(0, 1)), forecasts.std(axis=(0, 1))
        scaled = forecasts * self.std + self.mean
        if (errors(scaled) <= most).all() or (np.abs([mean, deviation - 1]) < 0.9).all():
            result.append(
                f"its outputs look standardised (mean {mean[0]:.2f} and {mean[1]:.2f}, deviation {deviation[0]:.2f} and"
                f" {deviation[1]:.2f}), but are read as °C and %; scaled back by the mean and the deviation of its"
                f" inputs, they have errors of {in_words(scaled)}"
            )
        by_column = outputs.reshape(len(outputs), 2, -1).swapaxes(1, 2)
        if (errors(by_column) <= most).all():
            result.append(
                f"read as all temperatures, then all humidities, its outputs have errors of {in_words(by_column)}: give"
                f" it outputs of shape (2, {self.weather.ahead}) if it means that"
            )
        return result

    def _forecasts(self, outputs: Array) -> Array:
        """Return outputs as forecasts [n, ahead, 2] in °C and %, or raise UserError."""
        shape = (self.weather.ahead, 2)
        forecasts = lay_out(outputs, shape)
        if forecasts is None:
            raise UserError(
                f"a forecaster puts out {shape}, °C and % for each of {shape[0]} steps, this model"
                f" {outputs.shape[1:]}: is it one?"
            )
        return forecasts

    def conversion_check(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        """Compare TFLite's outputs with Keras': return what is compared, the distance, and the largest allowed."""
        distance = float(np.abs(reference.ravel() - outputs.ravel()).mean())
        # int8 weights, and activations on the way, move a wide network's outputs by 0.2; a broken conversion by degrees
        return "mean |TFLite - Keras| in °C and %", distance, 0.5 if quantised else 1e-3


def _means(errors: NDArray[np.float64], part: NDArray[np.int64], parts: int) -> list[float | None]:
    """Return the mean of errors [windows, steps] in each part of the windows."""
    return [round(float(errors[part == i].mean()), 5) if (part == i).any() else None for i in range(parts)]


def cut_for(model: Model, weather: Weather) -> Weather:
    """Return the readings in windows as a forecaster without a card takes and forecasts them, however many each.

    Raises:
        UserError: its shapes are not those of temperatures and humidities.
    """
    past, ahead = _steps(model.input_shape), _steps(model.output_shape)
    if past is None or ahead is None:
        raise UserError(
            f"{model.name}: takes inputs of shape {model.input_shape} and puts out {model.output_shape}: a forecaster"
            f" takes readings of °C and %, (n, 2), such as {INPUT_SHAPE}, and puts out the next,"
            " (m, 2); one of a single quantity can't be tested here"
        )
    return replace(weather, past=past, ahead=ahead)


def _steps(shape: tuple[int, ...]) -> int | None:
    """Return how many pairs of °C and % a shape holds, where that is plain: (n, 2), (2, n), (12,), (2,)."""
    sides = sorted(side for side in shape if side > 1)
    if sides in ([2], [2 * INPUT_STEPS]):
        return sides[0] // 2
    return sides[1] if len(sides) == 2 and sides[0] == 2 else None
