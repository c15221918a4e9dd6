"""A model shown: what its card says, in the terminal and on a page."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, script

import underbudget as ub
from underbudget.data.recording import load_sound
from underbudget.data.takes import loudest_second
from underbudget.device import artifact
from underbudget.results_page.model_page import example, in_letters, model_page, sections
from underbudget.store import ResultStore, listening_of

YES = ROOT / "examples" / "yes.wav"


@pytest.mark.parametrize("name", ["report/th_a", "improved/kws_a", "search/kws_size_kb_4", "live/kws_a"])
def test_every_kind_of_model_is_shown(name: str) -> None:
    card, content = artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib")
    listening = listening_of(card)
    assert (listening is None) == (card.front_end is None or name.startswith("search"))  # the others were measured
    parts = sections(card, content, listening)
    shown = {title: table for title, _, table in parts}
    assert f"{card.content['file']['compressed_bytes']:,} bytes" in shown["What it takes"]
    *lines, total = shown["Layers with weights"].splitlines()[2:]
    macs = [int(line.split(" | ")[6].replace(",", "")) for line in lines]
    assert sum(macs) == card.content["costs"]["macs"] == int(total.split(" | ")[6].replace(",", ""))
    seen = None
    if card.front_end:
        words, image = example(card, content, loudest_second(load_sound(YES)))
        assert words.startswith("Probabilities: yes ")
        assert image.shape == card.front_end.shape[1::-1]
        np.testing.assert_array_equal(image[-1], ub.features(loudest_second(load_sound(YES)), card.front_end)[:, 0, 0])
        seen = "What it sees", words, image
    page = model_page(name, card, parts, seen, listening)
    assert page.count("<h2") == len(shown) + bool(seen)
    assert "charts:" not in page
    if listening:
        worst = min(listening["test"]["middle"]["quiet"]["by_word"].items(), key=lambda item: item[1])
        assert f"| {worst[0]}, quiet, % | {worst[1]:.1f} |" in shown["How it listens"]
        assert f"Record more of {worst[0]}" in page and "Words missed against false accepts, quiet" in page
    if name == "report/th_a":
        curve = card.content["curve"]["loss"]
        assert (
            f"{curve[0]:.3g} after the first epoch, {curve[-1]:.3g} after {len(curve)} epochs"
            in shown["How it was made"]
        )
    if card.labels:
        for label in card.labels:
            assert label in shown["What it is"].replace("\\_", "_")


def test_a_picture_in_letters_is_bright_where_its_values_are_high() -> None:
    image = np.repeat(np.linspace(0, 1, 50, dtype=np.float32)[None], 20, axis=0)
    lines = in_letters(image).splitlines()
    assert len(lines) == 10  # every second row: a terminal is low
    assert set(lines) == {lines[0]}
    assert lines[0][0] == " " and lines[0][-1] == "@"
    assert lines[0] == "".join(sorted(lines[0], key=" .:-=+*#%@".index))


@pytest.mark.parametrize(
    ("name", "found"),
    [("improved/th_a", True), ("models/improved/th_a.json", True), ("models/improved/th_a.tflite.zlib", True),
     ("improved/kws_z", "improved/kws_a"), ("improved/kws", "improved/kws_b"), ("/nowhere", "models/README")],
)  # fmt: skip
def test_a_model_is_found_by_name_or_path_and_a_wrong_one_is_told_what_there_is(
    name: str, found: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    if found is True:
        assert artifact.model_path(name).resolve() == ROOT / "models" / "improved" / "th_a.tflite.zlib"
    else:
        with pytest.raises(ub.UserError, match=f"^{name}: no such .*{found}"):
            artifact.model_path(name)


def test_a_model_that_is_there_under_the_very_name_is_meant(tmp_path: Path) -> None:
    for suffix in ("", ".zlib"):
        (tmp_path / f"mine.tflite{suffix}").touch()
    for name in ("mine.tflite", "mine.tflite.zlib"):
        assert artifact.model_path(str(tmp_path / name)) == tmp_path / name


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
