"""The bench: both sides compute the same, and each row is measured. What it measures is asserted nowhere."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import SYNTHETIC, script

from underbudget import store
from underbudget.beyond import bench
from underbudget.data import array_cache, synthetic
from underbudget.data.sources import Sources
from underbudget.device.audio import RATE
from underbudget.device.frontend import FrontEnd, Mfcc, Stft, extractor
from underbudget.reproduction.results import read_results
from underbudget.results_page.latency_tables import bench as bench_table
from underbudget.store import ResultStore


@pytest.mark.parametrize("front_end", [Mfcc(lifter=0), Stft()])
def test_both_sides_compute_the_same_features(front_end: FrontEnd) -> None:
    clip = np.random.default_rng(1).uniform(-1, 1, RATE).astype(np.float32)
    theirs = bench._eager(front_end)(clip).numpy()
    np.testing.assert_allclose(extractor(front_end)(clip), theirs, atol=2e-3)


@pytest.fixture
def few_rounds(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds on few synthetic data."""
    for kind, made in (("weather", synthetic.make_weather(1000)), ("speech", synthetic.make_speech(10))):
        array_cache.save(made, data_folder / "synthetic" / f"{kind}.npz", {"path": None, "own": False})
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "CLIPS", 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("peer", "name", "recipe", "qat"), [("keras", "kws_b", "report", False), ("torch", "kws_a", "improved", True)]
)
def test_a_spotters_step_is_timed_beside_a_peer(peer: str, name: str, recipe: str, qat: bool, few_rounds: None) -> None:
    if peer == "torch" and not find_spec("torch"):
        pytest.skip("no PyTorch here: see scripts/13_bench.py")
    row = bench.step_row(peer, name, recipe, Sources(data="synthetic"), qat)
    assert f"{recipe}/{name}, beside {bench.PEERS[peer]}" in row["what"]
    assert min(row["ours_ms"], row["theirs_ms"]) > 0


@pytest.mark.slow
def test_the_script_writes_the_rows_that_the_table_shows(
    few_rounds: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ResultStore(tmp_path, tmp_path)
    monkeypatch.setattr(store, "SYNTHETIC", there)
    program = script("13_bench.py")
    monkeypatch.setattr(program, "VERSIONS", ("th_b",))
    monkeypatch.setattr(program, "find_spec", lambda _: None)  # without PyTorch
    monkeypatch.setattr(sys, "argv", ["13_bench.py", *SYNTHETIC])
    program.main()
    rows = json.loads(there.bench_path.read_text())["rows"]
    mfcc, stft, step = bench_table(read_results(there)).splitlines()[2:]
    for row, line, what in zip(rows, (mfcc, stft, step), ("MFCC of", "STFT of", "report/th_b"), strict=True):
        low, median, high = (row["ratio"][key] for key in ("low", "median", "high"))
        assert 0 < low <= median <= high
        assert what in row["what"] and line.startswith(f"| {row['what']} | {row['ours_ms']:.3f} |")
