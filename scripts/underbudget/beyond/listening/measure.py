"""Measure the listeners of built models: figures by test sounds, at thresholds of cards or chosen by validation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.beyond.listening import scores
from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, THRESHOLDS, Condition, Sounds
from underbudget.beyond.listening.sensitivity import choose
from underbudget.data.identity import SPLITS
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.sources import Sources, load_other_sounds, load_speech
from underbudget.data.speech import Speech
from underbudget.device import artifact
from underbudget.device.artifact import SENSITIVITIES, Card
from underbudget.device.audio import to_float
from underbudget.device.errors import UserError
from underbudget.evaluation import sources_for
from underbudget.reproduction.measured_models import MeasuredModels
from underbudget.store import store_of
from underbudget.versions.catalogue import RECIPES

LISTENING_PROTOCOL = 2  # a change of what is measured raises it: what was measured before is then measured again


def measure_listeners(paths: Sequence[Path], sources: Sources) -> None:
    """Measure each model that is not yet measured, and write the result at once; no card is changed.

    The result goes to results/local (or results/synthetic), one entry per model by the SHA-256 of its file.

    Raises:
        UserError: a model is no spotter, or was made from other clips than those at hand; bad data, or none.
    """
    cards = {path: artifact.load_file(path)[0] for path in paths}
    by_sources: dict[Sources, list[Path]] = {}
    for path, card in cards.items():
        if card.front_end is None:
            raise UserError(f"{path}: not a keyword spotter: give a kws model")
        by_sources.setdefault(sources_for(card, sources), []).append(path)
    for of_these, same in by_sources.items():
        _measure_same({path: cards[path] for path in same}, of_these)


def _measure_same(cards: Mapping[Path, Card], sources: Sources) -> None:
    """Measure models of the same words and the same split."""
    given, others = load_speech(sources), load_other_sounds(sources)
    for path, card in cards.items():
        _check_clips(path, card, given)
        trained_with = card.content["made_from"].get("other_sounds", {"digest": others.identity.digest})
        if trained_with["digest"] != others.identity.digest:
            print(f"{path}: was trained with other sounds than these; whether they share recordings can't be known")
    result = MeasuredModels(
        store_of(given.identity).listening_path,
        made_with="make listening",
        protocol=LISTENING_PROTOCOL,
        sounds=asdict(others.identity),
        tried=list(THRESHOLDS),
    )
    for number, (path, card) in enumerate(cards.items(), 1):
        name = f"{path.parent.name}/{card.name}"
        if not _is_measured(card, result.models):
            print(f"{name}: listening ({number} of {len(cards)})", flush=True)
            result.keep(card.sha256, {"model": name, **measure(path, given, others)})
        print(f"{name}: {summary(result.models[card.sha256])}", flush=True)
    print(f"written: {result.path.relative_to(files.ROOT)}")


def spotters() -> list[Path]:
    """Return the published spotters, by the report's recipes and by ours."""
    return [path for recipe in RECIPES for path in sorted((files.MODELS / recipe).glob("kws_*.tflite.zlib"))]


def _is_measured(card: Card, models: dict[str, Any]) -> bool:
    """Tell whether a model is measured, at the thresholds of its card where it names some."""
    return card.sha256 in models and card.thresholds in ({}, models[card.sha256]["thresholds"])


def _check_clips(path: Path, card: Card, speech: Speech) -> None:
    """Refuse other clips than a spotter was made from, or another split, in which its training clips would test it."""
    made_from = card.content["made_from"]["data"]
    if (speech.identity.digest, speech.identity.split) != (made_from["digest"], made_from["split"]):
        raise UserError(
            f"{path}: made from {made_from['description']}, split {made_from['split']}, not from"
            f" {speech.identity.description}, split {speech.identity.split}: give the clips that it was made"
            " from (SPEECH)"
        )


def measure(path: Path, speech: Speech, others: OtherSounds) -> dict[str, Any]:
    """Measure a model on test sounds, at the thresholds that ship on its card.

    Where there are none, they are chosen on validation sounds before.

    Raises:
        UserError: the model does not fit its card, or a split has no clips.
    """
    card, content = artifact.load_file(path)
    if card.thresholds:
        thresholds, validation = card.thresholds, card.content["listening"].get("validation", {})
    else:
        tuning = scores.listen(card, content, sounds_of(speech, others, "validation"), [CLEAN])[CLEAN]
        thresholds = choose(scores.curve(tuning))
        validation = {s: _behind(scores.figures(tuning, thresholds[s])) for s in SENSITIVITIES}
    found = scores.listen(card, content, sounds_of(speech, others, "test"), list(CONDITIONS))
    return {
        "speech": asdict(speech.identity),
        "test_words_by_known_speakers": known_speakers(speech),
        "thresholds": thresholds,
        "validation": validation,
        "test": {
            s: {condition: scores.figures(session, thresholds[s]) for condition, session in found.items()}
            for s in SENSITIVITIES
        },
        "det": {condition: _columns(session) for condition, session in found.items()},
    }


def _behind(found: dict[str, Any]) -> dict[str, Any]:
    """Return of the figures on validation sounds those that a threshold is chosen by."""
    return {
        "words_heard_pct": found["words"]["pct"],
        "other_words_accepted_pct": found["others"] and found["others"]["pct"],
        "triggers_per_hour_of_speech": found["speech"] and found["speech"]["per_hour"],
    }


def _columns(session: Condition) -> dict[str, list[float | None]]:
    points = scores.curve(session)
    return {"not_heard_pct": [p.not_heard_pct for p in points], "per_hour": [p.per_hour for p in points]}


def sounds_of(speech: Speech, others: OtherSounds, split: str) -> Sounds:
    """Return the sounds of one split that a listener is measured with.

    Raises:
        UserError: there are no clips in it.
    """
    kinds = {
        kind: [to_float(r.audio) for r in others.recordings(split, (kind,))] for kind in ("speech", "words", "noise")
    }
    said = speech.words[speech.labels(split)]
    words = [(str(word), clip) for word, clip in zip(said, speech.clips(split), strict=True)]
    return Sounds(words, kinds["speech"], kinds["words"], kinds["noise"])


def known_speakers(speech: Speech) -> int:
    """Count the test clips whose speakers are in training, too: by the course's lists most are."""
    training, test = (
        [name.split("/")[-1].partition("_nohash_")[0] for name in speech.name[speech.split == SPLITS.index(split)]]
        for split in ("train", "test")
    )
    known = set(training)
    return sum(speaker in known for speaker in test)


def name_thresholds(path: Path, entry: dict[str, Any], made_with: str = "make listening") -> None:
    """Write the thresholds of a result, and the validation figures behind them, to the card of the model in `path`.

    A card that names the same stays as it is: its own figures are those that they were chosen by.
    """
    card_path = artifact.card_path(path)
    card = artifact.read_card(card_path)
    if card.thresholds == entry["thresholds"]:
        return
    named = {**entry["thresholds"], "validation": entry["validation"], "made_with": made_with}
    files.write_json(card_path, {**card.content, "listening": named})


def summary(entry: dict[str, Any]) -> str:
    """Say in a line what a listener does on clean test sounds at the middle sensitivity."""
    found = entry["test"]["middle"][CLEAN]
    words, speech, others = (found[kind] for kind in ("words", "speech", "others"))
    parts = [f"threshold {entry['thresholds']['middle']:g}", f"{words['pct']:.1f} % of {words['said']} words detected"]
    parts.append(f"{words['twice']} twice")
    if others:
        parts.append(f"{others['pct']:.1f} % of {others['clips']} clips of other words accepted")
    if speech:
        parts.append(f"{speech['per_hour']:.1f} triggers an hour of speech ({speech['hours']:.2f} h)")
    return ", ".join(parts)
