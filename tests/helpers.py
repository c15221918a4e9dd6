"""Constants and helpers of the tests."""

import importlib.util
import io
import os
import subprocess
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SYNTHETIC = ("--data", "synthetic")
Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment() -> dict[str, str]:
    """The environment without what scripts read of it, and without what `make test` hands to a make that it starts."""
    names = ("DATA_MIRROR", "RAY_ADDRESS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    return {key: value for key, value in os.environ.items() if key not in names}


def script(name: str) -> ModuleType:
    """A numbered script as a module, whose main() a test can call in this process."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), ROOT / "scripts" / name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def zip_bytes(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of files by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def study_run(version: str, seed: int = 1, size: float = 1000, **test: float) -> dict[str, Any]:
    """A line of a study's results, by the report's recipe, with these figures on the test split."""
    return {
        "version": version,
        "recipe": "report",
        "seed": seed,
        "bytes": size,
        "converted_bytes": size,
        "clips": 800,
        "test": test,
    }
