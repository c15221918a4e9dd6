"""Options of the scripts: numbers out of range are refused in one line, and so are broken outputs."""

import argparse
import contextlib
import errno
import math
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, clean_environment
from hypothesis import given
from hypothesis import strategies as st

from underbudget import cli, version_script
from underbudget.data.sources import Sources
from underbudget.device import command_line
from underbudget.device.command_line import number_in

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *arguments]
    environment = {**clean_environment(), **variables}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


Call = Callable[..., tuple[Any, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a script, which is to end while it reads its options, in this process; return status and outputs."""

    def called(name: str, *arguments: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "scripts" / name), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    for module in (command_line, version_script):
        monkeypatch.setattr(module, "run", lambda main: main())
    return called


@given(text=st.floats().map(str) | st.integers().map(str) | st.text() | st.sampled_from(["nan", "inf", "1e999"]))
def test_numbers_are_finite_and_within_their_range(text: str) -> None:
    for kind in (int, float):
        try:
            value = number_in(kind, -3, 10)(text)
        except argparse.ArgumentTypeError as error:
            assert "from -3 to 10" in str(error)
            with contextlib.suppress(ValueError):
                assert not -3 <= kind(text) <= 10
        else:
            assert type(value) is kind
            assert math.isfinite(value)
            assert -3 <= value <= 10


def test_no_option_takes_a_number_without_a_range() -> None:
    for path in [*SCRIPTS, *(ROOT / "scripts" / "underbudget").rglob("*.py")]:
        if path.name != "cli.py":
            assert not re.search(r"\btype=(int|float)\b", path.read_text()), path


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("10_listen.py", "--threshold", ("nan", "2", "-1", "x", "")),
        ("12_evaluate.py", "--std", ("0,1", "1,nan", "1", "1,2,3")),
        ("12_evaluate.py", "--mean", ("inf,1",)),
        ("12_evaluate.py", "--front-end", ("mel", "mfcc:bands=3", "mfcc:mel_bins", "mfcc:mel_bins=nan", "stft:step=0")),
        ("12_evaluate.py", "--labels", ("", "yes,,no", "yes,no, ")),
        ("14_seeds.py", "--seeds", ("0", "1.5", "9" * 5000)),
        ("02_baselines.py", "--seeds", ("0",)),
        ("04_th_b.py", "--seed", ("-1", "4294967296", "x")),
        ("05_kws_a.py", "--data", ("fake",)),
        ("05_kws_a.py", "--recipe", ("tiny",)),
    ],
)
def test_values_out_of_range(name: str, option: str, values: tuple[str, ...], call: Call) -> None:
    for value in values:
        status, _, said = call(name, option, value)
        assert status == 2
        assert said.startswith(f"error: argument {option}")
        assert said.endswith(f": see {name} --help\n")
        assert said.count("\n") == 1


@pytest.mark.parametrize("name", [path.name for path in SCRIPTS[1:]])
def test_help_explains_with_examples(name: str, call: Call) -> None:
    status, said, _ = call(name, "--help")
    assert not status
    assert f".venv/bin/python scripts/{name}" in said


def test_the_home_of_a_path_is_found_where_the_shell_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `make words SPEECH=~/my_words`, but in bash."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA_MIRROR", "~/mirror")
    options = argparse.ArgumentParser()
    cli.add_sources(options)
    arguments = options.parse_args(["--jena=~/a.csv", "--speech=~", "--other", "~nobody_of_this_name/b"])
    assert cli.sources(arguments) == Sources(
        "auto", Path("/home/me/mirror"), Path("/home/me/a.csv"), Path("/home/me"), other=Path("~nobody_of_this_name/b")
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines = [f"01.06.2026 {12 + i // 6:02}:{10 * (i % 6):02}:00,18.{i},6{i}" for i in range(7)]
    (tmp_path / "log.csv").write_text("Date Time,T (degC),rh (%)\n" + "\n".join(lines) + "\n")
    return tmp_path / "log.csv"


@pytest.mark.slow
def test_a_terminal_without_the_degree_sign(log: Path) -> None:
    done = run("11_forecast.py", str(log), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert r"\xb0C" in done.stdout


@pytest.mark.slow
def test_a_reader_that_has_had_enough(log: Path) -> None:
    """As `| head -1`: no traceback for the rest."""
    command = [sys.executable, str(ROOT / "scripts" / "11_forecast.py"), str(log), "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        with log.open("a") as file:
            file.write("01.06.2026 13:10:00,18.7,67\n")
        assert process.wait(timeout=60) == 141
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_an_output_that_is_full(log: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "11_forecast.py"), str(log)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "the output" in line
    assert "Traceback" not in done.stderr


def test_an_error_that_names_no_file_is_not_of_the_output() -> None:
    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(SystemExit, match=r"^error: Too many open files: correct that and run again$"):
        command_line.run(fail)
