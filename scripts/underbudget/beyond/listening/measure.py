"""Measure the listeners of built models: figures by test sounds, at thresholds of cards or chosen by validation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.beyond.listening import scores
from underbudget.beyond.listening.figures import THRESHOLDS, Point, curve, figures
from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, NOISY, Hear, Item, Session, Sounds, smoothed
from underbudget.beyond.listening.sensitivity import LEVEL_RATIOS, SMOOTHINGS, choose
from underbudget.data.identity import SPLITS, Identity
from underbudget.data.other_sounds import ROOMS, OtherSounds, Recording
from underbudget.data.sources import Sources, load_other_sounds, load_speech
from underbudget.data.speech import Speech
from underbudget.device import artifact
from underbudget.device.artifact import SENSITIVITIES, Card
from underbudget.device.audio import to_float
from underbudget.device.errors import UserError
from underbudget.device.listen import Settings, settings_of
from underbudget.evaluation import sources_for
from underbudget.reproduction.measured_models import MeasuredModels, read_result
from underbudget.store import store_of
from underbudget.versions.catalogue import RECIPES

WAKE_WORDS = ("alexa", "computer", "jarvis", "smart_mirror", "snowboy", "view_glass")
LISTENING_PROTOCOL = 5  # raised by a change of what is measured or detected: all is then measured again


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
    result_path = store_of(given.identity).listening_path
    _keep_by_sounds(result_path, others.identity)
    result = MeasuredModels(
        result_path,
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


def _keep_by_sounds(path: Path, sounds: Identity) -> None:
    """Move a result that was measured with other sounds aside, and move the earlier one of these sounds back."""
    before = read_result(path)
    earlier = before.get("sounds", asdict(sounds))
    if not before["models"] or earlier == asdict(sounds):
        return
    aside, again = (path.with_name(f"{path.stem}-{digest[:8]}.json") for digest in (earlier["digest"], sounds.digest))
    path.replace(aside)
    print(f"{files.shown(aside)}: what was measured with other sounds is kept here")
    if again.exists():
        again.replace(path)


def spotters() -> list[Path]:
    """Return the published spotters, by the report's recipes and by ours."""
    return [path for recipe in RECIPES for path in sorted((files.MODELS / recipe).glob("kws_*.tflite.zlib"))]


def _is_measured(card: Card, models: dict[str, Any]) -> bool:
    """Tell whether a model is measured, with the settings of its card where it names some."""
    return card.sha256 in models and (not _settings_on(card) or _names(card, models[card.sha256]))


def _settings_on(card: Card) -> dict[str, Settings]:
    """Return the settings that a card names for each sensitivity; none if they were chosen for another detection."""
    if card.content.get("listening", {}).get("protocol") != LISTENING_PROTOCOL:
        return {}
    return {sensitivity: settings_of(card, sensitivity) for sensitivity in SENSITIVITIES}


def _names(card: Card, entry: dict[str, Any]) -> bool:
    """Tell whether a card names the settings of a result."""
    smoothing, ratio = entry["smoothing"], entry["level_ratio"]
    used = {s: Settings(threshold, smoothing, level_ratio=ratio) for s, threshold in entry["thresholds"].items()}
    return _settings_on(card) == used


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
    """Measure a model on test sounds, with the settings on its card.

    Where it names none, they are chosen on validation sounds before.

    Raises:
        UserError: the model does not fit its card, or a split has no clips.
    """
    card, content = artifact.load_file(path)
    hear, settings = scores.detector(card, content), _settings_on(card)
    if not settings:
        return measure_hearing(hear, speech, others)
    validation = card.content["listening"].get("validation", {})
    return _tested(hear, settings, validation, speech, others)


def measure_hearing(hear: Hear, speech: Speech, others: OtherSounds) -> dict[str, Any]:
    """Choose a listener's settings on validation sounds, and measure it with them on test sounds.

    Raises:
        UserError: a split has no clips.
    """
    tuning = scores.listen(hear, sounds_of(speech, others, "validation"), [CLEAN, NOISY])
    settings = choose_settings(tuning)
    tuned = smoothed(tuning, settings["middle"].smoothing)
    validation = {s: _behind(figures(tuned, settings[s])) for s in SENSITIVITIES}
    return _tested(hear, settings, validation, speech, others)


def _tested(
    hear: Hear, settings: dict[str, Settings], validation: dict[str, Any], speech: Speech, others: OtherSounds
) -> dict[str, Any]:
    middle = settings["middle"]
    found = smoothed(scores.listen(hear, sounds_of(speech, others, "test"), list(CONDITIONS)), middle.smoothing)
    return {
        "speech": asdict(speech.identity),
        "test_words_by_known_speakers": known_speakers(speech),
        "smoothing": middle.smoothing,
        "level_ratio": middle.level_ratio,
        "thresholds": {sensitivity: each.threshold for sensitivity, each in settings.items()},
        "validation": validation,
        "test": {sensitivity: figures(found, each) for sensitivity, each in settings.items()},
        "det": _columns(curve(found, _at_all_thresholds(middle))),
    }


def choose_settings(session: Session) -> dict[str, Settings]:
    """Choose the listener's settings for each sensitivity on validation sounds."""
    curves = {}
    for smoothing in SMOOTHINGS:
        same = smoothed(session, smoothing)
        for ratio in LEVEL_RATIOS:
            settings = _at_all_thresholds(Settings(0.0, smoothing, level_ratio=ratio))
            curves[smoothing, ratio] = curve(same, settings[::2])  # steps of 0.02 are finer than the figures
    return choose(curves)


def _at_all_thresholds(settings: Settings) -> list[Settings]:
    return [replace(settings, threshold=threshold) for threshold in THRESHOLDS]


def _behind(found: dict[str, Any]) -> dict[str, Any]:
    """Return of the figures on validation sounds those that settings are chosen by."""
    return {
        "words_heard_pct": found[CLEAN]["pct"],
        "words_heard_in_noise_pct": found[NOISY]["pct"] if found.get(NOISY) else None,
        "other_words_accepted_pct": found["others"] and found["others"]["pct"],
        "false_accepts_per_hour_of_speech": found["speech"] and found["speech"]["per_hour"],
        "triggers_per_hour_of_noise": found["noise"] and found["noise"]["per_hour"],
    }


def _columns(points: Sequence[Point]) -> dict[str, Any]:
    """Return a curve by column, as results keep it."""
    columns = {
        field: [getattr(p, field) for p in points] for field in ("twice_pct", "others_pct", "speech", "per_hour")
    }
    heard = {condition: [p.heard_pct[condition] for p in points] for condition in points[0].heard_pct}
    rounded = {
        name: [None if value is None else round(value, 2) for value in column] for name, column in columns.items()
    }
    return {"heard_pct": heard, **rounded}


def sounds_of(speech: Speech, others: OtherSounds, split: str) -> Sounds:
    """Return the sounds of one split that a listener is measured with.

    Raises:
        UserError: there are no clips in it.
    """
    said = speech.words[speech.labels(split)]
    clips = zip(said, speech.clips(split), speech.speakers(split), strict=True)
    words = [Item(clip, str(speaker), str(word)) for word, clip, speaker in clips]
    part_of = {"words": "others", "noise": "noise"}
    parts: dict[str, list[Item]] = {name: [] for name in scores.OTHER_PARTS}
    for r in others.recordings(split):
        part = part_of.get(r.kind, "speech" if r.said else "untranscribed")
        parts[part].append(Item(to_float(r.audio), r.speaker, _what(r), r.said or ()))
    rooms = [to_float(r.audio) for r in others.recordings(split, (ROOMS,))]
    return Sounds(words, rooms, parts)


def _what(recording: Recording) -> str:
    """Return by what an other sound is counted apart: words by their likeness to the eight, noise by its source."""
    if recording.kind == "words":
        if recording.word in ("off", "on"):
            return "off, on"
        if "/cut_" in recording.name:
            return "cut from sentences"
        return "wake words" if recording.word in WAKE_WORDS else "short words"
    return recording.source if recording.kind == "noise" else ""


def known_speakers(speech: Speech) -> int:
    """Count the test clips whose speakers are in training, too: by the course's lists most are."""
    training, test = (
        [name.split("/")[-1].partition("_nohash_")[0] for name in speech.name[speech.split == SPLITS.index(split)]]
        for split in ("train", "test")
    )
    known = set(training)
    return sum(speaker in known for speaker in test)


def name_thresholds(path: Path, entry: dict[str, Any], made_with: str = "make listening") -> None:
    """Write the settings of a result, and the validation figures behind them, to the card of the model in `path`.

    A card that names the same stays as it is: its own figures are those that they were chosen by.
    """
    card_path = artifact.card_path(path)
    card = artifact.read_card(card_path)
    if _names(card, entry):
        return
    settings = {name: entry[name] for name in ("smoothing", "level_ratio")}
    settings |= {"protocol": LISTENING_PROTOCOL, "validation": entry["validation"], "made_with": made_with}
    named = {**entry["thresholds"], **settings}
    files.write_json(card_path, {**card.content, "listening": named})


def summary(entry: dict[str, Any]) -> str:
    """Say in a line what a listener does on clean test sounds at the middle sensitivity."""
    found = entry["test"]["middle"]
    words, noisy, others = (found.get(kind) for kind in (CLEAN, NOISY, "others"))
    parts = [f"threshold {entry['thresholds']['middle']:g}", f"{words['pct']:.1f} % of {words['said']} words detected"]
    parts.append(f"{words['twice']} twice")
    if noisy:
        parts.append(f"{noisy['pct']:.1f} % in noise at 10 dB")
    if others:
        parts.append(f"{others['pct']:.1f} % of {others['clips']} clips of other words accepted")
    for kind, what in (
        ("speech", "false accepts an hour of transcribed speech"),
        ("untranscribed", "triggers an hour of other speech"),
        ("noise", "triggers an hour of noise"),
    ):
        if each := found.get(kind):
            parts.append(f"{each['per_hour']:.1f} {what} ({60 * each['hours']:.0f} min)")
    if not any(found.get(kind) for kind in scores.OTHER_PARTS):
        parts.append("nothing else was measured: the other sounds have no test part")
    return ", ".join(parts)
