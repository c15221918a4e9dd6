"""The two tasks: data prepared for one model, what its outputs are worth, and what its card says of them.

Splits are "train", "validation" and "test". Nothing here needs TensorFlow; underbudget.training does.
"""

from underbudget.data.sources import DataSets
from underbudget.data.weather import Weather
from underbudget.recipes import Readings, Recipe
from underbudget.tasks.forecasting import NO_SCALING, Forecasting
from underbudget.tasks.spotting import Spotting

Task = Forecasting | Spotting


def prepare(recipe: Recipe, data: DataSets) -> Task:
    """Prepare the task with its data, as a recipe's model is trained for it."""
    if isinstance(data.main, Weather):
        assert isinstance(recipe.inputs, Readings)  # as every forecaster's are
        weather = data.main if recipe.inputs.year is None else data.main.trained_on(recipe.inputs.year)
        return Forecasting(weather, None if recipe.inputs.standardised else NO_SCALING)
    assert not isinstance(recipe.inputs, Readings)
    return Spotting(data.main, recipe.inputs, other=data.other)
