"""The same code makes the same bytes: see kinds.py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proof.kinds import KINDS
from underbudget.data import speech
from underbudget.data.weather import Weather
from underbudget.device.frontend import _Spectrum

SUMS = json.loads(Path(__file__).with_name("sums.json").read_text(encoding="utf-8"))
WINDOWS, MAGNITUDE = Weather.windows, _Spectrum.magnitude
CHANGES: dict[str, tuple[Any, str, Any]] = {
    "windows": (Weather, "windows", lambda weather, split: WINDOWS(weather, split)[:-1] + 1),  # each a step later
    "splits": (speech, "_hash_split", lambda name: len(name) % 3),
    **{  # rounded up in the last bit
        kind: (
            _Spectrum,
            "magnitude",
            lambda spectrum, frames: np.nextafter(MAGNITUDE(spectrum, frames), np.float32(9e9)),
        )
        for kind in KINDS
        if kind.startswith("features")
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_of_the_code_changes_no_byte(kind: str, data_folder: Path) -> None:
    assert KINDS[kind]() == SUMS[kind]


@pytest.mark.parametrize("kind", CHANGES)
def test_a_small_change_of_what_training_rests_on_is_caught(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*CHANGES[kind])
    assert KINDS[kind]() != SUMS[kind]


def test_every_sum_has_a_kind() -> None:
    assert list(SUMS) == list(KINDS)
