"""Figures of the report and of others, from results/reference/."""

import json
from functools import lru_cache
from typing import Any

from underbudget import files
from underbudget.device.artifact import TASK_METRICS

PUBLISHED_SEED = 22  # of the published versions
PEERS = files.RESULTS / "reference" / "peers.json"  # other groups' files, measured
REFERENCE = PEERS.with_name("reference.json")  # figures of the report and of others


@lru_cache
def load_reference() -> dict[str, Any]:
    """Return the figures of the report and of others."""
    return _load("reference")


@lru_cache
def load_assumptions() -> dict[str, Any]:
    """Return what the report states of its trainings, what we assume, and what the authors noted."""
    return _load("assumptions")


@lru_cache
def load_peers() -> dict[str, Any]:
    """Return our measurements of other groups' files."""
    return _load("peers")


@lru_cache
def load_independent() -> dict[str, Any]:
    """Return the runs of a second implementation of the report's spotters."""
    return _load("independent")


@lru_cache
def load_homeworks() -> list[dict[str, Any]]:
    """Return the limits of the homeworks that are of our tasks, of all years."""
    found: list[dict[str, Any]] = _load("homeworks")["homeworks"]
    return found


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((files.RESULTS / "reference" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def reported(name: str) -> dict[str, Any]:
    """Return the report's own figures of a version, by metric; none of a version that the report does not have."""
    figures: dict[str, Any] = load_reference()["report"]["versions"].get(name, {})
    return figures


def authors_file(name: str) -> dict[str, Any]:
    """Return our measurement of the file that the report's authors published of a version; empty if there is none."""
    peers = [peer for task in TASK_METRICS for peer in load_peers()[task]]
    return next((peer for peer in peers if peer["name"] == f"2021-g5-{name}"), {})


def row_name(network: str, technique: str) -> str:
    """Return our name for a row of the authors' study, such as "mlp-width-0.5-sparsity-0.8"."""
    return "-".join([network, *technique.replace(" + ", " ").split(" ")])
