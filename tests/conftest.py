"""Fixtures: a tiny project on synthetic data, the real data where they can be had, and files to be refused."""

import io
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import files
from pipeline.data.sources import Sources

files_root = Path(__file__).parents[1]


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data/ in place of the project's."""
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def real_data() -> Sources:
    """Sources of the real data; without them the test is skipped by name."""
    mirror = os.environ.get("DATA_MIRROR")
    if not mirror and not (files_root / "data" / "real" / "speech.npz").exists():
        pytest.skip("the real data are not at hand: set DATA_MIRROR=folder, or run make data")
    return Sources(data="real", mirror=Path(mirror) if mirror else None)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a tiny synthetic as its data: what its scripts write stays in there."""
    from pipeline.data import sources, synthetic

    root = tmp_path_factory.mktemp("project")
    shutil.copytree(files_root / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(files_root / "models" / "report", root / "models" / "report")
    for name in ("reference.json", "latency"):
        source, target = files_root / "results" / name, root / "results" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    shutil.copyfile(files_root / "README.md", root / "README.md")
    origin = {"path": None, "own": False}
    sources.save(synthetic.make_weather(8000), root / "data" / "synthetic" / "weather.npz", origin)
    sources.save(synthetic.make_speech(40), root / "data" / "synthetic" / "speech.npz", origin)
    return root


Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment() -> dict[str, str]:
    names = ("DATA", "DATA_MIRROR", "JENA", "SPEECH", "SEED", "RECIPE")
    return {key: value for key, value in os.environ.items() if key not in names}


@pytest.fixture
def run(project: Path) -> Run:
    """Run one of the tiny project's scripts."""

    def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(project / "scripts" / script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=300)

    return run_script


def wav_bytes(samples: NDArray[Any], rate: int = 16_000, width: int = 2, channels: int = 1) -> bytes:
    """A PCM WAV file of float samples [n] or [n, channels] in [-1, 1)."""
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        if width == 1:
            raw = np.round(samples * 127 + 128).astype(np.uint8).tobytes()
        elif width == 3:
            raw = np.round(samples * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        else:
            raw = np.round(samples * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}").tobytes()
        wav.writeframes(raw)
    return out.getvalue()
