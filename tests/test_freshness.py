"""What makes a result stale: a change of code that matters, and nothing else."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from device.artifact import FORECASTING, SPOTTING
from pipeline import files, freshness

SOURCE = '''"""What it is: «ü»."""

import math


class Circle:
    """A circle."""

    def area(self, radius: float) -> float:
        """Return its area."""
        return math.pi * radius**2  # by the book


TEXT = "a # is no comment"
'''


def test_comments_docstrings_and_blank_lines_mean_nothing() -> None:
    plain = freshness.meaning(SOURCE)
    assert "book" not in plain
    assert "circle" not in plain
    assert "«" not in plain
    assert 'TEXT = "a # is no comment"' in plain
    for old, new in (
        ("by the book", "Archimedes"),
        ("Return its area.", "πr².\n\n        Long."),
        ("\n\n\nT", "\n\n\n\nT"),
    ):
        assert old in SOURCE
        assert freshness.meaning(SOURCE.replace(old, new)) == plain


@pytest.mark.parametrize(
    ("old", "new"), [("radius**2", "radius**3"), ("a # is", "a # was"), ("math.pi", "math.e"), ("def area", "def size")]
)
def test_code_and_strings_mean_something(old: str, new: str) -> None:
    assert freshness.meaning(SOURCE.replace(old, new)) != freshness.meaning(SOURCE)


@settings(max_examples=50)
@given(line=st.integers(0, 13), comment=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"))))
def test_a_comment_on_a_line_of_its_own_means_nothing(line: int, comment: str) -> None:
    lines = SOURCE.splitlines()
    lines.insert(line, f"# {comment}")
    assert freshness.meaning("\n".join(lines)) == freshness.meaning(SOURCE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "pipeline"
    package.mkdir()
    (package / "root.py").write_text("def f():\n    from pipeline import middle\n    return middle.x\n")
    (package / "middle.py").write_text("from pipeline.leaf import x\n")
    (package / "leaf.py").write_text("import pipeline.root\nx = 1\n")  # a circle ends
    (package / "other.py").write_text("y = 1\n")
    return package


def test_imports_are_followed_wherever_they_are(tree: Path) -> None:
    found = freshness.sources_of([tree / "root.py"], tree.parent)
    assert [path.name for path in found] == ["leaf.py", "middle.py", "root.py"]


def test_a_change_two_imports_away_makes_stale_and_one_elsewhere_does_not(tree: Path) -> None:
    def digest() -> str:
        return freshness.code_digest(freshness.sources_of([tree / "root.py"], tree.parent))

    before = digest()
    (tree / "other.py").write_text("y = 2\n")
    (tree / "leaf.py").write_text("import pipeline.root  # needed\nx = 1\n")
    assert digest() == before
    (tree / "leaf.py").write_text("import pipeline.root\nx = 2\n")
    assert digest() != before


SHARED = {"train/loop.py", "train/networks.py", "export/deflate.py", "export/quantise.py", "intervals.py", "build.py"}


@pytest.mark.parametrize(
    ("task", "own", "others"),
    [
        (FORECASTING, {"data/weather.py", "train/rate_distortion.py"}, {"data/speech.py", "train/augment.py"}),
        (SPOTTING, {"data/speech.py", "train/augment.py"}, {"data/weather.py", "train/rate_distortion.py"}),
    ],
)
def test_each_task_depends_on_its_own_code(
    task: str, own: set[str], others: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def note(paths: Iterable[Path]) -> str:
        seen.extend(paths)
        return "digest"

    monkeypatch.setattr(freshness, "code_digest", note)
    freshness.task_digest.__wrapped__(task)
    names = {path.relative_to(files.SCRIPTS / "pipeline").as_posix() for path in seen if "pipeline" in path.parts}
    assert own | SHARED <= names
    assert not names & (others | {"data/fetch.py", "cli.py", "report/page.py", "versions/th_a.py"})


def test_the_digest_needs_no_tensorflow() -> None:
    code = "import sys; from pipeline import freshness; freshness.task_digest('forecasting'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    )
    assert "tensorflow" not in done.stdout.split()
