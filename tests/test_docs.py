"""The documents: few, each with a question as its title, and links that lead somewhere."""

import re
from pathlib import Path

import pytest
from helpers import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md", "models/README.md"))]


def test_few_pages_each_answers_a_question() -> None:
    assert len(DOCS) <= 8
    for page in DOCS:
        assert re.match(r"# .+\?\n", page.read_text(encoding="utf-8")), page
    assert len((ROOT / "docs" / "robustness.md").read_bytes()) < 2_200  # a list of promises, not of cases


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor and there.suffix == ".md":
            titles = re.findall(r"^#+ (.+)", there.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, anchor
