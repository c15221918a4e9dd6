"""The check before anything is installed."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from helpers import ROOT, clean_environment


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "scripts" / "00_setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 1), (3, 14, 0)])
def test_unsupported_python(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"^error: Python \d\.\d+ is not supported, 3.10 to 3.13 is: [^\n]*$"):
        setup.check_python()


def test_no_venv_module(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"^error: [^\n]*apt install python3-venv[^\n]*$"):
        setup.check_python()


def test_full_disk(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**10, 10**10, 10**9))
    with pytest.raises(SystemExit, match=r"^error: 1.0 GB free[^\n]*$"):
        setup.check_disk()


@pytest.mark.parametrize("name", ["python2", "python3.6", "python3.8", "python3.9"])
def test_old_pythons_get_one_line_not_a_syntax_error(name: str) -> None:
    python = shutil.which(name)
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([python, str(ROOT / "scripts" / "00_setup.py")], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python ")
    assert done.stderr.count("\n") == 1


def makefile_order(makefile: str) -> Callable[[str], int]:
    rules = re.findall(r"^([a-z_-]+):", makefile, re.M)
    return rules.index


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    (versions,) = re.findall(r"^VERSIONS := (.*)$", makefile, re.M)
    targets = phony.replace("$(VERSIONS)", versions).split()
    assert re.findall(r"^  make (\S+)", done.stdout, re.M) == sorted(targets, key=makefile_order(makefile))
    assert len(targets) > 20


@pytest.mark.parametrize(
    ("variables", "asked"), [((), False), (("JOBS=1",), False), (("JOBS=2",), True), (("RAY_ADDRESS=a:1",), True)]
)
def test_ray_is_installed_when_it_is_asked_for(variables: tuple[str, ...], asked: bool) -> None:
    command = ["make", "--dry-run", "seeds", *variables]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=clean_environment())
    assert ("00_setup.py --search" in done.stdout) is asked


def test_every_package_is_pinned_in_the_lock() -> None:
    lock = set((ROOT / "requirements.lock").read_text().splitlines())
    for path in (*ROOT.glob("requirements-search.txt"), ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"):
        for name in re.findall(r"^([\w.-]+==[\w.]+)", path.read_text(), re.M):
            assert name.replace(".", "-", name.split("==")[0].count(".")) in lock, name
