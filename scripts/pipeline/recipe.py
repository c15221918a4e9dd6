"""A version and its recipes as data: what a version script holds, and what a card repeats in full."""

import runpy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device import frontend
from device.frontend import FrontEnd


@dataclass(frozen=True)
class Metric:
    """How a figure is named, shown and judged."""

    title: str
    unit: str
    digits: int
    more_is_better: bool = False


METRICS = {
    "t_mae_c": Metric("T MAE", "°C", 3),
    "rh_mae_pct": Metric("Rh MAE", "%", 3),
    "accuracy_pct": Metric("accuracy", "%", 2, more_is_better=True),
    "size_kb": Metric("size", "kB", 2),
    "inference_ms": Metric("inference", "ms", 3),
    "total_ms": Metric("total latency", "ms", 3),
}


@dataclass(frozen=True)
class Constraint:
    """A strict limit on one of METRICS; a size in kB of 1024 bytes, as in the report."""

    metric: str
    limit: float

    def met_by(self, value: float) -> bool:
        return value > self.limit if METRICS[self.metric].more_is_better else value < self.limit


@dataclass(frozen=True)
class Pruning:
    """Magnitude pruning on tfmot's PolynomialDecay, between the starts of two epochs (counted from 0)."""

    final_sparsity: float
    initial_sparsity: float = 0.30
    begin_epoch: int = 5
    end_epoch: int = 15


@dataclass(frozen=True)
class Recipe:
    """How a model is made.

    Attributes:
        architecture: "mlp", "cnn" or "ds_cnn" (see pipeline/models.py).
        width: multiplies the units or filters of each hidden layer: structured pruning.
        front_end: spotters only.
        pruning: magnitude pruning, or None.
        quantise: int8 weights after training (see pipeline/shrink.py).
    """

    architecture: str
    width: float
    learning_rate: float
    epochs: int
    front_end: FrontEnd | None = None
    pruning: Pruning | None = None
    quantise: bool = False
    batch_size: int = 32

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "front_end": frontend.to_dict(self.front_end) if self.front_end else None}


@dataclass(frozen=True)
class Version:
    """One exercise version: its task (device.artifact), its constraints, its recipes by name."""

    name: str
    task: str
    constraints: tuple[Constraint, ...]
    recipes: Mapping[str, Recipe]


VERSIONS = {  # the version scripts: the one place where a version's numbers stand
    "th_a": "03_th_a.py",
    "th_b": "04_th_b.py",
    "kws_a": "05_kws_a.py",
    "kws_b": "06_kws_b.py",
    "kws_c": "07_kws_c.py",
}


def load_version(name: str) -> Version:
    """The version that a version script holds."""
    version: Version = runpy.run_path(str(Path(__file__).parents[1] / VERSIONS[name]))["VERSION"]
    return version
