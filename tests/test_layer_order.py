"""Data flows one way: a module of the package imports from the layers above its own in this list, and from its own."""

import ast
from pathlib import Path

from helpers import ROOT

PACKAGE = ROOT / "scripts" / "underbudget"
LAYERS = (
    "device",
    "determinism files intervals progress",
    "metrics",
    "data networks",
    "recipes",
    "tasks",
    "cli overrides store versions",
    "export",
    "training",
    "evaluation",
    "build",
    "processes",
    "library",
    "reproduction",
    "version_script",
    "beyond",
    "results_page",
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}


def imported(path: Path) -> set[str]:
    """The first-level modules of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("underbudget.")}
    return found


def test_every_module_imports_from_its_own_layer_and_those_above() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if own != "__init__":
            wrong += [
                f"{path.relative_to(PACKAGE)} imports {name}" for name in imported(path) if RANK[name] > RANK[own]
            ]
    assert wrong == []


def test_the_layers_are_documented_in_their_order() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [page.index(f"\n    {name.split()[0]}") for name in LAYERS]
    assert rows == sorted(rows)
