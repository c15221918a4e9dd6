"""A whole search, with trainings of a second: it ends with a model, its card, its recipe and how to use it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import SYNTHETIC, script

from search.fakes import FakeWorkers
from underbudget import files, store
from underbudget.beyond.search import session
from underbudget.data import array_cache, synthetic
from underbudget.device import artifact
from underbudget.store import ResultStore


@pytest.mark.slow
def test_a_search_ends_with_a_model_and_says_so_again(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    array_cache.save(
        synthetic.make_weather(3000), data_folder / "synthetic" / "weather.npz", {"path": None, "own": False}
    )
    there = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(store, "SYNTHETIC", there)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    workers = FakeWorkers()
    monkeypatch.setattr(session, "open_workers", lambda jobs: workers)

    asked = ("--task", "forecasting", "--limits", "size_kb<0.3 t_mae_c<9", "--trials", "1", "--name", "mine")
    monkeypatch.setattr(sys, "argv", ["19_search.py", *asked, "--jobs", "1", *SYNTHETIC])
    main = script("19_search.py").main

    def searched() -> list[str]:
        """What the script says in the end."""
        capsys.readouterr()
        main()
        said = capsys.readouterr().out
        return said[said.rindex("finalists for ") :].splitlines()

    said = searched()
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
    assert searched() == said
    assert len(workers.trained) == 7
