"""Small models under hard limits: data, training, shrinking, evaluation, measuring.

The functions and classes for other programs are named here, and imported when first used: docs/how-it-works.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from underbudget.data.recording import load_sound
    from underbudget.determinism import deterministic
    from underbudget.device.artifact import Card
    from underbudget.device.errors import UserError
    from underbudget.device.forecast import Forecaster
    from underbudget.device.frontend import LogMel, Mfcc, Stft, features
    from underbudget.device.listen import Detection, KeywordSpotter
    from underbudget.device.models import load_model
    from underbudget.device.runtime import Model
    from underbudget.evaluation import Evaluation, evaluate
    from underbudget.export.costs import Costs, costs
    from underbudget.export.shrink import Shrunk, shrink
    from underbudget.library import build_version, load_speech, load_weather, train
    from underbudget.recipes import Fit, Pruning, Recipe
    from underbudget.training.quantise_aware import quantise_aware_train

__all__ = [
    "Card", "Costs", "Detection", "Evaluation", "Fit", "Forecaster", "KeywordSpotter", "LogMel", "Mfcc", "Model",
    "Pruning", "Recipe", "Shrunk", "Stft", "UserError", "build_version", "costs", "deterministic", "evaluate",
    "features", "load_model", "load_sound", "load_speech", "load_weather", "quantise_aware_train", "shrink", "train",
]  # fmt: skip
_NAMES = {  # by the module that has them
    "data.recording": "load_sound",
    "determinism": "deterministic",
    "device.artifact": "Card",
    "device.errors": "UserError",
    "device.forecast": "Forecaster",
    "device.frontend": "LogMel Mfcc Stft features",
    "device.listen": "Detection KeywordSpotter",
    "device.models": "load_model",
    "device.runtime": "Model",
    "evaluation": "Evaluation evaluate",
    "export.costs": "Costs costs",
    "export.shrink": "Shrunk shrink",
    "library": "build_version load_speech load_weather train",
    "recipes": "Fit Pruning Recipe",
    "training.quantise_aware": "quantise_aware_train",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a name of __all__ as it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'underbudget' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("underbudget." + _MODULES[name]), name)


def __dir__() -> "list[str]":
    return sorted(__all__)
