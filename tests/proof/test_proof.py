"""The same code makes the same bytes: see kinds.py."""

import json
from pathlib import Path

import pytest

from proof.kinds import KINDS

SUMS = json.loads(Path(__file__).with_name("sums.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_of_the_code_changes_no_byte(kind: str, data_folder: Path) -> None:
    assert KINDS[kind]() == SUMS[kind]


def test_every_sum_has_a_kind() -> None:
    assert list(SUMS) == list(KINDS)
