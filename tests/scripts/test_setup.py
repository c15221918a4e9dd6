"""The check before anything is installed."""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from helpers import ROOT, clean_environment, zip_bytes


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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project that needs one small package, which pip finds by a setting of the user's."""
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copyfile(ROOT / "Makefile", root / "Makefile")
    script = (ROOT / "scripts" / "00_setup.py").read_text()
    (root / "scripts" / "00_setup.py").write_text(script.replace("NEEDED_GB = 5", "NEEDED_GB = 0"))
    (root / "scripts" / "of_the_project.py").touch()
    (root / "requirements.txt").write_text("tiny==1.0  # a package\n")
    shutil.copyfile(Path(__file__).with_name("editable.py"), root / "editable.py")
    (root / "pyproject.toml").write_text(
        '[project]\nname = "project"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "editable"\nbackend-path = ["."]\n'
    )
    (tmp_path / "wheels").mkdir()
    files = {"tiny.py": b"", "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"}
    files["tiny-1.0.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files["tiny-1.0.dist-info/RECORD"] = b"".join(b"%s,,\n" % name.encode() for name in files)
    wheel = zip_bytes(files)
    (tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl").write_bytes(wheel)
    (root / "requirements.lock").write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n")
    return root


def set_up(checkout: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    (checkout.parent / "home").mkdir(exist_ok=True)
    others = {name: value for name, value in clean_environment().items() if not name.startswith(("PIP_", "XDG_"))}
    mine = {
        "HOME": str(checkout.parent / "home"),
        "PIP_FIND_LINKS": str(checkout.parent / "wheels"),
        "PIP_NO_INDEX": "1",
    }
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=checkout, env={**others, **mine, **settings}, capture_output=True, text=True)


def has_package(checkout: Path) -> bool:
    python = checkout / ".venv" / "bin" / "python"
    return subprocess.run([python, "-I", "-c", "import tiny, pip, of_the_project"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole environment, to be copied: to make one takes seconds."""
    path = tmp_path_factory.mktemp("environment") / ".venv"
    venv.create(path, symlinks=True, with_pip=True)
    return path


def test_a_link_to_an_environment_without_pip_is_replaced_and_nothing_behind_it_removed(checkout: Path) -> None:
    elsewhere = checkout.parent / "elsewhere"
    venv.create(elsewhere, symlinks=True)
    (elsewhere / "mine").touch()
    (checkout / ".venv").symlink_to(elsewhere)
    done = set_up(checkout)
    assert done.returncode == 0, done.stderr
    assert has_package(checkout)
    assert not (checkout / ".venv").is_symlink()
    assert (elsewhere / "mine").exists()


def test_settings_of_pip_and_python_lead_nothing_elsewhere(checkout: Path, environment: Path) -> None:
    shutil.copytree(environment, checkout / ".venv", symlinks=True)
    config = checkout.parent / "pip.conf"
    config.write_text(f"[global]\ntarget = {checkout.parent}/b\n[install]\nuser = true\n")
    found_elsewhere = checkout.parent / "path"
    shutil.unpack_archive(checkout.parent / "wheels" / "tiny-1.0-py3-none-any.whl", found_elsewhere, "zip")
    names = dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"), f"{checkout.parent}/a")
    done = set_up(checkout, PIP_CONFIG_FILE=str(config), PYTHONPATH=str(found_elsewhere), **names)
    assert done.returncode == 0, done.stderr
    assert has_package(checkout)
    assert not (checkout.parent / "a").exists()
    assert not (checkout.parent / "b").exists()
    assert set_up(checkout).stdout == ""  # nothing is left to do
    shutil.rmtree(next(checkout.glob(".venv/lib/*/site-packages/tiny-1.0.dist-info")))
    assert "bringing .venv up to date" in set_up(checkout).stdout


def test_no_stamp_without_the_packages_nor_blame_of_the_network(checkout: Path, environment: Path) -> None:
    shutil.copytree(environment, checkout / ".venv", symlinks=True)
    done = set_up(checkout, PIP_DRY_RUN="1")
    assert done.returncode == 2
    assert "error: pip did not put the packages into .venv, by one of its settings" in done.stderr
    lock = checkout / "requirements.lock"
    lock.write_text(lock.read_text().replace("1.0", "1.1"))
    done = set_up(checkout)
    assert "error: the packages could not be installed, see above: correct that and run make again" in done.stderr
    done = set_up(checkout, PIP_NO_INDEX="0", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1")
    assert "error: the packages could not be installed, see above: check the network and run make" in done.stderr
    assert not list(checkout.glob(".venv/installed*"))


def test_a_package_that_is_not_the_pinned_file_is_refused(checkout: Path, environment: Path) -> None:
    shutil.copytree(environment, checkout / ".venv", symlinks=True)
    (checkout / "requirements.lock").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    done = set_up(checkout)
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert "error: the packages could not be installed, see above: correct that and run make again" in done.stderr
    assert not has_package(checkout)


@pytest.mark.parametrize(
    ("version", "pip", "made"),
    [(sys.version, "pip 24", False), ("3.1 (main)", "pip 24", True), (sys.version, None, True)],
)
def test_an_environment_of_another_python_or_without_pip_is_made_again(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, pip: str | None, made: bool
) -> None:
    found: list[str] = []
    monkeypatch.setattr(setup, "VENV", str(tmp_path))
    monkeypatch.setattr(venv, "create", lambda path, **_: found.append(path))
    monkeypatch.setattr(setup, "answer", lambda arguments: f"{version}\n" if arguments[0] == "-c" else pip)
    setup.create()
    assert found == [str(tmp_path)] * made


def interrupted_after(line: str, checkout: Path) -> str:
    """Press Ctrl-C once the set-up has said a line; return what it says last."""
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may ignore it
    )
    code += "runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [sys.executable, "-c", code, str(checkout / "scripts" / "00_setup.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(line):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        return process.communicate()[1]


def test_ctrl_c_ends_the_set_up_in_one_line_and_the_next_one_goes_on(checkout: Path) -> None:
    for line in ("creating", "bringing"):
        assert interrupted_after(line, checkout) == "error: stopped: run make again to resume\n"
    assert set_up(checkout).returncode == 0
    assert has_package(checkout)


def makefile_order(makefile: str) -> Callable[[str], int]:
    rules = re.findall(r"^([a-z_-]+):", makefile.replace("$(VERSIONS):", "th_a:"), re.M)
    return rules.index


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, env=clean_environment()
    )
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    targets = phony.replace("$(VERSIONS)", "th_a").split()
    assert " (also: th_b kws_a kws_b kws_c)\n" in done.stdout
    assert re.findall(r"^  make (\S+)", done.stdout, re.M) == sorted(targets, key=makefile_order(makefile))
    assert len(targets) > 20


@pytest.mark.parametrize(
    ("variables", "asked"), [((), False), (("JOBS=1",), False), (("JOBS=2",), True), (("RAY_ADDRESS=a:1",), True)]
)
def test_ray_is_installed_when_it_is_asked_for(variables: tuple[str, ...], asked: bool) -> None:
    command = ["make", "--dry-run", "seeds", *variables]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=clean_environment())
    assert ("00_setup.py --search" in done.stdout) is asked


SHELL = {"DATA": "/srv/data", "SEED": "x", "HOST": "vm", "PYTHON": "python2", "RECIPE": "a", "PYTHONPATH": "/opt/ros"}
SHELL |= dict.fromkeys(("JENA", "SPEECH", "OTHER", "SEEDS", "JOBS", "LIMITS", "TASK", "TRIALS", "SEARCH", "SPLIT"), "x")
SHELL |= dict.fromkeys(("SET", "VERSION", "A", "B"), "x")


def planned(*arguments: str, **variables: str) -> str:
    """What make would run."""
    command = ["make", "--dry-run", "--no-print-directory", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env={**clean_environment(), **variables}
    )
    return done.stdout


@pytest.mark.parametrize(
    "target", ["all", "study", "words", "search", "seeds", "compare", "baselines", "bench", "publish", "fuzz"]
)
def test_variables_of_the_shell_change_nothing(target: str) -> None:
    assert planned(target, **SHELL) == planned(target)


def test_variables_of_the_command_line_become_options() -> None:
    assert "_th_a.py --recipe 'report' --seed '7' --data 'real' --jena 'it'\\''s $HOME.csv'" in " ".join(
        planned("th_a", "SEED=7", "DATA=real", "JENA=it's $HOME.csv").split()
    )
    limits = "size_kb<8 accuracy_pct>94"
    search = " ".join(planned("search", f"LIMITS={limits}", "HOST=me@pi", "SEARCH=mine", "JOBS=2").split())
    assert f"19_search.py --limits '{limits}' \\ --name 'mine' --host 'me@pi' --jobs '2'" in search
    assert "17_words.py --name 'kitchen' --speech 'k'" in " ".join(planned("words", "NAME=kitchen", "SPEECH=k").split())
    compare = " ".join(planned("compare", "A=th_b", "B=th_b width=0.2", "SEEDS=3").split())
    assert "25_compare.py 'th_b' 'th_b width=0.2' --seeds '3'" in compare
    assert "--set 'width=0.4 epochs=2'" in planned("kws_c", "SET=width=0.4 epochs=2")
    assert "report --versions 'kws_b' --set 'epochs=2'" in planned("seeds", "VERSION=kws_b", "SET=epochs=2")
    assert planned("improved", "OTHER=a b").count("--recipe 'improved'") == 5
    assert planned("study", "JOBS=3").count("--jobs '3'") == 3


def test_all_sets_up_and_gets_data_first_builds_the_longest_first_and_times_last() -> None:
    scripts = re.findall(r"^.*scripts/(\S+\.py)", planned("all"), re.M)
    versions = [f"[0-9][0-9]_{name}.py" for name in ("kws_c", "kws_b", "kws_a", "th_b", "th_a")]
    assert scripts == ["00_setup.py", "01_download.py", *versions, "08_measure.py", "09_results.py"]
    assert planned("all", "JOBS=4").count("--search") == 0  # make needs no Ray


@pytest.mark.parametrize(
    ("arguments", "at_once"), [((), f"-j{len(os.sched_getaffinity(0))} "), (("JOBS=1",), "-j1 "), (("-j3",), " ")]
)
def test_versions_are_built_side_by_side(arguments: tuple[str, ...], at_once: str) -> None:
    said = planned("all", *arguments)
    assert f" --no-print-directory {at_once}kws_c " in said
    assert said.count("00_setup.py") == 1


STUB = """
import os, sys
with open("log", "a") as log:
    print(sys.argv[0], file=log)
if os.path.exists("broken") and "th_b" in sys.argv[0]:
    sys.exit("error: why")
"""


def test_a_version_that_fails_ends_all_and_is_named(tmp_path: Path) -> None:
    """Of a project whose scripts write down their names."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    names = ["00_setup", "01_download", "03_th_a", "04_th_b", "07_kws_c", "08_measure", "09_results"]
    for name in names:
        (tmp_path / "scripts" / f"{name}.py").write_text(STUB + ("# version_main" if re.search("th|kws", name) else ""))

    def make_all(*arguments: str) -> tuple[list[str], subprocess.CompletedProcess[str]]:
        (tmp_path / "log").unlink(missing_ok=True)
        done = subprocess.run(
            ["make", f"PYTHON={sys.executable}", "all", *arguments],
            cwd=tmp_path, capture_output=True, text=True, env=clean_environment(),
        )  # fmt: skip
        return [Path(line).stem for line in (tmp_path / "log").read_text().splitlines()], done

    for arguments in ((), ("JOBS=1",), ("-j4",)):
        ran, done = make_all(*arguments)
        assert (ran[:2], set(ran[2:5]), ran[5:]) == (names[:2], set(names[2:5]), names[5:])
        assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "broken").touch()
    ran, done = make_all()
    assert done.returncode == 2
    assert "error: why" in done.stderr and re.search(r"\*\*\* .*: th_b\] Error 1", done.stderr)
    assert not {"08_measure", "09_results"} & set(ran)


def test_pythons_path_is_not_the_shells(tmp_path: Path) -> None:
    command = ["make", "--eval=paths:; @echo [$${PYTHONPATH}$${PYTHONHOME}]", "paths"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**clean_environment(), **SHELL})
    assert done.stdout == "[]\n"


def test_clean_removes_what_runs_made_and_nothing_else(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")  # in which make finds the versions
    made = ["models/local/report/th_a.json", "models/synthetic/live/kws_a.tflite.zlib", "data/real/weather.npz"]
    made += ["models/local/improved/seed-3/th_b.json", "results/local/runs/report.jsonl", "data/real/augmented-1.npy"]
    made += ["results/local/latency/host.json", "results/synthetic/page/index.html", "data/synthetic/speech.npz"]
    made += ["results/local/bundles/live-kws_a.tar.gz"]
    made += ["models/local/report/width=0.5/th_b.json", "models/local/improved/fit.epochs=2+stem=4/seed-1/kws_a.json"]
    made += ["results/local/runs/report/width=0.5.jsonl", "results/synthetic/compare/a_and_b.csv"]
    kept = [
        "models/local/search/a=b.json",
        "models/local/words/words.json",
        "models/local/search/a.json",
        "results/local/search/a/journal.log",
    ]
    kept += ["results/local/runs/search/a.json", "results/local/words.json", "data/real/own_speech.npz"]
    kept += ["data/real/own.csv", "models/local/report/mine.json", "data/downloads/a.zip", "models/report/th_a.json"]
    for name in made + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "clean"], cwd=tmp_path, capture_output=True, text=True, check=True, env=clean_environment()
    )
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", *kept}
    assert {"data/real/own.csv", "models/local/words", "results/local/search"} <= set(done.stdout.splitlines())
    assert not (tmp_path / "models" / "synthetic").exists()


def test_every_package_is_pinned_in_the_lock() -> None:
    locks = ("requirements.lock", "requirements-search.lock", "tests/requirements.lock")
    lock = {line.rstrip(" \\") for name in locks for line in (ROOT / name).read_text().splitlines()}
    for path in ("requirements.txt", "requirements-search.txt", "requirements-pi.txt", "tests/requirements.txt"):
        for name in re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / path).read_text(), re.M):
            assert name.replace(".", "-", name.split("==")[0].count(".")) in lock, name
