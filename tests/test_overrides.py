"""Recipes with changed fields: what is changed, what a changed recipe is called, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data.sources import Sources
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.overrides import build_command, changed, chosen, described, in_words
from underbudget.recipes import QAT, Pruning, Readings, Recipe
from underbudget.versions.catalogue import VERSIONS

KWS_B, IMPROVED, TH_A, KWS_C = (
    VERSIONS[name].recipes[recipe]
    for name, recipe in (("kws_b", "report"), ("kws_b", "improved"), ("th_a", "report"), ("kws_c", "report"))
)
CHANGES: dict[str, tuple[str, Recipe]] = {
    "kws_b learning_rate=5e-3 width=0.40": (
        "report/width=0.4+learning_rate=0.005",
        replace(KWS_B.refitted(learning_rate=0.005), network=DsCnn(0.4, (2, 1))),
    ),
    "kws_b report strides=1,1 epochs=1": (
        "report/strides=1,1+epochs=1",
        replace(KWS_B.refitted(epochs=1), network=DsCnn(0.22, (1, 1))),
    ),
    "kws_b improved fit.epochs=3 blocks=2": (
        "improved/blocks=2+fit.epochs=3",
        replace(IMPROVED.refitted(epochs=3), network=DsTcResnet(40, (2,), (4, 8), stride=2)),
    ),
    "kws_b improved stem=none qat=none": (
        "improved/qat=none+stem=none",
        replace(IMPROVED.refitted(qat=None), network=DsTcResnet(40, (3, 3), stride=2)),
    ),
    "kws_b qat.epochs=4 relative_scale=0.5": (
        "report/relative_scale=0.5+qat.epochs=4",
        KWS_B.refitted(qat=QAT(0.5, 4)),
    ),
    "kws_b int8_weights=true by_speaker=true": (
        "report/int8_weights=true+by_speaker=true",
        replace(KWS_B, export=replace(KWS_B.export, int8_weights=True), by_speaker=True),
    ),
    # together they are in order, one by one they would not be
    "th_a begin_epoch=16 end_epoch=18": (
        "report/begin_epoch=16+end_epoch=18",
        TH_A.refitted(pruning=Pruning(0.9, begin_epoch=16, end_epoch=18)),
    ),
    "th_a year=2009 pruning=none": (
        "report/pruning=none+year=2009",
        replace(TH_A.refitted(pruning=None), inputs=Readings(year=2009)),
    ),
    "kws_c width=0.4": ("report/width=0.4", replace(KWS_C, network=DsCnn(0.4, (2, 2)))),  # not that of the STFT's image
    "kws_c coefficients=13 inputs=mfcc": (
        "report/inputs=mfcc+coefficients=13",
        replace(KWS_C, inputs=Mfcc(coefficients=13)),
    ),
}


@pytest.mark.parametrize("asked", CHANGES)
def test_a_changed_recipe_is_named_by_what_was_changed(asked: str) -> None:
    name, expected = CHANGES[asked]
    version, found = chosen(asked)
    assert (found, version.recipes[found]) == (name, expected)
    assert chosen(f"{version.name} {in_words(found)}") == (version, found)
    unchanged = VERSIONS[version.name]
    assert version == replace(unchanged, recipes={**unchanged.recipes, name: expected})


@pytest.mark.parametrize("asked", ["kws_b", "kws_b width=0.220 epochs=20 pruning=none", "kws_b report strides=2,1"])
def test_a_recipe_with_its_own_values_is_the_recipe(asked: str) -> None:
    assert chosen(asked) == (VERSIONS["kws_b"], "report")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "kws_b breadth=1",
            r"breadth: no field of kws_b's recipe report, which has: network\.width=0\.22, network\.strides=2,1, ",
        ),
        ("kws_b widht=1", r"widht: no field of kws_b's recipe report: do you mean width\?$"),
        ("kws_b fit=none", "fit: no field"),
        ("kws_b =1", ": no field"),
        ("kws_b improved epochs=1", r"epochs: say which: fit\.epochs=300, fit\.qat\.epochs=25$"),
        ("kws_b epochs=1 fit.epochs=2", r"fit\.epochs is given twice"),
        ("kws_b width=2", "width is 2.0, not a number from 0.00390625 to 1"),
        ("kws_b width=nan", "width is nan"),
        ("th_b learning_rate=-1", "learning_rate is -1.0"),
        ("th_b epochs=0", "epochs is 0, not a whole number from 1"),
        ("th_b epochs=1.5", "epochs=1.5: not a whole number$"),
        ("th_b epochs", "'epochs' is no FIELD=VALUE, and none of th_b's recipes report, improved"),
        ("th_b report epochs", "epochs: not a whole number$"),
        ("kws_b strides=2", "strides=2: not 2 values"),
        ("kws_b schedule=linear", "schedule=linear: not constant or cosine$"),
        ("kws_b int8_weights=1", "not true or false$"),
        ("kws_c inputs=mel", "not stft or mfcc or logmel$"),
        ("kws_b mel_bins=500", "mel_bins are too many"),
        ("kws_b begin_epoch=2", "pruning needs final_sparsity too$"),
        ("th_b begin_epoch=15", "begin_epoch is not before"),
        ("th_b inputs=mfcc", "that of a forecaster"),
        ("th_b label_smoothing=0.1", "of spotters only"),
        ("th_b loss=cross_entropy", "of spotters only"),
        ("kws_b unknown_share=0.5", "other sounds need augmentation"),
        ("kws_b copies=24 speed=1.2,0.8", "above the second"),
        (
            "kws_b width=0.123456789 learning_rate=0.0123456789 weight_decay=0.0123456789 batch_size=1234",
            "a recipe of its own: add it to versions/kws_b.py$",
        ),
        ("kws_d", "first comes one of th_a, th_b"),
        ("", "first comes one of th_a, th_b"),
        ("kws_b live", "'live' is no FIELD=VALUE, and none of kws_b's recipes"),
    ],
)
def test_what_can_not_be_set_is_refused_in_one_line(asked: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        chosen(asked)
    assert "\n" not in str(error.value)


@given(st.text(max_size=30))
def test_whatever_is_set_it_is_a_recipe_or_one_error(text: str) -> None:
    for settings in (text, f"width={text}", f"strides={text}", f"inputs={text}", f"{text}=1"):
        try:
            version, name = changed(VERSIONS["kws_b"], "report", settings)
        except UserError:
            continue
        assert re.fullmatch(r"report(/[\w=.,+-]{1,80})?", name)
        assert version.recipes[name]


@pytest.mark.parametrize("name", VERSIONS)
def test_every_field_that_is_listed_can_be_given(name: str) -> None:
    for recipe_name, recipe in VERSIONS[name].recipes.items():
        settings = described(recipe).replace(", ", " ")
        assert changed(VERSIONS[name], recipe_name, settings) == (VERSIONS[name], recipe_name)


def test_the_command_on_a_card_names_the_change() -> None:
    version, recipe = chosen("th_b improved step=0.5 error_per_byte=1e-4")
    command = build_command(version, recipe, 7, Sources(jena=Path("my log.csv")))
    assert command == "make th_b RECIPE=improved SET='step=0.5 error_per_byte=0.0001' SEED=7 JENA='my log.csv'"
    assert build_command(version, "report", 7, Sources()) == "make th_b RECIPE=report SEED=7"
