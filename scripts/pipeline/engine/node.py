"""What a machine of a cluster lacks to run tasks; asked on the machine itself."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline import files

AVX2 = "AVX2"  # without it a processor makes other bytes; see pipeline/__init__.py
REQUIREMENTS = "requirements.txt"


def lacking() -> list[str]:
    """Return what this machine lacks: AVX2, and pinned packages that are not installed in that version."""
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (files.ROOT / REQUIREMENTS).read_text(encoding="utf-8"), re.M)
    packages = [f"{name}=={wanted}" for name, wanted in pinned if _installed(name) != wanted]
    return packages if AVX2.lower() in flags else [AVX2, *packages]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
