"""What is gathered of a study's runs: those that differ in nothing but their seed."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, study_run

from underbudget import files
from underbudget.data.sources import Sources
from underbudget.reproduction import run_studies, runs
from underbudget.store import ResultStore
from underbudget.versions.catalogue import VERSIONS


def lay(store: ResultStore, name: str, seed: int, digest: str) -> dict[str, Any]:
    """The card of a run on the data with a digest; return what it was made from."""
    card = json.loads((ROOT / "models" / "report" / f"{name}.json").read_text())
    made: dict[str, Any] = card["made_from"]
    made["seed"], made["data"]["digest"] = seed, digest
    path = store.models / "report" / f"seed-{seed}" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(card))
    return made


def test_runs_of_two_data_sets_are_never_in_one_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(run_studies, "LOCAL", store)
    for seed in range(1, 6):
        lay(store, "th_b", seed, "old")
        lay(store, "th_a", seed, "old")

    def gathered(**made_from: Any) -> list[tuple[str, int]]:
        path = run_studies.write_runs(store.models / "report", made_from)
        return [(line["version"], line["seed"]) for line in map(json.loads, path.read_text().splitlines())]

    everything = [(name, seed) for name in ("th_a", "th_b") for seed in range(1, 6)]
    assert gathered() == everything
    new = [lay(store, "th_b", seed, "new") for seed in (1, 2)]
    only_two = [*everything[:5], ("th_b", 1), ("th_b", 2)]
    assert gathered(th_b=new[0]) == only_two
    assert gathered() == only_two  # as a call for th_a does, which knows nothing of th_b
    old = lay(store, "th_b", 2, "old")
    assert gathered(th_b=old) == [*everything[:5], *(("th_b", seed) for seed in (2, 3, 4, 5))]  # seed 1 has failed
    lay(store, "th_b", 1, "old")
    assert gathered(th_b=old) == everything


def test_the_command_that_makes_a_run_again_names_own_data() -> None:
    sources = Sources(jena=Path("my station.csv"), speech=Path("clips"), other=Path("sounds"))
    assert run_studies.made_with("improved", VERSIONS["th_b"], 3, sources) == (
        "JENA='my station.csv' python scripts/14_seeds.py improved --seeds 3 --versions th_b"
    )
    assert sources.variables(VERSIONS["kws_a"].task) == " SPEECH=clips OTHER=sounds"
    assert run_studies.made_with("rates", VERSIONS["th_b"], 3, Sources()).startswith(
        "python scripts/02_baselines.py rates"
    )


def test_seeds_count_the_runs_that_meet_all_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of th_b: below 0.6 °C, 1.9 % and 1.7 kB, 1,740.8 bytes."""
    figures = [(0.5, 1.8, 1740), (0.61, 1.8, 1500), (0.5, 1.8, 1741), (0.5, 1.9, 1500)]
    lines = [study_run("th_b", seed, size, t_mae_c=t, rh_mae_pct=rh) for seed, (t, rh, size) in enumerate(figures, 1)]
    path = tmp_path / "report.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    assert "th_b: 1 of 4 runs (5–70 %) meet all limits" in runs.summary_lines(path)  # Wilson's interval
