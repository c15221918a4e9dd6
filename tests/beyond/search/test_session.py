"""A whole search, with trainings of a second: it ends with a model, its card, its recipe and how to use it."""

import json
from pathlib import Path
from typing import Any

import pytest

from search.fakes import FakeWorkers
from underbudget import files, store
from underbudget.beyond.search import session
from underbudget.data import array_cache, synthetic
from underbudget.data.sources import Sources
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING
from underbudget.store import ResultStore


def test_a_search_ends_with_a_model_and_says_so_again(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array_cache.save(
        synthetic.make_weather(3000), data_folder / "synthetic" / "weather.npz", {"path": None, "own": False}
    )
    there = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(store, "SYNTHETIC", there)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    workers = FakeWorkers()
    monkeypatch.setattr(session, "open_workers", lambda jobs: workers)

    def searched() -> str:
        return session.search(
            FORECASTING, "size_kb<0.3 t_mae_c<9", 1, 22, "mine", Sources(data="synthetic"), jobs=1, host=None
        )

    said = searched().splitlines()
    assert len(workers.trained) == 1 + 5 + 1  # a linear map is trained without epochs: once; five seeds; the model
    card, content = artifact.load(there.models / "search", "mine")
    result: dict[str, Any] = json.loads(there.search_path("mine").read_text())
    assert result["model"]["bytes"] == card.content["file"]["compressed_bytes"] < 0.3 * 1024
    assert result["finalists"][0]["recipe"] == card.content["made_from"]["recipe"]
    assert result["model"]["test"]["t_mae_c"] == card.content["test"]["t_mae_c"]
    assert content
    assert said[1] == "  trial 0: meets 2 of 2 limits"
    assert "use it: .venv/bin/python scripts/11_forecast.py sensor.csv --model models/search/mine.tflite.zlib" in said
    assert any(line.startswith("Recipe(network=Linear()") for line in said)
    assert searched().splitlines() == said
    assert len(workers.trained) == 7
