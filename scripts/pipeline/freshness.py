"""Tell which code a result was made by: a digest of the files that decide it, without comments and docstrings."""

import ast
import hashlib
import io
import subprocess
import tokenize
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from device.artifact import FORECASTING, SPOTTING
from pipeline import files

# these move bytes, check files or show progress: data are known by the digest of their content, files by theirs
NOT_FOLLOWED = frozenset(
    {
        "device/artifact.py",
        "device/checks.py",
        "device/cli.py",
        "device/errors.py",
        "pipeline/data/archive.py",
        "pipeline/data/fetch.py",
        "pipeline/files.py",
        "pipeline/freshness.py",
        "pipeline/progress.py",
    }
)
TASK_MODULES = {FORECASTING: "forecasting.py", SPOTTING: "spotting.py"}  # in train/


@lru_cache
def task_digest(task: str) -> str:
    """Return the digest of the code that builds the models of a task."""
    pipeline = files.SCRIPTS / "pipeline"
    # build.py and task.py import both tasks, so their imports are not followed
    followed = [pipeline / "train" / TASK_MODULES[task], *(pipeline / "export").glob("*.py")]
    alone = [
        pipeline / "__init__.py",  # says how numpy and TensorFlow compute
        pipeline / "build.py",
        pipeline / "train" / "task.py",
        files.SCRIPTS / "device" / "runtime.py",
    ]
    return code_digest({*sources_of(followed, files.SCRIPTS), *alone})


def sources_of(roots: Iterable[Path], scripts: Path) -> list[Path]:
    """Return the files under `scripts` that `roots` import, directly or not, themselves included; nothing is run."""
    found: set[Path] = set()
    waiting = list(roots)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [other for other in _imported(path, scripts) if _is_followed(other, scripts)]
    return sorted(found)


def _is_followed(path: Path, scripts: Path) -> bool:
    return path.relative_to(scripts).as_posix() not in NOT_FOLLOWED


def _imported(path: Path, scripts: Path) -> set[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    candidates = {scripts / (name.replace(".", "/") + ".py") for name in names}
    return {candidate for candidate in candidates if candidate.is_file()}


def code_digest(paths: Iterable[Path]) -> str:
    """Return a digest of what source files mean: of their names and texts, without comments and docstrings."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\n{meaning(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:16]


def meaning(source: str) -> str:
    """Return a source text without comments, docstrings, blank lines and trailing spaces."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                for row in range(first.lineno, (first.end_lineno or first.lineno) + 1):
                    lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def commit() -> str | None:
    """Return the commit of this checkout, with "+changes" if its scripts have been changed since; None outside git."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--", "scripts") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(files.ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
