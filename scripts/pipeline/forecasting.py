"""The weather task: six readings in, six out."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from device.artifact import FORECASTING
from device.errors import UserError
from pipeline import linear, models, training
from pipeline.identity import Identity
from pipeline.recipe import Recipe
from pipeline.statistics import block_bootstrap
from pipeline.weather import INPUT_STEPS, OUTPUT_STEPS, Weather

Array = NDArray[np.float32]
DAY = 144  # readings
AS_THEY_ARE = np.zeros(2, np.float32), np.ones(2, np.float32)  # inputs in °C and %
COLUMN_METRICS = ("t_mae_c", "rh_mae_pct")


class Forecasting:
    """Weather data with the z-score of a model's inputs; see pipeline.task.Task.

    Args:
        normalisation: mean and std of each input column; by default those of the train split.
    """

    kind = FORECASTING

    def __init__(self, weather: Weather, normalisation: tuple[Array, Array] | None = None) -> None:
        self._weather = weather
        if normalisation is None:
            train = weather.values[weather.split == 0].astype(np.float64)
            normalisation = train.mean(axis=0).astype(np.float32), (train.std(axis=0) + 1e-6).astype(np.float32)
        self._mean, self._std = normalisation
        self._inputs = (weather.values - self._mean) / self._std

    @property
    def identity(self) -> Identity:
        return self._weather.identity

    def card(self) -> dict[str, Any]:
        return {"normalisation": {"mean": self._mean.tolist(), "std": self._std.tolist()}}

    def train(self, recipe: Recipe, seed: int) -> keras.Model:
        model = models.build(recipe, (INPUT_STEPS, 2), (OUTPUT_STEPS, 2))
        if recipe.sparse:
            starts = self._weather.windows("train")
            readings = self._weather.values[starts[:, None] + np.arange(INPUT_STEPS + OUTPUT_STEPS)]
            model.set_weights([linear.fit(readings[:, :INPUT_STEPS], readings[:, INPUT_STEPS:], recipe.sparse, seed)])
            return model
        batch, samples = self._batch()
        loss = _mean_squared_error if recipe.normalise else self._mean_absolute_error()
        model = training.train(model, recipe, samples, batch, loss, seed, xla=True)
        if recipe.rounding:
            training.train_rounded(model, recipe.rounding, recipe.batch_size, samples, batch, loss, seed, xla=True)
        return model

    def _batch(self) -> tuple[training.Batch, int]:
        starts = tf.constant(self._weather.windows("train"))
        inputs, targets = tf.constant(self._inputs), tf.constant(self._weather.values)
        steps = tf.range(INPUT_STEPS)

        def batch(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = tf.gather(starts, indices)[:, None] + steps
            return tf.gather(inputs, rows), tf.gather(targets, rows + INPUT_STEPS)

        return batch, len(starts)

    def _mean_absolute_error(self) -> training.Loss:
        """Of each column in units of what repeating the last reading would miss by."""
        starts = self._weather.windows("train")
        last = self._weather.values[starts + INPUT_STEPS - 1][:, None]
        truth = self._weather.values[starts[:, None] + INPUT_STEPS + np.arange(OUTPUT_STEPS)]
        usual = tf.constant(np.abs(truth - last).mean(axis=(0, 1)))
        return lambda truth, forecast: tf.reduce_mean(tf.abs(truth - forecast) / usual)

    def inputs(self, split: str) -> Array:
        """[windows, 6, 2], z-scored."""
        return np.asarray(self._inputs[self._weather.windows(split)[:, None] + np.arange(INPUT_STEPS)])

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """MAE of each column over all windows and steps, with a 95 % interval over days, and by step."""
        starts = self._weather.windows(split)
        truth = self._weather.values[starts[:, None] + INPUT_STEPS + np.arange(OUTPUT_STEPS)]
        if outputs[0].size != truth[0].size:
            raise UserError(f"a forecaster puts out {truth.shape[1:]}, this model {outputs.shape[1:]}")
        errors = np.abs(outputs.reshape(truth.shape) - truth).astype(np.float64)
        result: dict[str, Any] = {"windows": len(starts)}
        for column, metric in enumerate(COLUMN_METRICS):
            error = errors[:, :, column]
            result[metric] = round(float(error.mean()), 5)
            result[metric + "_95"] = [round(v, 5) for v in block_bootstrap(error.mean(axis=1), DAY)]
            result[metric + "_by_step"] = [round(float(v), 5) for v in error.mean(axis=0)]
        return result

    def parity(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        distance = float(np.abs(reference.ravel() - outputs.ravel()).mean())
        # int8 weights, and activations on the way, move a wide network's outputs by 0.2; a broken conversion by degrees
        return "mean |TFLite - Keras| in °C and %", distance, 0.5 if quantised else 1e-3


def _mean_squared_error(truth: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(truth - forecast))
