"""The bench: both sides compute the same, and each row is measured. What it measures is asserted nowhere."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from underbudget.beyond import bench
from underbudget.data import array_cache, synthetic
from underbudget.data.sources import Sources
from underbudget.device.audio import RATE
from underbudget.device.frontend import FrontEnd, Mfcc, Stft, extractor


@pytest.mark.parametrize("front_end", [Mfcc(lifter=0), Stft()])
def test_both_sides_compute_the_same_features(front_end: FrontEnd) -> None:
    clip = np.random.default_rng(1).uniform(-1, 1, RATE).astype(np.float32)
    theirs = bench._eager(front_end)(clip).numpy()
    np.testing.assert_allclose(extractor(front_end)(clip), theirs, atol=2e-3)


@pytest.mark.parametrize(
    ("peer", "name", "recipe", "qat"),
    [
        ("keras", "th_a", "report", False),
        ("keras", "kws_b", "report", False),
        ("torch", "kws_b", "report", False),
        ("torch", "kws_a", "improved", True),
    ],
)
def test_a_step_is_timed_beside_a_peer(
    peer: str, name: str, recipe: str, qat: bool, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if peer == "torch" and not find_spec("torch"):
        pytest.skip("no PyTorch here: see scripts/13_bench.py")
    for kind, made in (("weather", synthetic.make_weather(1000)), ("speech", synthetic.make_speech(10))):
        array_cache.save(made, data_folder / "synthetic" / f"{kind}.npz", {"path": None, "own": False})
    monkeypatch.setattr(bench, "ROUNDS", 2)
    row = bench.step_row(peer, name, recipe, Sources(data="synthetic"), qat)
    assert f"{recipe}/{name}, beside {bench.PEERS[peer]}" in row["what"]
    assert 0 < row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    assert min(row["ours_ms"], row["theirs_ms"]) > 0
