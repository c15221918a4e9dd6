"""Fixtures: a tiny project on synthetic data, the real data where they are available."""

from underbudget.determinism import deterministic

deterministic()
# isort: split

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, Run, clean_environment
from hypothesis import HealthCheck, settings

from underbudget import files
from underbudget.data.sources import Sources

# examples are independent of what a fixture made once; no test asserts a time
settings.register_profile(
    "quick", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=1000)
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what runs scripts in a copy of the project, or goes through the real data."""
    for item in items:
        if {"project", "real_data", "checkout"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: an archive holds the time it was made, and all workers must find the same tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data/ in place of the project's."""
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def real_data() -> Sources:
    """Sources of the real data; without them the test is skipped by name."""
    mirror = os.environ.get("DATA_MIRROR")
    if not mirror and not (ROOT / "data" / "real" / "speech.npz").exists():
        pytest.skip("the real data are not at hand: set DATA_MIRROR=folder, or run make data")
    return Sources(data="real", mirror=Path(mirror) if mirror else None)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with tiny synthetic data: what its scripts write stays in there."""
    from underbudget.data import array_cache, synthetic

    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "models" / "report", root / "models" / "report")
    for name in ("reference", "latency"):
        source, target = ROOT / "results" / name, root / "results" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target)
    shutil.copyfile(ROOT / "README.md", root / "README.md")
    origin = {"path": None, "own": False}
    array_cache.save(synthetic.make_weather(8000), root / "data" / "synthetic" / "weather.npz", origin)
    # in a process of its own: what espeak-ng says depends on what it said before
    code = "import sys; from pathlib import Path; from underbudget.data import array_cache, synthetic; "
    code += "array_cache.save(synthetic.make_speech(40), Path(sys.argv[1]), {'path': None, 'own': False})"
    path = str(root / "data" / "synthetic" / "speech.npz")
    subprocess.run(
        [sys.executable, "-c", code, path], env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}, check=True
    )
    return root


@pytest.fixture
def run(project: Path) -> Run:
    """Run one of the tiny project's scripts."""

    def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(project / "scripts" / script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=300)

    return run_script
