"""The list of tested failures names tests that exist."""

import re

from helpers import ROOT


def test_every_test_in_the_list_exists() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    named = re.findall(r"\[`(test_\w+)(?:\.py)?`\]\(\.\./(tests/[\w/]+\.py)\)", page)
    assert len(named) == sum(line.endswith(".py) |") for line in page.splitlines()) > 40
    for name, path in named:
        file = ROOT / path
        assert file.stem == name or f"def {name}(" in file.read_text(encoding="utf-8"), f"{path} has no {name}"
