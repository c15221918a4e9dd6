"""Scripts that are killed at random moments leave nothing half-written; run again, they give the same bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import SYNTHETIC, clean_environment

KILLS = 1  # at a random moment, and one more; each costs two runs
CHANGES = ("wall_seconds", "peak_memory_mib", "seconds")  # from run to run
COMMANDS = {  # each with a file that is not the last to be written: one more kill is when that is there
    ("04_th_b.py", "--recipe", "improved"): "models/synthetic/improved/th_b.tflite.zlib",
    ("14_seeds.py", "improved", "--versions", "th_b", "--seeds", "2"): "results/synthetic/runs/improved.jsonl",
}


pytestmark = pytest.mark.slow


@pytest.fixture
def copied(project: Path, tmp_path: Path) -> Path:
    """The tiny project without anything that its scripts have made."""
    made = [str(project / kind / "synthetic") for kind in ("models", "results")]

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if f"{folder}/{name}" in made]

    return Path(shutil.copytree(project, tmp_path / "project", ignore=ignore))


def start(root: Path, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a script in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, str(root / "scripts" / command[0]), *command[1:], *SYNTHETIC],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(), start_new_session=True,
    )  # fmt: skip


def run_whole(root: Path, command: tuple[str, ...]) -> float:
    started = time.monotonic()
    with start(root, command) as process:
        assert process.wait(timeout=300) == 0
    return time.monotonic() - started


def kill_when(root: Path, command: tuple[str, ...], moment: Callable[[], bool]) -> None:
    """Start a script and kill its process group at `moment`, or let it end before."""
    with start(root, command) as process:
        while process.poll() is None and not moment():
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def files_of(root: Path) -> dict[str, Path]:
    """All that lies in models/ and results/, by name; hidden files, which are being written, too."""
    folders = (root / "models", root / "results")
    return {str(p.relative_to(root)): p for folder in folders for p in folder.rglob("*") if p.is_file()}


def content(path: Path) -> Any:
    """What a file says, without what changes from run to run; fails where it is half-written."""
    if path.name.endswith(".tflite.zlib"):
        return zlib.decompress(path.read_bytes())
    if path.suffix == ".json":
        card = json.loads(path.read_text())
        return {key: value for key, value in card.items() if key not in CHANGES}
    if path.suffix == ".jsonl":
        lines = path.read_text().splitlines(keepends=True)
        assert all(line.endswith("\n") for line in lines)
        return [{k: v for k, v in json.loads(line).items() if k not in CHANGES} for line in lines]
    return path.read_bytes()


@pytest.mark.parametrize(("command", "first"), COMMANDS.items())
def test_a_killed_script_leaves_nothing_half_written_and_resumes(
    copied: Path, command: tuple[str, ...], first: str
) -> None:
    rng = random.Random(12)
    before = {name: path.read_bytes() for name, path in files_of(copied).items()}
    seconds = run_whole(copied, command)
    expected = {name: content(path) for name, path in files_of(copied).items()}
    assert len(expected) > len(before)

    def new() -> list[Path]:
        return [path for name, path in files_of(copied).items() if name not in before]

    def after(delay: float) -> Callable[[], bool]:
        end = time.monotonic() + delay
        return lambda: time.monotonic() > end

    for delay in [*((i + rng.random()) / KILLS * seconds for i in range(KILLS)), None]:
        for path in new():
            path.unlink()
        kill_when(copied, command, (copied / first).exists if delay is None else after(delay))
        for path in new():
            if not path.name.startswith("."):
                content(path)
        run_whole(copied, command)
        assert {name: content(path) for name, path in files_of(copied).items()} == expected
    assert {name: path.read_bytes() for name, path in files_of(copied).items() if name in before} == before


def test_the_leftover_of_a_killed_write_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; sys.path.insert(0, 'scripts')\n"
        "from pathlib import Path; from underbudget import files\n"
        f"with files.atomic_write(Path({str(tmp_path / 'card.json')!r})) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".card.json.")
    mine = tmp_path / f".card.json.{os.getppid()}"  # of a process that runs
    kept = tmp_path / ".card.json.backup"  # of nobody here
    for path in (mine, kept):
        path.write_text("other")
    from underbudget import files

    files.write_text(tmp_path / "card.json", "whole")
    assert {p.name for p in tmp_path.iterdir()} == {"card.json", mine.name, kept.name}
