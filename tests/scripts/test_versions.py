"""The scripts, end to end, as a user runs them: on a tiny synthetic in a copy of the project."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, SYNTHETIC, Run, clean_environment

from underbudget import files
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.errors import UserError
from underbudget.metrics import METRICS, Limit, all_met
from underbudget.version_script import published_seed
from underbudget.versions.catalogue import RECIPES, VERSIONS

ONE_LAYER = """\
from dataclasses import dataclass

from underbudget.networks import Network
from underbudget.networks.dense import sequential


@dataclass(frozen=True)
class OneLayer(Network):
    units: int

    def create(self, input_shape, output_shape, folded=False):
        from tf_keras import layers as L

        return sequential(input_shape, [L.Flatten(), L.Dense(self.units, "relu")], output_shape)
"""
SCRIPTS = {path.stem[3:]: path.name for path in sorted((ROOT / "scripts").glob("0[3-7]_*.py"))}


@pytest.fixture(scope="module")
def made(project: Path) -> Path:
    """models/synthetic/report with all five versions; the scripts' output beside it."""
    for name, script in SCRIPTS.items():
        done = subprocess.run(
            [sys.executable, str(project / "scripts" / script), *SYNTHETIC],
            capture_output=True, text=True, env=clean_environment(), timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"*** SYNTHETIC {'weather' if VERSIONS[name].task == FORECASTING else 'speech'}" in done.stdout
        assert "SYNTHETIC DATA" in done.stdout
        assert " (limit " in done.stdout and not re.search(r"\bmet\b|MISSED", done.stdout)
    return project / "models" / "synthetic" / "report"


@pytest.mark.parametrize("name", VERSIONS)
def test_each_version_makes_a_model_that_its_card_describes(made: Path, name: str) -> None:
    card = artifact.load(made, name)[0].content
    assert card["made_from"]["data"]["source"] == "synthetic"
    assert card["made_from"]["seed"] == 22
    assert card["file"]["slimmed_bytes"] < card["file"]["converted_bytes"]
    assert card["conversion_check"]["difference"] <= card["conversion_check"]["tolerance"]
    losses = card["curve"]["loss"]
    assert len(losses) == card["made_from"]["recipe"]["fit"]["epochs"]
    assert losses[-1] < losses[0]
    for result in card["results"]:
        latency = METRICS[result["metric"]].is_latency
        assert (result["value"] is None) == latency
        assert result["met"] is None  # of synthetic data
    if VERSIONS[name].task == SPOTTING:
        confusion = card["test"]["confusion"]
        assert sum(map(sum, confusion)) == card["test"]["clips"]
        assert sum(confusion[i][i] for i in range(8)) == card["test"]["correct"]
        assert card["test"]["accuracy_pct"] > 30  # chance is 12.5
    else:
        assert card["test"]["t_mae_c"] < 3
        assert sum(card["test"]["t_mae_c_by_step"]) / 6 == pytest.approx(card["test"]["t_mae_c"], abs=1e-4)


def test_pruned_versions_are_as_sparse_as_the_report_says(made: Path) -> None:
    sparsity = {name: artifact.load(made, name)[0].content["sparsity"] for name in VERSIONS}
    assert sparsity["th_a"] == pytest.approx(0.90, abs=0.01)
    assert sparsity["th_b"] == pytest.approx(0.78, abs=0.01)
    assert max(sparsity[name] for name in ("kws_a", "kws_b", "kws_c")) < 0.01


def test_nothing_is_made_twice_and_another_seed_is(made: Path, run: Run) -> None:
    before = (made / "th_b.json").read_text()
    again = run("04_th_b.py", *SYNTHETIC)
    assert "is up to date" in again.stdout
    assert (made / "th_b.json").read_text() == before
    other = run("04_th_b.py", *SYNTHETIC, "--seed", "5")
    assert other.returncode == 0
    assert json.loads((made / "th_b.json").read_text())["made_from"]["seed"] == 5
    assert run("04_th_b.py", *SYNTHETIC).returncode == 0
    assert json.loads((made / "th_b.json").read_text())["file"] == json.loads(before)["file"]  # a seed repeats itself


def test_our_own_recipes_lie_apart_from_the_reports(made: Path, run: Run) -> None:
    """A forecaster stands for all: XLA compiles a spotter's stem for minutes. test_words.py trains one without."""
    before = (made / "th_b.json").read_text()
    done = run("04_th_b.py", *SYNTHETIC, "--recipe", "improved")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (made / "th_b.json").read_text() == before
    card, _ = artifact.load(made.parent / "improved", "th_b")
    assert card.content["made_from"]["recipe_name"] == "improved"
    assert card.content["file"]["compressed_bytes"] < 3000
    assert card.content["conversion_check"]["difference"] <= card.content["conversion_check"]["tolerance"]


def test_without_a_seed_the_published_model_is_made_again() -> None:
    seeds = {}
    for path in (ROOT / "models").glob("*/*.json"):
        if path.parent.name in RECIPES:
            seeds[path.parent.name, path.stem] = json.loads(path.read_text())["made_from"]["seed"]
    assert {key: published_seed(VERSIONS[key[1]], key[0]) for key in seeds} == seeds
    assert len(set(seeds.values())) > 1
    assert ("live", "th_a") not in seeds
    assert published_seed(VERSIONS["th_a"], "live") == seeds["report", "th_a"]


def test_a_study_over_seeds_resumes(made: Path, run: Run, project: Path) -> None:
    shutil.rmtree(project / "models" / "synthetic" / "improved", ignore_errors=True)  # of other tests
    command = ("14_seeds.py", "improved", "--versions", "th_b", *SYNTHETIC)
    assert run(*command, "--seeds", "1").returncode == 0
    again = run(*command, "--seeds", "2")
    assert "1 of 2 runs are up to date" in again.stdout
    assert "SYNTHETIC DATA" in again.stdout
    assert "over 2 seeds" in again.stdout
    lines = (project / "results" / "synthetic" / "runs" / "improved.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [1, 2]


def test_the_report_marks_synthetic_data_and_leaves_what_is_published(made: Path, project: Path, run: Run) -> None:
    published = {p: p.read_bytes() for p in (project / "models" / "report").iterdir()}
    readme = (project / "README.md").read_bytes()
    done = run("09_results.py", *SYNTHETIC)
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert done.stdout.splitlines()[-1] == "the table as CSV: results/synthetic/versions.csv"
    text = (project / "results" / "synthetic" / "versions.csv").read_text()
    assert "SYNTHETIC DATA" in (project / "results" / "synthetic" / "page" / "index.html").read_text()
    assert len(text.splitlines()) == 15
    rows = [line for line in done.stdout.splitlines() if re.match(r"(th|kws)_[abc]  ", line)]
    assert len(rows) == 14
    assert all("(synthetic data" in row or row.endswith("–") for row in rows)
    assert not (project / "results" / "local").exists()
    assert {p: p.read_bytes() for p in (project / "models" / "report").iterdir()} == published
    assert (project / "README.md").read_bytes() == readme


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_sixth_version_a_network_and_a_study_are_in_table_and_page(project: Path, tmp_path: Path) -> None:
    """As CONTRIBUTING.md says. The report has no figures of them."""
    root = tmp_path / "project"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("synthetic"))
    shutil.copytree(project / "data" / "synthetic", root / "data" / "synthetic")
    shutil.copyfile(ROOT / "Makefile", root / "Makefile")
    scripts, package = root / "scripts", root / "scripts" / "underbudget"
    shutil.copyfile(package / "versions" / "th_b.py", package / "versions" / "th_c.py")
    edit(package / "versions" / "th_c.py", '"th_b"', '"th_c"')
    edit(package / "versions" / "th_c.py", "cnn import Cnn1d", "one_layer import OneLayer")
    edit(package / "versions" / "th_c.py", "Cnn1d(width=0.12)", "OneLayer(units=40)")
    shutil.copyfile(scripts / SCRIPTS["th_b"], scripts / "21_th_c.py")
    edit(scripts / "21_th_c.py", "th_b", "th_c")
    (package / "networks" / "one_layer.py").write_text(ONE_LAYER)
    edit(
        package / "reproduction" / "studies.py",
        "STUDIES: dict[str, tuple[tuple[Version, ...], range]] = {",
        "from underbudget.networks.one_layer import OneLayer\n"
        "WIDE = replace(VERSIONS['th_c'].recipes['report'], network=OneLayer(units=80))\n"
        "STUDIES: dict[str, tuple[tuple[Version, ...], range]] = {\n"
        "    'widths': ((Version('th_c_wide', FORECASTING, (), {'widths': WIDE}),), range(1, 3)),",
    )
    for script, *arguments in (("21_th_c.py",), ("02_baselines.py", "widths"), ("09_results.py",)):
        done = subprocess.run(
            [sys.executable, str(scripts / script), *arguments, *SYNTHETIC],
            capture_output=True, text=True, env=clean_environment(), timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert len(re.findall("^th_c  ", done.stdout, re.MULTILINE)) == 3
    page = (root / "results" / "synthetic" / "page" / "index.html").read_text()
    assert "<code>th_c</code>" in page and "<code>th_c_wide</code>" in page
    assert "th_c" in (root / "results" / "synthetic" / "versions.csv").read_text()
    card = artifact.load(root / "models" / "synthetic" / "report", "th_c")[0].content
    assert card["made_from"]["recipe"]["network"] == {"kind": "OneLayer", "units": 40}
    for target, said in (("th_c", "_th_c.py"), ("help", "kws_b kws_c th_c")):
        command = ["make", "--dry-run", target]
        planned = subprocess.run(command, cwd=root, capture_output=True, text=True, env=clean_environment(), check=True)
        assert said in planned.stdout


def test_synthetic_models_are_not_published(made: Path, run: Run) -> None:
    done = run("15_publish.py")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "no such card" in done.stderr


def test_any_model_is_evaluated(made: Path, run: Run) -> None:
    own = run("12_evaluate.py", str(made / "kws_a.tflite.zlib"), *SYNTHETIC, "--json")
    card = artifact.load(made, "kws_a")[0].content
    assert "*** SYNTHETIC speech" in own.stderr
    found = json.loads(own.stdout)  # which has nothing else
    assert (found["correct"], found["remarks"]) == (card["test"]["correct"], [])
    plain = made.parent / "anyone.tflite"
    plain.write_bytes(artifact.load(made, "kws_a")[1])
    labels = ("--labels", ", ".join(card["labels"]))
    theirs = run(
        "12_evaluate.py", str(plain), "--task", "keyword_spotting", "--front-end", "mfcc", *labels, *SYNTHETIC, "--json"
    )
    assert json.loads(theirs.stdout)["confusion"] == card["test"]["confusion"]
    silent = run("12_evaluate.py", str(plain), "--task", "keyword_spotting", *SYNTHETIC)
    (assumed,) = [line for line in silent.stdout.splitlines() if line.startswith("note: assumed")]
    assert "--front-end mfcc:frame=640,step=320," in assumed and f"--labels {','.join(card['labels'])}" in assumed
    said = assumed.split("says otherwise: ")[1].split()
    again = run("12_evaluate.py", str(plain), "--task", "keyword_spotting", *said, *SYNTHETIC, "--json")
    assert json.loads(again.stdout)["confusion"] == card["test"]["confusion"]
    for arguments, message in (
        ((), "no card anyone.json"),
        (("--task", "forecasting", "--labels", "yes,no"), "--labels: forecasting has none: leave it out"),
        (("--task", "keyword_spotting", "--mean", "1,2"), "--mean: keyword_spotting has none: leave it out"),
        (("--task", "forecasting"), r"takes inputs of shape \(49, 10, 1\)"),
        (("--task", "keyword_spotting", "--labels", "a,b"), "labels a,b"),
        (("--task", "forecasting", "--mean", "1,2"), "--mean and --std go together"),
    ):
        done = run("12_evaluate.py", str(plain), *arguments, *SYNTHETIC)
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert re.search(message, line)
        assert "Traceback" not in done.stderr


def test_a_file_is_not_taken_for_the_one_that_the_card_beside_it_describes(
    made: Path, run: Run, tmp_path: Path
) -> None:
    for name in ("kws_a.json", "kws_a.tflite.zlib"):
        shutil.copy(made / name, tmp_path)
    other = artifact.read_model(made / "kws_b.tflite.zlib")
    (tmp_path / "kws_a.tflite").write_bytes(other)
    done = run("12_evaluate.py", str(tmp_path / "kws_a.tflite"), *SYNTHETIC)
    assert (done.returncode, done.stdout) == (1, "")
    assert "kws_a.json beside it describes another file (SHA-256 differs)" in done.stderr
    assert "--task keyword_spotting" in done.stderr
    (tmp_path / "kws_a.int8.tflite").write_bytes(other)
    assert "no card kws_a.int8.json" in run("12_evaluate.py", str(tmp_path / "kws_a.int8.tflite")).stderr
    kept = run("12_evaluate.py", str(tmp_path / "kws_a.tflite.zlib"), "--labels", "yes,no", *SYNTHETIC)
    assert (kept.returncode, kept.stdout) == (1, "")
    assert "--labels: the card of kws_a says it: leave it out" in kept.stderr


def test_a_forecaster_is_shown_beside_the_last_reading(made: Path, run: Run, project: Path) -> None:
    path = str(made / "th_b.tflite.zlib")
    found = json.loads(run("12_evaluate.py", path, *SYNTHETIC, "--json").stdout)
    assert found["t_mae_c"] == artifact.load(made, "th_b")[0].content["test"]["t_mae_c"]
    assert found["last_reading"]["t_mae_c"] > 0
    published = run("12_evaluate.py", str(project / "models" / "report" / "th_b.tflite.zlib"), *SYNTHETIC)
    assert published.returncode == 0
    assert "note: these are other data than those of its card (jena_station" in published.stdout
    assert "last reading repeated: " in published.stdout
    spotter = run("12_evaluate.py", str(project / "models" / "report" / "kws_a.tflite.zlib"), *SYNTHETIC)
    assert (spotter.returncode, spotter.stdout) == (1, "")
    assert "it was made from mini_speech_commands" in spotter.stderr


def test_ctrl_c_in_the_middle_of_training(made: Path, project: Path) -> None:
    before = {p.name: p.read_bytes() for p in made.iterdir() if p.is_file()}
    command = [sys.executable, str(project / "scripts" / "07_kws_c.py"), *SYNTHETIC, "--seed", "9"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a background shell leaves it ignored
    ) as process:
        assert process.stderr is not None
        seen = ""
        while "training" not in seen:
            seen += process.stderr.read(1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "no partial files were left" in rest
    assert "Traceback" not in rest
    assert {p.name: p.read_bytes() for p in made.iterdir() if p.is_file()} == before


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("01_download.py", ("--data", "real", "--jena", "/no/such.csv"), "/no/such.csv: no such file"),
        ("01_download.py", ("--data", "real", "--mirror", "/no/such"), "/no/such: DATA_MIRROR is not a folder"),
        ("05_kws_a.py", ("--speech", "/no/such"), "/no/such: no such file or folder"),
        ("12_evaluate.py", ("/no/such.tflite",), "/no/such.tflite: no such model"),
    ],
)
def test_errors_are_one_line(run: Run, script: str, arguments: tuple[str, ...], message: str) -> None:
    done = run(script, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("earlier")
    with (
        pytest.raises(UserError, match=r"card.json: the disk is full"),
        files.atomic_write(tmp_path / "card.json") as partial,
    ):
        partial.write_text("half")
        with Path("/dev/full").open("w") as full:  # every write to it fails as on a full disk
            full.write("more")
            full.flush()
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
    assert (tmp_path / "card.json").read_text() == "earlier"


def test_limits_are_strict() -> None:
    assert not Limit("size_kb", 2).met_by(2.0)
    assert Limit("size_kb", 2).met_by(2047 / 1024)
    assert not Limit("accuracy_pct", 90).met_by(90.0)
    assert Limit("accuracy_pct", 90).met_by(90.125)
    limits = (Limit("size_kb", 2), Limit("accuracy_pct", 90), Limit("total_ms", 40))
    assert all_met(limits, {"size_kb": 1.9, "accuracy_pct": 90.1})  # its latency was not measured
    assert not all_met(limits, {"size_kb": 1.9, "accuracy_pct": 90.1, "total_ms": 41})
