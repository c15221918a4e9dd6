"""Which store holds what, and how a model of this machine is told from the published one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from underbudget.data.identity import Identity
from underbudget.device import artifact
from underbudget.device.artifact import Card
from underbudget.device.errors import UserError
from underbudget.networks.ds_cnn import DsCnn
from underbudget.store import LOCAL, OWN, PUBLISHED, SYNTHETIC, ResultStore, differences, store_of
from underbudget.versions.catalogue import VERSIONS

MIRROR = Identity("local", "jena_station_10min.csv.xz, 217,986 rows", "a", "70/20/10 by row")
MINE = Identity("own", "my, own.csv, 1,100 rows (the user's own)", "b", "70/20/10 by row")
MADE = Identity("synthetic", "SYNTHETIC weather, 60,000 rows", "c", "70/20/10 by row")
VERSION = VERSIONS["kws_c"]


def test_own_and_synthetic_data_have_stores_of_their_own() -> None:
    assert store_of(MIRROR) == LOCAL
    assert store_of(MINE) == store_of(MIRROR, MINE) == OWN
    assert store_of(MADE) == store_of(MADE, MINE) == SYNTHETIC
    assert len({LOCAL.models, OWN.models, SYNTHETIC.models, PUBLISHED.models}) == 4


@pytest.fixture
def published() -> Card:
    card = PUBLISHED.card("report", "kws_c")
    assert card is not None
    return card


def changed(card: Card, change: Callable[[dict[str, Any]], object], sha256: str = "0" * 64) -> Card:
    """The card of another file, made from something else."""
    content = json.loads(json.dumps(card.content))
    change(content["made_from"])
    return replace(card, content=content, sha256=sha256)


def test_the_published_file_has_no_differences(published: Card) -> None:
    assert differences(published, published, VERSION) == []
    moved = changed(published, lambda made: made.update(seed=7, code="other"), published.sha256)
    assert differences(moved, published, VERSION) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made.update(seed=7), ["seed 7"]),
        (lambda made: made["recipe"]["network"].update(width=0.5), ["recipe changed: network.width"]),
        (lambda made: made["recipe"]["fit"].update(epochs=9, qat={"epochs": 1}),
         ["recipe changed: fit.epochs, fit.qat.epochs"]),
        (lambda made: made["data"].update(digest="0", source="own", description="my_words (the user's own), 9 clips"),
         ["own data (my_words)"]),
        (lambda made: made["data"].update(digest="0", source="synthetic"), ["synthetic data"]),
        (lambda made: made["data"].update(digest="0"),
         ["other data than the published run (mini_speech_commands.tar.xz)"]),
        (lambda made: made["data"].update(source="own"),  # the published data, however they were named
         ["other bytes than the published file: made by other code, or on another processor"]),
        (lambda made: made["data"].update(split="speaker hash 80/10/10"), ["split of the data: speaker hash 80/10/10"]),
        (lambda made: made["tools"].update(numpy="1"), ["other versions of numpy"]),
        (lambda made: (made.update(seed=7), made["recipe"]["network"].update(width=0.5)),
         ["recipe changed: network.width", "seed 7"]),
    ],
)  # fmt: skip
def test_every_difference_is_named(
    published: Card, change: Callable[[dict[str, Any]], object], words: list[str]
) -> None:
    assert differences(changed(published, change), published, VERSION) == words


def test_other_sounds_differ_too() -> None:
    live = PUBLISHED.card("live", "kws_a")
    assert live is not None
    card = changed(live, lambda made: made["other_sounds"].update(digest="0", source="made", description="made from x"))
    assert differences(card, live, VERSIONS["kws_a"]) == ["other sounds than the published run (made from x)"]


def test_a_recipe_that_has_changed_since_is_named(published: Card) -> None:
    """Both of a file that is still the published one, and of one whose change was undone."""
    recipe = VERSION.recipes["report"]
    wider = replace(VERSION, recipes={"report": replace(recipe, network=DsCnn(width=0.9))})
    assert differences(published, published, wider) == ["recipe changed: network.width"]
    mine = changed(published, lambda made: made["recipe"]["network"].update(width=0.9))
    assert (
        differences(mine, published, wider)
        == differences(mine, published, VERSION)
        == ["recipe changed: network.width"]
    )


def test_without_a_published_model_own_data_are_still_named(published: Card) -> None:
    assert differences(published, None, VERSION) == []
    own = changed(published, lambda made: made.update(seed=7, data={**made["data"], "source": "own"}))
    assert differences(own, None, VERSION) == ["own data (mini_speech_commands.tar.xz)"]


def test_a_card_of_the_old_format_is_read_on_a_device_and_made_again_here(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    shutil.copytree(PUBLISHED.models / "report", folder)
    card = json.loads((folder / "th_b.json").read_text())
    card["made_from"]["recipe"] = {"architecture": "cnn", "width": 0.12, "epochs": 20}
    (folder / "th_b.json").write_text(json.dumps({**card, "format": 1}))
    assert artifact.load(folder, "th_b")[0].name == "th_b"
    with pytest.raises(UserError, match=r"th_b.json: a card of an older format: make the model again$"):
        ResultStore(tmp_path, tmp_path).card("report", "th_b")
    (folder / "th_b.json").write_text(json.dumps({**card, "format": 2}))
    with pytest.raises(UserError, match=r"it lacks made_from.recipe.network"):
        artifact.load(folder, "th_b")


def test_what_this_machine_makes_is_not_in_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for store in (LOCAL, OWN, SYNTHETIC):
        for folder in (store.models, store.results):
            assert f"{Path(folder).relative_to(ROOT)}/" in ignored
