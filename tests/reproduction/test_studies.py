"""What studies are made of: the recipes compared, splits by speaker, runs that resume, claims that can fail."""

import json
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from helpers import SYNTHETIC, Run, study_run

from underbudget.data import synthetic
from underbudget.data.identity import SPLITS
from underbudget.data.sources import Sources, load_speech
from underbudget.data.speech import Speech, by_speaker
from underbudget.device.frontend import Mfcc, Stft
from underbudget.networks.cnn import Cnn1d
from underbudget.networks.dense import Mlp
from underbudget.recipes import Export, Fit, Recipe
from underbudget.reproduction import claims
from underbudget.reproduction.reference import load_reference, row_name
from underbudget.reproduction.results import read_results
from underbudget.reproduction.studies import STUDIES
from underbudget.reproduction.verdicts import INCONCLUSIVE
from underbudget.results_page import tables
from underbudget.store import ResultStore
from underbudget.versions.catalogue import VERSIONS


def recipe(study: str, name: str) -> Recipe:
    """Of a version in a study."""
    found: Recipe = next(version.recipes[study] for version in STUDIES[study][0] if version.name == name)
    return found


@pytest.mark.parametrize(
    ("name", "width", "sparsity", "quantised"),
    [
        ("mlp-none", 1, None, False),
        ("cnn-weight-PTQ", 1, None, True),
        ("mlp-width-0.75", 0.75, None, False),
        ("cnn-sparsity-0.9", 1, 0.9, False),
        ("mlp-width-0.3-sparsity-0.8", 0.3, 0.8, False),
        ("cnn-width-0.12-sparsity-0.78-weight-PTQ", 0.12, 0.78, True),
    ],
)
def test_a_row_of_the_reports_study_is_what_its_name_says(
    name: str, width: float, sparsity: float | None, quantised: bool
) -> None:
    made = recipe("forecasters", name)
    assert made.network == (Mlp if name.startswith("mlp") else Cnn1d)(width=width)
    assert made.export == Export(int8_weights=quantised)
    assert isinstance(made.fit, Fit)
    assert (made.fit.pruning.final_sparsity if made.fit.pruning else None) == sparsity
    assert (
        len({version.name for version in STUDIES["forecasters"][0]}) == 24
    )  # eleven rows for each network, and one of ours


@pytest.mark.parametrize(("network", "version"), [("mlp", "th_a"), ("cnn", "th_b")])
def test_the_last_row_of_each_network_is_the_reports_version(network: str, version: str) -> None:
    last = row_name(network, load_reference()["ablation"][network][-1][0])
    assert recipe("forecasters", last) == VERSIONS[version].recipes["report"]


def test_fewer_readings_are_trained_for_as_many_steps() -> None:
    """The authors' 20 epochs of 70 % of 420,551 readings; there are 139,995 here, of each of two years a seventh."""
    steps = 20 * int(0.7 * 420_551) / 32
    for study, name in (("batches", "th_a_neighbours"), ("steps", "th_b_longer")):
        fit = recipe(study, name).fit
        assert isinstance(fit, Fit) and fit.pruning
        assert fit.epochs * 139_995 / 32 == pytest.approx(steps, rel=0.01)
        assert fit.pruning.begin_epoch / fit.epochs == pytest.approx(5 / 20, abs=1 / fit.epochs)
        assert fit.pruning.end_epoch / fit.epochs == pytest.approx(15 / 20, abs=1 / fit.epochs)
    assert recipe("years", "th_a_2009").fit.epochs == 7 * 20  # type: ignore[union-attr]


def count(of: Recipe, shape: tuple[int, ...], out: tuple[int, ...]) -> int:
    parameters: int = of.network.create(shape, out).count_params()
    keras.backend.clear_session()
    return parameters


def test_networks_have_the_parameters_counted_by_hand() -> None:
    norm = 4  # gamma, beta, mean and variance of each filter
    hidden = 2 * (256 * 256 + 256) + 256 * 8 + 8
    for front_end, inputs in ((Stft(), 32 * 32), (Mfcc(), 49 * 10)):
        features = type(front_end).__name__.lower()
        shape = front_end.shape
        assert count(recipe("spotters", f"mlp_{features}"), shape, (8,)) == inputs * 256 + 256 + hidden
        cnn = 9 * 128 + 2 * 9 * 128 * 128 + 3 * norm * 128 + 128 * 8 + 8
        assert count(recipe("spotters", f"cnn_{features}"), shape, (8,)) == cnn
        ds_cnn = 9 * 256 + 2 * (9 * 256 + 256 * 256) + 3 * norm * 256 + 256 * 8 + 8
        assert count(recipe("spotters", f"ds_cnn_{features}"), shape, (8,)) == ds_cnn
    mlp = 12 * 128 + 128 + 128 * 128 + 128 + 128 * 12 + 12
    assert count(recipe("forecasters", "mlp-none"), (6, 2), (6, 2)) == mlp


def speakers(speech: Speech) -> list[set[str]]:
    """Of each split."""
    names = np.array([name.split("/")[1].split("_nohash_")[0] for name in speech.name])
    return [set(names[speech.split == split]) for split in range(len(SPLITS))]


def shared(speech: Speech) -> int:
    """Speakers in test whom training knows."""
    train, _, test = speakers(speech)
    return len(train & test)


def test_no_speaker_is_in_two_splits() -> None:
    speech = by_speaker(synthetic.make_speech(10))
    train, validation, test = speakers(speech)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert "speaker" in speech.identity.split


def test_the_courses_lists_share_speakers_and_the_hash_does_not(real_data: Sources) -> None:
    course = load_speech(real_data)
    assert shared(course) > 100
    split = by_speaker(course)
    assert shared(split) == 0
    assert np.array_equal(split.audio, course.audio)
    assert 0.07 < (split.split == SPLITS.index("test")).mean() < 0.13


def test_a_study_resumes_and_names_its_split(run: Run, project: Path) -> None:
    arguments = ("14_seeds.py", "report-by-speaker", "--seeds", "1", "--versions", "kws_b", *SYNTHETIC)
    first = run(*arguments)
    assert first.returncode == 0, first.stderr[-2000:]
    assert "kws_b, seed 1: built, 1 of 1" in first.stdout
    again = run(*arguments)
    assert "1 of 1 runs are up to date" in again.stdout
    (line,) = (project / "results" / "synthetic" / "runs" / "report-by-speaker.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert (found["version"], found["seed"], found["split"]) == ("kws_b", 1, "speaker hash 80/10/10")
    assert found["made_with"] == "python scripts/14_seeds.py report-by-speaker --seeds 1 --versions kws_b"
    assert run("14_seeds.py", "report-by-speaker", "--versions", "th_a").returncode == 2
    assert "none of" in run("02_baselines.py", "nothing").stderr


def test_nothing_is_told_without_results(tmp_path: Path) -> None:
    empty = read_results(ResultStore(tmp_path, tmp_path))
    assert {claim.verdict for claim in claims.judge_claims(empty)} == {INCONCLUSIVE}
    assert tables.seeds(empty).count("\n") == 2  # a header alone


def test_seeds_are_counted_against_the_report_and_the_limits(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, tmp_path)
    store.runs.mkdir()
    runs = [study_run("kws_a", seed, 24_000, accuracy_pct=value) for seed, value in enumerate((89.0, 90.5, 91.0, 92.0))]
    store.study_path("report").write_text("".join(json.dumps(t) + "\n" for t in runs))
    lines = tables.seeds(read_results(store)).splitlines()
    (accuracy,) = (line for line in lines if "| accuracy, % |" in line)
    assert "90.62 ± 1.25" in accuracy  # numpy's mean and sample deviation, by hand: 90.625, 1.25
    assert "| 2 of 4 |" in accuracy  # better than the report's 90.88
    assert "> 90 %: 3 of 4 runs" in accuracy
