"""All versions, found by themselves: a module beside this one with a VERSION. And the recipes that are published."""

from importlib import import_module
from pkgutil import iter_modules

from underbudget import versions
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.recipes import Version

_NAMES = [module.name for module in iter_modules(versions.__path__) if module.name != "catalogue"]
_FOUND: list[Version] = [import_module(f"{versions.__name__}.{name}").VERSION for name in _NAMES]
VERSIONS = {version.name: version for version in sorted(_FOUND, key=lambda version: (version.task, version.name))}
FORECASTERS, SPOTTERS = (
    tuple(name for name, version in VERSIONS.items() if version.task == task) for task in (FORECASTING, SPOTTING)
)
# each is published in a folder of models/ with its name
RECIPES = tuple(dict.fromkeys(recipe for version in VERSIONS.values() for recipe in version.recipes))
COMPARED_RECIPES = tuple(  # those with a further class are tested on other clips: their accuracy is another
    name
    for name in RECIPES
    if not any(v.recipes[name].needs_other_sounds for v in VERSIONS.values() if name in v.recipes)
)
REGULARISATION_STUDY = "regularisation"  # of our own spotters
KERAS_STUDY = "keras_fit"  # trains some of the report's spotters by Keras' own fit
KERAS_SUFFIX = "_keras"  # ends the names of its versions
QUANTISATION_STUDY = "quantisation"  # the study whose models are published too: PTQ is judged by their latency
SEARCHED = "search"  # the folder of the models that searches found
INT8_FLOAT_PAIRS = {  # for each spotter, the quantised model and the one in float
    "kws_a": ("kws_a", "kws_a_float"),
    "kws_b": ("kws_b_int8", "kws_b"),
    "kws_c": ("kws_c", "kws_c_float"),
}
