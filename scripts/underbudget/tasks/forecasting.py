"""The weather task: six readings in, six out."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.data.identity import SPLITS, Identity
from underbudget.data.weather import DAY, INPUT_STEPS, OUTPUT_STEPS, Weather
from underbudget.device.artifact import FORECASTING, z_score
from underbudget.device.errors import UserError
from underbudget.device.runtime import lay_out
from underbudget.intervals import block_bootstrap
from underbudget.metrics import TASK_METRICS
from underbudget.recipes import RateDistortion, Recipe
from underbudget.training import loop
from underbudget.training.rate_distortion import fit_rate_distortion

Array = NDArray[np.float32]
INPUT_SHAPE, OUTPUT_SHAPE = (INPUT_STEPS, 2), (OUTPUT_STEPS, 2)
FAR = 2  # times the error of the last reading said again: so bad is a failed training, or a mistake in reading outputs
NO_SCALING = np.zeros(2, np.float32), np.ones(2, np.float32)  # inputs in °C and %


class Forecasting:
    """Weather data with the z-score of a model's inputs; see underbudget.tasks.Task.

    Args:
        normalisation: mean and std of each input column; by default those of the train split.
    """

    kind = FORECASTING

    def __init__(self, weather: Weather, normalisation: tuple[Array, Array] | None = None) -> None:
        self._weather = weather
        if normalisation is None:
            train = weather.values[weather.split == SPLITS.index("train")].astype(np.float64)
            normalisation = train.mean(axis=0).astype(np.float32), (train.std(axis=0) + 1e-6).astype(np.float32)
        self._mean, self._std = normalisation
        self._inputs = z_score(weather.values, self._mean, self._std)

    @property
    def identity(self) -> Identity:
        return self._weather.identity

    def card(self) -> dict[str, Any]:
        return {"normalisation": {"mean": self._mean.tolist(), "std": self._std.tolist()}}

    def train(self, recipe: Recipe, seed: int) -> keras.Model:
        if not isinstance(recipe.fit, RateDistortion):
            return loop.fit_network(recipe.network, recipe.fit, self.problem(recipe.fit.loss), seed)
        model = recipe.network.create(INPUT_SHAPE, OUTPUT_SHAPE)
        readings, targets = self._weather.inputs("train"), self._weather.targets("train")
        model.set_weights([fit_rate_distortion(readings, targets, recipe.fit, seed)])
        return model

    def problem(self, loss: str) -> loop.Problem:
        """Return the training data, with one of the losses "mse" and "mae"."""
        starts = tf.constant(self._weather.windows("train"))
        inputs, targets = tf.constant(self._inputs), tf.constant(self._weather.values)
        steps = tf.range(INPUT_STEPS)

        def batch(indices: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = tf.gather(starts, indices)[:, None] + steps
            return tf.gather(inputs, rows), tf.gather(targets, rows + INPUT_STEPS)

        losses = {"mse": lambda: _mean_squared_error, "mae": self._relative_absolute_error}
        return loop.Problem(INPUT_SHAPE, OUTPUT_SHAPE, len(starts), batch, losses[loss](), self._negative_mae)

    def _relative_absolute_error(self) -> loop.Loss:
        """Return the MAE of each column divided by the MAE of the persistence forecast."""
        last = self._weather.inputs("train")[:, -1:]
        usual = tf.constant(np.abs(self._weather.targets("train") - last).mean(axis=(0, 1)))
        return lambda truth, forecast: tf.reduce_mean(tf.abs(truth - forecast) / usual)

    def _negative_mae(self, model: keras.Model) -> float:
        outputs = model(self.inputs("validation"), training=False).numpy()
        return -float(np.abs(outputs - self._weather.targets("validation")).mean())

    def inputs(self, split: str) -> Array:
        """Return inputs [windows, 6, 2], z-scored."""
        return z_score(self._weather.inputs(split), self._mean, self._std)

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """Compute the MAE of each column over all windows and steps, with a 95 % interval over days, and by step."""
        truth = self._weather.targets(split)
        errors = np.abs(_forecasts(outputs) - truth).astype(np.float64)
        result: dict[str, Any] = {"windows": len(truth)}
        for column, metric in enumerate(TASK_METRICS[FORECASTING]):
            error = errors[:, :, column]
            result[metric] = round(float(error.mean()), 5)
            result[metric + "_95"] = [round(v, 5) for v in block_bootstrap(error.mean(axis=1), DAY)]
            result[metric + "_by_step"] = [round(float(v), 5) for v in error.mean(axis=0)]
        return result

    def last_reading_errors(self, split: str) -> dict[str, Any]:
        """Compute the figures of the forecast that repeats the last reading, as `metrics` does."""
        return self.metrics(self._weather.last_readings(split), split)

    def remarks(self, outputs: Array, split: str) -> list[str]:
        """Say that forecasts are worse than the last reading said again; if far worse, what they look like instead."""
        figures, truth = self.last_reading_errors(split), self._weather.targets(split)
        last = np.array([figures[metric] for metric in TASK_METRICS[FORECASTING]])
        most = FAR * last

        def errors(forecasts: Array) -> Array:
            return np.abs(forecasts - truth).mean(axis=(0, 1))

        def in_words(forecasts: Array) -> str:
            return "{:.3f} °C and {:.3f} %".format(*errors(forecasts))

        forecasts = _forecasts(outputs)
        if (errors(forecasts) <= most).all():
            worse = (errors(forecasts) > last + 1e-4).all()
            return ["this is worse than repeating the last reading"] if worse else []
        result = ["this is far worse than repeating the last reading"]
        mean, deviation = forecasts.mean(axis=(0, 1)), forecasts.std(axis=(0, 1))
        scaled = forecasts * self._std + self._mean
        if (errors(scaled) <= most).all() or (np.abs([mean, deviation - 1]) < 0.9).all():
            result.append(
                f"its outputs look standardised (mean {mean[0]:.2f} and {mean[1]:.2f}, deviation {deviation[0]:.2f} and"
                f" {deviation[1]:.2f}), but are read as °C and %; scaled back by the mean and the deviation of its"
                f" inputs, they have errors of {in_words(scaled)}"
            )
        by_column = outputs.reshape(len(outputs), *OUTPUT_SHAPE[::-1]).swapaxes(1, 2)
        if (errors(by_column) <= most).all():
            result.append(
                f"read as six temperatures, then six humidities, its outputs have errors of {in_words(by_column)}: give"
                " it outputs of shape (2, 6) if it means that"
            )
        return result

    def conversion_check(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        distance = float(np.abs(reference.ravel() - outputs.ravel()).mean())
        # int8 weights, and activations on the way, move a wide network's outputs by 0.2; a broken conversion by degrees
        return "mean |TFLite - Keras| in °C and %", distance, 0.5 if quantised else 1e-3


def _forecasts(outputs: Array) -> Array:
    """Return outputs as forecasts [n, 6, 2] in °C and %, or raise UserError."""
    forecasts = lay_out(outputs, OUTPUT_SHAPE)
    if forecasts is None:
        raise UserError(
            f"a forecaster puts out {OUTPUT_SHAPE}, °C and % for each of {OUTPUT_STEPS} steps, this model"
            f" {outputs.shape[1:]}: is it one?"
        )
    return forecasts


def _mean_squared_error(truth: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(truth - forecast))
