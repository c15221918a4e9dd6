"""Figures of the report and of others, from results/reference/."""

import json
from functools import lru_cache
from typing import Any

from pipeline import files

SEED = 22  # of the published versions


@lru_cache
def load_reference() -> dict[str, Any]:
    """Return the figures of the report and of others."""
    content: dict[str, Any] = json.loads((files.RESULTS / "reference" / "reference.json").read_text(encoding="utf-8"))
    return content


def reported() -> dict[str, Any]:
    """Return the report's own figures, by version and metric."""
    figures: dict[str, Any] = load_reference()["report"]["versions"]
    return figures


def row_name(network: str, technique: str) -> str:
    """Return our name for a row of the report's study, such as "mlp-width-0.5-sparsity-0.8"."""
    return "-".join([network, *technique.replace(" + ", " ").split(" ")])
