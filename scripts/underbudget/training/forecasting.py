"""How a forecaster is trained: what the loop is given of its task, or a search by error and bytes."""

from functools import partial

import numpy as np
import tensorflow as tf
import tf_keras as keras

from underbudget.data.weather import INPUT_STEPS
from underbudget.recipes import Fit, RateDistortion, Recipe
from underbudget.tasks.forecasting import INPUT_SHAPE, OUTPUT_SHAPE, Forecasting
from underbudget.training import loop
from underbudget.training.rate_distortion import fit_rate_distortion


def train(task: Forecasting, recipe: Recipe, seed: int) -> keras.Model:
    """Train a network by a recipe."""
    if not isinstance(recipe.fit, RateDistortion):
        return loop.fit_network(recipe.network, recipe.fit, problem(task, recipe.fit), seed)
    model = recipe.network.create(INPUT_SHAPE, OUTPUT_SHAPE)
    readings, targets = task.weather.inputs("train"), task.weather.targets("train")
    model.set_weights([fit_rate_distortion(readings, targets, recipe.fit, seed)])
    return model


def problem(task: Forecasting, fit: Fit) -> loop.Problem:
    """Return the training data, with one of the losses "mse" and "mae"."""
    starts = tf.constant(task.weather.windows("train"))
    inputs, targets = tf.constant(task.scaled(task.weather.values)), tf.constant(task.weather.values)
    steps = tf.range(INPUT_STEPS)

    def batch(indices: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.gather(starts, indices)[:, None] + steps
        return tf.gather(inputs, rows), tf.gather(targets, rows + INPUT_STEPS)

    loss = _mean_squared_error if fit.loss == "mse" else _relative_absolute_error(task)
    return loop.Problem(INPUT_SHAPE, OUTPUT_SHAPE, len(starts), batch, loss, partial(_negative_mae, task))


def _relative_absolute_error(task: Forecasting) -> loop.Loss:
    """Return the MAE of each column divided by the MAE of the persistence forecast."""
    last = task.weather.inputs("train")[:, -1:]
    usual = tf.constant(np.abs(task.weather.targets("train") - last).mean(axis=(0, 1)))
    return lambda truth, forecast: tf.reduce_mean(tf.abs(truth - forecast) / usual)


def _negative_mae(task: Forecasting, model: keras.Model) -> float:
    outputs = model(task.inputs("validation"), training=False).numpy()
    return -float(np.abs(outputs - task.weather.targets("validation")).mean())


def _mean_squared_error(truth: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(truth - forecast))
