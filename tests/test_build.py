"""What a card says that a model was made from is what it was made from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from underbudget import build
from underbudget.build import Plan
from underbudget.data import synthetic
from underbudget.data.sources import DataSets, Sources
from underbudget.versions.catalogue import VERSIONS


def test_the_data_that_the_card_names_are_those_that_were_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though another run puts others in their place, as `make data` in another window does."""
    loads = iter([DataSets(synthetic.make_weather(rows)) for rows in (200, 300)])
    trained: list[tuple[Any, Any]] = []

    def produce(ordered: Plan, load: Callable[[], DataSets]) -> tuple[bytes, dict[str, Any]]:
        trained.append((ordered.made_from["data"]["digest"], load().identity.digest))
        return b"", {}

    monkeypatch.setattr(build, "load_data", lambda *_: next(loads))
    monkeypatch.setattr(build, "produce", produce)
    monkeypatch.setattr(build, "write", lambda *_: None)
    build.build(VERSIONS["th_b"], "improved", 1, Sources(), "a test")
    ((said, used),) = trained
    assert said == used
