"""The smallest build backend (PEP 660): an editable install of scripts/ that needs no package at all."""

import zipfile
from pathlib import Path
from typing import Any


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """Write a wheel that holds a path to scripts/."""
    name = "project-1-py3-none-any.whl"
    files = {
        "project.pth": str(Path("scripts").resolve()),
        "project-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: project\nVersion: 1\n",
        "project-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["project-1.dist-info/RECORD"] = "".join(f"{path},,\n" for path in [*files, "project-1.dist-info/RECORD"])
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return name
