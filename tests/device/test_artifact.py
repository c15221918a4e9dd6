"""Cards and model files, good ones and those to be refused."""

import hashlib
import json
import shutil
import zlib
from pathlib import Path

import pytest
from helpers import ROOT

from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc

PUBLISHED = ROOT / "models" / "report"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the published models."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "models"))


def test_a_card_is_read_back() -> None:
    card, content = artifact.load(PUBLISHED, "kws_a")
    assert card.task == artifact.SPOTTING
    assert card.front_end == Mfcc()
    assert card.labels == ("down", "go", "left", "no", "right", "stop", "up", "yes")
    assert content[4:8] == b"TFL3"
    forecaster = artifact.load(PUBLISHED, "th_a")[0]
    assert forecaster.front_end is None
    assert len(forecaster.mean) == len(forecaster.std) == 2


def test_a_card_of_another_file(folder: Path) -> None:
    shutil.copyfile(folder / "kws_b.tflite.zlib", folder / "kws_a.tflite.zlib")
    with pytest.raises(UserError, match=r"kws_a.json describes another file"):
        artifact.load(folder, "kws_a")


def test_a_card_of_another_format(folder: Path) -> None:
    path = folder / "kws_a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(UserError, match="format 99 is not 2"):
        artifact.read_card(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"card"', "\x00"])
def test_cards_that_are_no_cards(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=r"x.json: not a model card"):
        artifact.read_card(tmp_path / "x.json")


TFLITE = zlib.decompress((PUBLISHED / "th_a.tflite.zlib").read_bytes())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short"),
        (b"hello, this is text", "neither TFLite nor a zlib stream"),
        (zlib.compress(TFLITE)[:-10], "cut short"),
        (zlib.compress(TFLITE) + b"more", "4 bytes follow"),
        (zlib.compress(b"\0" * (artifact.LARGEST_MODEL + 1)), "MiB when inflated"),
        (zlib.compress(b"a zlib stream of text"), "not a TFLite file"),
    ],
)
def test_bad_model_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.tflite.zlib"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"m.tflite.zlib: .*{message}") as caught:
        artifact.read_model(path)
    assert "\n" not in str(caught.value)


def test_plain_and_compressed_files_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(TFLITE)
    (tmp_path / "a.tflite.zlib").write_bytes(zlib.compress(TFLITE))
    assert artifact.read_model(tmp_path / "a.tflite") == artifact.read_model(tmp_path / "a.tflite.zlib") == TFLITE


@pytest.mark.parametrize("name", ["th_a", "th_b", "kws_a", "kws_b", "kws_c"])
def test_cards_state_the_bytes_of_their_files(name: str) -> None:
    size = artifact.load(PUBLISHED, name)[0].content["file"]
    compressed = (PUBLISHED / f"{name}.tflite.zlib").read_bytes()
    assert size["compressed_bytes"] == len(compressed)
    assert size["slimmed_bytes"] == len(zlib.decompress(compressed))
    assert size["sha256"] == hashlib.sha256(compressed).hexdigest()
