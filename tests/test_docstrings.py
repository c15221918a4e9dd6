"""Docstrings that are to be written later."""

import ast

from helpers import ROOT


def test_no_docstring_is_left_for_later() -> None:
    for folder in ("scripts", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    assert not (ast.get_docstring(node) or "").upper().startswith(("TODO", "FIXME")), path
