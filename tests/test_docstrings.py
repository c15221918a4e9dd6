"""Docstrings that are to be written later."""

import ast
from pathlib import Path

import pytest
from helpers import ROOT

FILES = [path for folder in ("scripts", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_docstring_is_left_for_later(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            assert not (ast.get_docstring(node) or "").upper().startswith(("TODO", "FIXME"))
