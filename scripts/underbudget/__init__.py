"""Small models under hard budgets: data, training, shrinking, evaluation, measuring.

What other programs may use of it is named here, and imported as it is used: see docs/library.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from underbudget.library import build_version, load_speech, load_weather
    from underbudget.training.quantise_aware import quantise_aware_train

__all__ = [
    "Card",
    "Costs",
    "Detection",
    "Evaluation",
    "Forecaster",
    "KeywordSpotter",
    "LogMel",
    "Mfcc",
    "Model",
    "Shrunk",
    "Stft",
    "UserError",
    "build_version",
    "costs",
    "deterministic",
    "evaluate",
    "features",
    "load_model",
    "load_speech",
    "load_weather",
    "quantise_aware_train",
    "shrink",
]
_MODULES = {
    "Card": "device.artifact",
    "Costs": "export.costs",
    "Detection": "device.listen",
    "Evaluation": "evaluation",
    "Forecaster": "device.forecast",
    "KeywordSpotter": "device.listen",
    "LogMel": "device.frontend",
    "Mfcc": "device.frontend",
    "Model": "device.runtime",
    "Shrunk": "export.shrink",
    "Stft": "device.frontend",
    "UserError": "device.errors",
    "build_version": "library",
    "costs": "export.costs",
    "deterministic": "determinism",
    "evaluate": "evaluation",
    "features": "device.frontend",
    "load_model": "device.models",
    "load_speech": "library",
    "load_weather": "library",
    "quantise_aware_train": "training.quantise_aware",
    "shrink": "export.shrink",
}


def __getattr__(name: str) -> Any:
    """Import a name of __all__ as it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'underbudget' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("underbudget." + _MODULES[name]), name)


def __dir__() -> "list[str]":
    return sorted(__all__)
