"""A model of a card is tested on the data that it was made from, in their split; anything else is refused, or plain."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, clean_environment

from underbudget.data import synthetic
from underbudget.data.sources import Sources
from underbudget.data.speech import LABELS, Speech
from underbudget.device import artifact
from underbudget.device.artifact import Card
from underbudget.device.errors import UserError
from underbudget.evaluation import is_made_from, prepare_for, sources_for

SPOTTER, FORECASTER = (artifact.load(ROOT / "models" / "report", name)[0] for name in ("kws_a", "th_a"))
WITHOUT_TENSORFLOW = """
import sys
sys.path.insert(0, "scripts")
import numpy as np
import underbudget
import underbudget.build, underbudget.library, underbudget.processes
from underbudget.data.synthetic import make_weather
from underbudget.data.speech import Speech, LABELS
weather = make_weather(2000)
clips = Speech(np.zeros((8, 16000), np.int16), np.arange(8), np.full(8, 2), np.array(LABELS), weather.identity)
assert underbudget.evaluate("models/report/th_a.tflite.zlib", weather).metrics["windows"]
assert underbudget.evaluate("models/report/kws_a.tflite.zlib", clips, card=False).metrics["clips"] == 8
found = {"tensorflow", "tf_keras", "scipy.stats", "pandas"} & set(sys.modules)
assert not found, found
"""


def made_from(card: Card, **fields: str) -> Card:
    """The card, made from data with these fields in their identity."""
    content = card.content
    data = {**content["made_from"]["data"], **fields}
    return replace(card, content={**content, "made_from": {**content["made_from"], "data": data}})


@pytest.fixture
def speech() -> Speech:
    """The card's clips, as far as their identity tells."""
    data = SPOTTER.content["made_from"]["data"]
    audio, label = np.zeros((8, 16000), np.int16), np.arange(8, dtype=np.int32)
    identity = replace(synthetic.make_weather(200).identity, **data)
    return Speech(audio, label, np.full(8, 2, np.int8), np.array(LABELS), identity)


def test_its_own_clips_in_its_own_split(speech: Speech) -> None:
    assert prepare_for(SPOTTER, speech).identity == speech.identity


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "speaker hash 80/10/10"}, r"split by speaker hash 80/10/10, which are split by the course's lists"),
        (
            {"digest": "0" * 64},
            r"made from mini_speech.*these are mini_speech.*--task keyword_spotting --front-end mfcc:frame=640,",
        ),
    ],
)
def test_other_clips_or_another_split_are_refused(speech: Speech, fields: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        prepare_for(made_from(SPOTTER, **fields), speech)
    assert "\n" not in str(caught.value)


def test_a_forecaster_may_see_other_readings_but_not_its_own_split_otherwise() -> None:
    weather = synthetic.make_weather(2000)
    assert not is_made_from(FORECASTER, weather.identity)
    assert prepare_for(FORECASTER, weather).identity == weather.identity
    own: dict[str, Any] = {"digest": weather.identity.digest}
    with pytest.raises(UserError, match="training data would test it"):
        prepare_for(made_from(FORECASTER, **own, split="by hand"), weather)
    assert is_made_from(made_from(FORECASTER, **own), weather.identity)


def test_own_words_that_happen_to_be_the_eight_are_split_as_own_words() -> None:
    for split, own, by_speaker in (
        ("the course's lists", False, False),
        ("speaker hash 80/10/10", False, True),
        ("by file, 60/20/20", True, False),
        ("by speaker, 80/10/10", True, False),
        ("by speaker, 80/10/10; where not named, by file, 60/20/20", True, False),
    ):
        found = sources_for(made_from(SPOTTER, split=split), Sources())
        assert (found.own_words, found.by_speaker) == (own, by_speaker), split


def test_it_waits_for_no_package_that_takes_seconds_to_import() -> None:
    command = [sys.executable, "-I", "-c", WITHOUT_TENSORFLOW]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=clean_environment(), timeout=300)
    assert done.returncode == 0, done.stderr
