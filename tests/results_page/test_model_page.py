"""A model shown: what its card says, in the terminal and on a page."""

import json
from pathlib import Path

import pytest
from helpers import ROOT, script

from underbudget.device import artifact
from underbudget.results_page.model_page import model_page, sections
from underbudget.store import ResultStore


@pytest.mark.parametrize("name", ["report/th_a", "improved/kws_a", "search/kws_size_kb_4", "live/kws_a"])
def test_every_kind_of_model_is_shown(name: str) -> None:
    card, content = artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib")
    shown = dict(sections(card, content))
    assert f"{card.content['file']['compressed_bytes']:,} bytes" in shown["What it takes"]
    lines = shown["Layers with weights"].splitlines()[2:]
    macs = [int(line.split(" | ")[6].replace(",", "")) for line in lines]
    assert sum(macs) == card.content["costs"]["macs"]
    page = model_page(name, card, content)
    assert page.count("<h2") == len(shown) + 1
    assert "charts:" not in page
    if card.labels:
        for label in card.labels:
            assert label in shown["What it is"].replace("\\_", "_")


def test_the_script_prints_and_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show = script("23_show.py")
    monkeypatch.setattr(show, "LOCAL", ResultStore(tmp_path / "models", tmp_path / "results"))
    monkeypatch.setattr("sys.argv", ["23_show.py", "report/kws_c"])
    show.main()
    said = capsys.readouterr().out
    confusion = json.loads((ROOT / "models/report/kws_c.json").read_text())["test"]["confusion"]
    assert f"down   {confusion[0][0]}" in said
    (page,) = (tmp_path / "results").rglob("*.html")
    assert page.name == "report-kws_c.html"
    assert "<svg" in page.read_text(encoding="utf-8")
