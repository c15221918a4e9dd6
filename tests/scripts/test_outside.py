"""A script that was started by another Python than that of .venv says so in one line, whatever it is."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment

from underbudget import determinism
from underbudget.determinism import PACKAGES
from underbudget.device import start as start_module

SCRIPTS = sorted((ROOT / "scripts").glob("[0-9]*.py"))[1:]  # 00_setup is for any Python anyway
CHECKED_FIRST = ("__init__.py", "determinism.py", "device/__init__.py", "device/start.py", "device/errors.py")


def start(python: str, *arguments: str, cwd: Path = ROOT) -> str:
    """Start a script that can't run; return its one line."""
    command = [python, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_without_packages(path: Path) -> None:
    said = start(sys.executable, "-S", f"scripts/{path.name}", "--help")  # -S: without packages
    run = f".venv/bin/python scripts/{path.name} --help"
    assert said == f"error: numpy is not installed here: run `make setup`, then `{run}`\n"


@pytest.mark.parametrize("name", ["python3.7", "python3.8", "python3.9"])
def test_an_old_python(name: str) -> None:
    python = shutil.which(name)
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"{name} is not installed")
    for path in SCRIPTS:
        assert f"this is Python {name[6:]}, 3.10 to 3.13 is needed: run" in start(python, str(path))


@pytest.mark.parametrize(
    "path", [*SCRIPTS, *(ROOT / "scripts" / "underbudget" / name for name in CHECKED_FIRST)], ids=str
)
def test_python_3_7_can_read_it_and_the_check_comes_before_any_package(path: Path) -> None:
    tree = ast.parse(path.read_bytes(), feature_version=(3, 7))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports]
    tops = [str(name).partition(".")[0] for name in names]
    others = [top for top in tops if top not in sys.stdlib_module_names]
    assert set(others[:1]) <= {"underbudget"}
    if path.parent == ROOT / "scripts" and path.name != "00_setup.py":  # which starts before it imports anything else
        first = next(node for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        assert ast.unparse(first) in ("deterministic()", "prepare()")
        assert len([node for node in imports if node.lineno < first.lineno]) == 1


@pytest.mark.parametrize(
    ("version", "package", "said"),
    [
        ((3, 9, 2), "numpy", "this is Python 3.9, 3.10 to 3.13 is needed: run `make"),
        ((3, 14, 0), "no_such_package", "this is Python 3.14, 3.10 to 3.13 is needed: run `make"),
        ((3, 12, 0), "no_such_package", "no_such_package is not installed here: run `make"),
        ((3, 12, 0), "numpy", None),
        ((3, 14, 0), "numpy", None),
    ],
)
def test_which_python_is_needed(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], package: str, said: str | None
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    start_module.require(package)  # not in a program of ours
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(SCRIPTS[0]), raising=False)
    if said is None:
        start_module.require(package)
    else:
        with pytest.raises(SystemExit, match=f"^error: {re.escape(said)}"):
            start_module.require(package)


@pytest.mark.parametrize("script", ["04_th_b.py", "11_forecast.py"])
def test_numpy_of_another_python(script: str, tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('Read this:\\nof another Python')")
    command = [sys.executable, str(ROOT / "scripts" / script)]
    path = {**clean_environment(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=path, timeout=60)
    said = f"error: numpy can't be imported (of another Python): unset PYTHONPATH, which is {tmp_path}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_processor_without_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    assert determinism.has_avx2()
    features = sys.modules["numpy._core._multiarray_umath"].__cpu_features__
    monkeypatch.setitem(features, "FMA3", False)
    with pytest.raises(SystemExit, match=r"^error: this processor has no AVX2, [^\n]*11_forecast.py run on this one$"):
        determinism.deterministic()


def test_where_a_bundle_was_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "my pi"
    for name in ("__init__.py", "device"):
        copy = shutil.copytree if name == "device" else shutil.copyfile
        (folder / "scripts" / "underbudget").mkdir(parents=True, exist_ok=True)
        copy(ROOT / "scripts" / "underbudget" / name, folder / "scripts" / "underbudget" / name)
    shutil.copy(ROOT / "scripts" / "11_forecast.py", folder / "scripts")
    said = start(sys.executable, "-S", "scripts/11_forecast.py", "a log.csv", cwd=folder)
    assert ": run `sh install.sh`, then `.venv/bin/python scripts/11_forecast.py 'a log.csv'`\n" in said
    said = start(sys.executable, "-S", "my pi/scripts/11_forecast.py", "x", cwd=tmp_path)
    assert ": run `sh 'my pi/install.sh'`, then `'my pi/.venv'/bin/python" in said


def test_the_packages_that_are_looked_for_are_those_that_are_installed() -> None:
    wanted = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.M))
    device_side = {"numpy", "ai-edge-litert"}
    assert {name.replace("-", "_") for name in wanted - device_side} == set(PACKAGES)


def test_the_same_pythons_everywhere() -> None:
    setup = (ROOT / "scripts" / "00_setup.py").read_text()
    assert f"OLDEST, NEWEST = {start_module.OLDEST}, {start_module.NEWEST}" in setup
    assert "Python 3.10 to 3.13" in (ROOT / "requirements-pi.txt").read_text()
