"""Publishing copies what it should and refuses what it must; tables are filled in."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from helpers import ROOT

from underbudget.beyond.listening.measure import LISTENING_PROTOCOL
from underbudget.data.sources import Sources
from underbudget.device.errors import UserError
from underbudget.reproduction import host
from underbudget.reproduction.results import read_results
from underbudget.results_page import publish
from underbudget.results_page.render import fill
from underbudget.store import PUBLISHED, ResultStore
from underbudget.versions.catalogue import SEARCHED

RUN = {"version": "th_b", "recipe": "improved", "clips": None, "split": "x", "converted_bytes": 9, "arithmetic": 1}
THRESHOLDS = {"low": 0.75, "middle": 0.5, "high": 0.25}
SETTINGS = {"smoothing": 0.64, "level_ratio": 1.5}


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ResultStore, ResultStore]:
    """A local store with the five versions, two seeds of our th_b and all measurements; and an empty published one."""
    local = ResultStore(tmp_path / "models" / "local", tmp_path / "results" / "local")
    published = ResultStore(tmp_path / "models", tmp_path / "results")
    shutil.copytree(ROOT / "models" / "report", local.models / "report")
    for seed in (1, 2):
        folder = local.models / "improved" / f"seed-{seed}"
        folder.mkdir(parents=True)
        for suffix in (".json", ".tflite.zlib"):
            shutil.copyfile(ROOT / "models" / "improved" / f"th_b{suffix}", folder / f"th_b{suffix}")
    local.runs.mkdir(parents=True)
    quality = [{"t_mae_c": 0.4, "rh_mae_pct": 1.8}, {"t_mae_c": 0.3, "rh_mae_pct": 1.7}]
    runs = [{**RUN, "seed": s, "bytes": 9, "test": q, "validation": q} for s, q in zip((1, 2), quality, strict=True)]
    local.study_path("improved").write_text("".join(json.dumps(run) + "\n" for run in runs))
    local.latency.mkdir()
    models = {"unknown": {}, read_results(PUBLISHED).cards["report", "th_a"].sha256: {"total_ms": {"mean": 1}}}
    for name in ("host.json", host.EMULATED_RESULT):
        content = {"device": {"kind": "host"}, "protocol": {}, "models": models}
        (local.latency / name).write_text(json.dumps(content))
    local.bench_path.write_text('{"rows": []}')
    local.naive_path.write_text("{}")
    sha256 = read_results(PUBLISHED).cards["report", "kws_a"].sha256
    entry = {"model": "seed-22/kws_a", "thresholds": THRESHOLDS, **SETTINGS, "validation": {}}
    local.listening_path.write_text(
        json.dumps({"protocol": LISTENING_PROTOCOL, "models": {sha256: entry, "unknown": {}}})
    )
    monkeypatch.setattr(publish, "LOCAL", local)
    monkeypatch.setattr(publish, "PUBLISHED", published)
    monkeypatch.setattr(host, "HOST_RESULT", local.latency / "host.json")
    return local, published


def test_everything_is_published(stores: tuple[ResultStore, ResultStore]) -> None:
    local, published = stores
    publish.publish(Sources())
    for name in ("th_a", "th_b", "kws_a", "kws_b", "kws_c"):
        for suffix in (".json", ".tflite.zlib"):
            copied = published.models / "report" / f"{name}{suffix}"
            if name + suffix != "kws_a.json":  # to which thresholds are added
                assert copied.read_bytes() == (local.models / "report" / f"{name}{suffix}").read_bytes()
    results = read_results(published)
    assert [t["seed"] for t in results.study_runs("improved")] == [1, 2]
    assert results.card("improved", "th_b") is not None  # validation chooses seed 2
    assert "unknown" not in results.latencies["host.json"]["models"]
    assert len(results.latencies["host.json"]["models"]) == 1


def test_what_searches_found_is_published(
    stores: tuple[ResultStore, ResultStore], capsys: pytest.CaptureFixture[str]
) -> None:
    local, published = stores
    folder = local.models / SEARCHED
    folder.mkdir()
    for suffix in (".json", ".tflite.zlib"):
        shutil.copyfile(ROOT / "models" / "improved" / f"th_b{suffix}", folder / f"small{suffix}")
    local.search_path("small").parent.mkdir()
    shutil.copytree(ROOT / "models" / "report", published.models / "report")
    card = published.card("report", "th_b")
    assert card is not None
    found: dict[str, Any] = {"task": "forecasting", "limits": [{"metric": "size_kb", "limit": 1.0}], "trials": []}
    found["made_from"] = {"data": card.content["made_from"]["data"]}
    small = {**found, "name": "small", "model": {"card": "models/local/search/small.json", "seed": 1}}
    any_size = {**found, "name": "any_size", "limits": [], "model": None}
    own_data = {**any_size, "name": "own_data", "made_from": {"data": {"digest": "else", "description": "my.csv"}}}
    for search in (small, any_size, own_data):
        local.search_path(search["name"]).write_text(json.dumps(search))
    publish.publish_searches()  # nothing else need be at hand
    first, last = published.searches()  # from the smallest limit on
    assert first["model"] == {"card": "models/search/small.json", "seed": 1}
    assert (last["name"], last["model"]) == ("any_size", None)
    assert "own_data: left out: it was searched on my.csv" in capsys.readouterr().out
    names = {"small.json", "small.tflite.zlib"}
    assert {path.name for path in (published.models / SEARCHED).iterdir()} == names
    assert all((published.models / SEARCHED / n).read_bytes() == (folder / n).read_bytes() for n in names)
    shutil.rmtree(published.models / SEARCHED)
    shutil.rmtree(published.runs)
    publish.publish(Sources())  # publishes them, too
    assert published.searches() == [first, last]


def test_the_seed_that_validation_chooses_is_published(stores: tuple[ResultStore, ResultStore]) -> None:
    local, published = stores
    card = local.models / "improved" / "seed-2" / "th_b.json"
    card.write_text(card.read_text().replace('"made_with": "', '"made_with": "the chosen one: '))
    publish.publish(Sources())
    assert "the chosen one" in (published.models / "improved" / "th_b.json").read_text()


def test_thresholds_are_added_to_the_published_cards(
    stores: tuple[ResultStore, ResultStore], capsys: pytest.CaptureFixture[str]
) -> None:
    local, published = stores
    publish.publish(Sources())
    card, before = (store.card("report", "kws_a") for store in (published, local))
    assert card and before and card.thresholds == THRESHOLDS
    assert card.content == {**before.content, "listening": card.content["listening"]}
    (entry,) = published.listening()["models"].values()
    assert (entry["model"], entry["thresholds"]) == ("report/kws_a", THRESHOLDS)
    said = capsys.readouterr().out
    assert "report/kws_b: its listener was not measured: run make listening, then this again" in said
    assert "report/kws_a:" not in said


def test_a_card_that_names_the_thresholds_stays_as_it_is(stores: tuple[ResultStore, ResultStore]) -> None:
    local, published = stores
    card = local.models / "report" / "kws_a.json"
    content = json.loads(card.read_text())
    settings = {**SETTINGS, "protocol": LISTENING_PROTOCOL}
    named = {**THRESHOLDS, **settings, "validation": "those that it was made with"}
    card.write_text(json.dumps({**content, "listening": named}))
    publish.publish(Sources())
    assert (published.models / "report" / "kws_a.json").read_bytes() == card.read_bytes()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("models/local/report/kws_b.json", "run make all DATA=real first"),
        ("results/local/latency/host.json", "run make measure first"),
        (f"results/local/latency/{host.EMULATED_RESULT}", "run make emulated first"),
        ("results/local/runs/bench.json", "run make bench first"),
        ("results/local/runs/naive.json", "run make baselines first"),
        ("results/local/runs/listening.json", "run make listening first"),
    ],
)
def test_what_is_missing_is_named(
    stores: tuple[ResultStore, ResultStore], tmp_path: Path, missing: str, message: str
) -> None:
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=message):
        publish.publish(Sources())
    assert not (tmp_path / "models" / "report").exists()


def test_another_seed_is_refused(stores: tuple[ResultStore, ResultStore]) -> None:
    card = stores[0].models / "report" / "th_a.json"
    card.write_text(card.read_text().replace('"seed": 22', '"seed": 23'))
    with pytest.raises(UserError, match="th_a: recipe report, seed 23: publish report, 22 only"):
        publish.publish(Sources())


@pytest.mark.parametrize("commit", ['"abc1234+changes"', "null"])
def test_a_model_by_scripts_that_no_commit_has_is_refused(stores: tuple[ResultStore, ResultStore], commit: str) -> None:
    card = stores[0].models / "report" / "th_a.json"
    card.write_text(re.sub(r'"commit": .*', f'"commit": {commit}', card.read_text()))
    with pytest.raises(UserError, match=r"th_a\.json: made by scripts that no commit has: commit, make it again"):
        publish.publish(Sources())


BEGIN, END = "<!-- {}: generated by make render -->\n", "<!-- end of {} -->"


def test_tables_are_filled_and_filling_again_changes_nothing() -> None:
    results = read_results(PUBLISHED)
    text = f"before\n{BEGIN.format('file_sizes')}old\n{END.format('file_sizes')}\nafter\n"
    filled = fill(Path("x.md"), text, results)
    assert "old" not in filled
    assert "| `th_a` | 1.95 |" in filled
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert fill(Path("x.md"), filled, results) == filled


@pytest.mark.parametrize(
    "text",
    [
        BEGIN.format("file_sizes") + "no end\n",
        "no beginning\n" + END.format("file_sizes"),
        BEGIN.format("file_sizes") + END.format("pi"),
        BEGIN.format("nothing") + END.format("nothing"),
        BEGIN.format("seed_charts") + END.format("seed_charts"),
    ],
)
def test_a_damaged_marker_is_named_with_its_file(text: str) -> None:
    with pytest.raises(UserError, match=r"^x\.md: [^\n]*marker[^\n]*$"):
        fill(Path("x.md"), text, read_results(PUBLISHED))


def test_studies_of_different_code_are_not_subtracted(tmp_path: Path) -> None:
    from underbudget.results_page.speaker_tables import splits

    store = ResultStore(tmp_path, tmp_path)
    store.runs.mkdir()
    for study, number in (("report", 1), ("report-by-speaker", 1), ("improved", 1), ("improved-by-speaker", 2)):
        runs = [
            {
                "version": "kws_a",
                "seed": s,
                "recipe": study.removesuffix("-by-speaker"),
                "bytes": 9,
                "converted_bytes": 9,
                "clips": 800,
                "test": {"accuracy_pct": 90 + s},
                "speakers_95": [88.0, 92.0] if "by" in study else [89.0, 91.0],
                "arithmetic": number,
            }
            for s in (1, 2, 3)
        ]
        store.study_path(study).write_text("".join(json.dumps(run) + "\n" for run in runs))
    _, _, report, improved, _, note = splits(read_results(store)).splitlines()
    # variances over seeds 1 / 3 on each side, over speakers (1 / 1.96)² and (2 / 1.96)²
    variance = 2 / 3 + (1 + 4) / 1.96**2
    quantile = scipy.stats.t.ppf(0.975, variance**2 / (2 * (1 / 3) ** 2 / 2))
    half = quantile * np.sqrt(variance)
    assert f" 0.00 ({-half:.2f} to {half:.2f}) " in report
    # of a mean: over seeds 1 / 3, over its speakers (2 / 1.96)²
    variance = 1 / 3 + 4 / 1.96**2
    half = scipy.stats.t.ppf(0.975, variance**2 / ((1 / 3) ** 2 / 2)) * np.sqrt(variance)
    assert f" 92.00 ({92 - half:.2f}–{92 + half:.2f}) % " in report
    assert " | – | " in improved
    assert note.endswith("are of different code or recipes: `improved/kws_a`.")
    path = store.study_path("report")
    path.write_text(path.read_text().replace("[89.0, 91.0]", "null"))
    assert " | 0.00 | " in splits(read_results(store)).splitlines()[2]
