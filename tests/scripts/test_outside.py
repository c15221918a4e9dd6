"""A script that was started by another Python than that of .venv says so in one line, whatever it is."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, clean_environment, wav_bytes

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


def test_where_only_what_a_pi_needs_was_copied(tmp_path: Path) -> None:
    folder = tmp_path / "my pi"
    for name in ("__init__.py", "device"):
        copy = shutil.copytree if name == "device" else shutil.copyfile
        (folder / "scripts" / "underbudget").mkdir(parents=True, exist_ok=True)
        copy(ROOT / "scripts" / "underbudget" / name, folder / "scripts" / "underbudget" / name)
    shutil.copy(ROOT / "scripts" / "11_forecast.py", folder / "scripts")
    said = start(sys.executable, "-S", "scripts/11_forecast.py", "a log.csv", cwd=folder)
    install = "python3 -m venv .venv && .venv/bin/pip install -r requirements-pi.txt"
    assert f": run `{install}`, then `.venv/bin/python scripts/11_forecast.py 'a log.csv'`\n" in said
    said = start(sys.executable, "-S", "my pi/scripts/11_forecast.py", "x", cwd=tmp_path)
    assert "python3 -m venv 'my pi/.venv' && 'my pi/.venv'/bin/pip install -r 'my pi/requirements-pi.txt'" in said


def test_the_packages_that_are_looked_for_are_those_that_are_installed() -> None:
    wanted = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.M))
    device_side = {"numpy", "ai-edge-litert"}
    assert {name.replace("-", "_") for name in wanted - device_side} == set(PACKAGES)


def test_the_same_pythons_everywhere() -> None:
    setup = (ROOT / "scripts" / "00_setup.py").read_text()
    assert f"OLDEST, NEWEST = {start_module.OLDEST}, {start_module.NEWEST}" in setup
    assert "Python 3.10 to 3.13" in (ROOT / "requirements-pi.txt").read_text()


def test_a_pi_has_all_it_needs_once_the_documented_command_has_copied_it(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "raspberry-pi.md").read_text()
    (copy,) = re.findall(r"^(tar .*) \| ssh .* 'mkdir -p tiny && (tar .*)'$", page, re.M)
    (tmp_path / "tiny").mkdir()
    command = f"cd {ROOT} && {copy[0]} | (cd {tmp_path} && {copy[1]})"
    subprocess.run(["sh", "-c", command], check=True)
    rows = [f"01.06.2026 12:{10 * i}:00,{18 + i / 4},{61 - i}" for i in range(6)]
    (tmp_path / "log.csv").write_text("\n".join(["Date Time,T (degC),rh (%)", *rows]).replace("12:0:", "12:00:") + "\n")
    (tmp_path / "quiet.wav").write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 1e-4, 32_000)))

    def output(folder: Path, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=clean_environment(), timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for arguments in (("scripts/11_forecast.py", "../log.csv"), ("scripts/10_listen.py", "--wav", "../quiet.wav")):
        given = [str((tmp_path / "tiny" / word).resolve()) if ".." in word else word for word in arguments]
        assert output(tmp_path / "tiny", *given) == output(ROOT, *given)
    assert "13:50" in output(tmp_path / "tiny", "scripts/11_forecast.py", "../log.csv")
    for name in re.findall(r"-r (requirements\S+)", page):  # it refers to no other file
        assert "\n-" not in (tmp_path / "tiny" / name).read_text()
