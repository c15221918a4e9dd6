"""From a user's own recordings to a spotter that listens for them."""

from collections import Counter
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.beyond.listening.measure import measure, name_thresholds
from underbudget.beyond.listening.scores import CLEAN, NOISY, OTHER_PARTS
from underbudget.build import build
from underbudget.data.layout import NOISE
from underbudget.data.sources import Sources, load_other_sounds, load_speech
from underbudget.data.speech import OTHER, Speech
from underbudget.device.artifact import SPOTTING, read_card
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc
from underbudget.evaluation import is_made_from
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, Augmentation, Export, Fit, Recipe, Version
from underbudget.store import ResultStore, check_name, store_of

MODEL_NAME = "words"
TRAINING_CLIPS = 200_000  # augmented clips to train on: more take minutes, and memory
TRAINING_STEPS = 2000  # of training, about: so few clips are seen often
MOST_EPOCHS, LEAST_EPOCHS = 150, 30
MOST_COPIES, LEAST_COPIES = 24, 4
FAR_LESS = 15  # points of words detected


def train_words(sources: Sources, seed: int, name: str = MODEL_NAME) -> str:
    """Train a spotter of the words in `sources`, measure its listener, and return a summary for the user.

    Args:
        name: of the model's files.

    Raises:
        UserError: bad recordings, or none; a bad name.
    """
    check_name(name)
    speech = load_speech(sources)
    version = words_version(len(speech.labels("train")), name)
    store = store_of(speech.identity)
    _say_what_is_replaced(store, name, speech)
    named = f" NAME={name}" if name != MODEL_NAME else ""
    made_with = f"make words{sources.variables(SPOTTING)}{named} SEED={seed}"
    folder = store.models / MODEL_NAME  # named: what was there is not moved, but replaced, as was said
    card_path = build(version, MODEL_NAME, seed, sources, made_with, folder)
    model = card_path.with_name(f"{name}.tflite.zlib")
    entry = measure(model, speech, load_other_sounds(sources))
    name_thresholds(model, entry, "make words")
    files.write_json(store.results / f"{name}.json", {"sha256": read_card(card_path).sha256, **entry})
    advice = [f"  {sentence}" for sentence in what_to_record(entry)]
    return "\n".join([*_lines(card_path), *_listener_lines(entry), *advice, _how_to_listen(model)])


def _say_what_is_replaced(store: ResultStore, name: str, speech: Speech) -> None:
    try:
        card = store.card(MODEL_NAME, name)
    except UserError:  # damaged: nothing is lost
        return
    if card and not is_made_from(card, speech.identity):
        made_from = card.content["made_from"]["data"]["description"]
        print(
            f"this replaces {card.name}, of {', '.join(card.words)} ({made_from}); NAME=another keeps both", flush=True
        )


def words_version(clips: int, name: str = MODEL_NAME) -> Version:
    """Return the version for a number of training clips: fewer copies and epochs the more there are."""
    unknown_share = 0.5  # few clips of words: other sounds are had for nothing
    samples = round(clips / (1 - unknown_share))
    batch = 64
    recipe = Recipe(
        # without a stem, whose training takes XLA some two minutes to compile
        DsTcResnet(filters=40, blocks=(2, 2, 2)),
        Mfcc(high=7600, coefficients=16, lifter=30),
        Fit(
            "cross_entropy",
            learning_rate=6e-3,
            epochs=_between(LEAST_EPOCHS, TRAINING_STEPS * batch // samples, MOST_EPOCHS),
            batch_size=batch,
            schedule="cosine",
            label_smoothing=0.1,
            augmentation=Augmentation(
                copies=_between(LEAST_COPIES, TRAINING_CLIPS // samples, MOST_COPIES), mixup=0.2, shift_s=0.2
            ),
            unknown_share=unknown_share,
            qat=QAT(
                relative_scale=0.5,
                epochs=_between(LEAST_EPOCHS // 5, TRAINING_STEPS * batch // samples // 5, MOST_EPOCHS // 5),
            ),
        ),
        Export(int8_weights=True, order_for_compression=True),
    )
    return Version(name, SPOTTING, (), {MODEL_NAME: recipe})


def _between(least: int, value: int, most: int) -> int:
    return min(max(least, value), most)


def _lines(card_path: Path) -> list[str]:
    card = read_card(card_path)
    content = card.content
    test: dict[str, Any] = content["test"]
    low, high = test["accuracy_pct_95"]
    return [
        f"{', '.join(card.words)}: {content['file']['compressed_bytes']:,} bytes; card:"
        f" {card_path.relative_to(files.ROOT)}",
        f"  trained on {content['made_from']['data']['description']}; split {content['made_from']['data']['split']}",
        f"  other sounds: {content['made_from']['other_sounds']['description']}",
        f"  {test['correct']:,} of {test['clips']:,} test clips right: {test['accuracy_pct']:.1f} %"
        f" (95 %: {low:.1f} to {high:.1f})",
    ]


def _listener_lines(entry: dict[str, Any]) -> list[str]:
    """Format what the listener does on test sounds at the middle sensitivity, for each kind that has sounds."""
    found = entry["test"]["middle"]
    lines = [f"  the listener on test sounds, at its middle sensitivity (threshold {entry['thresholds']['middle']:g}):"]
    for kind, what in (
        (CLEAN, "words detected"),
        (NOISY, f"words detected with {NOISY}"),
        ("others", "clips of other words accepted"),
    ):
        if share := found.get(kind):
            count, total = (share[of] for of in (("accepted", "clips") if kind == "others" else ("heard", "said")))
            low, high = share["pct_95"]
            lines.append(f"    {count:,} of {total:,} {what}: {share['pct']:.1f} % (95 %: {low:.1f} to {high:.1f})")
    for kind, what in (("speech", "false accepts"), ("untranscribed", "triggers"), ("noise", "triggers")):
        if rate := found[kind]:
            low, high = rate["per_hour_95"]
            per_hour = f"{rate['per_hour']:.1f} an hour (95 %: {low:.1f} to {high:.1f})"
            of = {"speech": "transcribed speech", "untranscribed": "other speech"}.get(kind, kind)
            lines.append(f"    {rate['triggers']:,} {what} in {rate['hours']:.2f} h of {of}: {per_hour}")
    return lines


def what_to_record(entry: dict[str, Any]) -> list[str]:
    """Say what further recordings would help most, by what the listener does on test sounds."""
    found = entry["test"]["middle"]
    advice = []
    by_word: dict[str, float] = found[CLEAN]["by_word"]
    worst = min(by_word, key=by_word.__getitem__)
    if by_word[worst] < max(by_word.values()):
        advice.append(f"record more of {worst}: {by_word[worst]:.0f} % of its test clips were detected, the fewest")
    noisy = found.get(NOISY)
    if noisy and noisy["pct"] < found[CLEAN]["pct"] - FAR_LESS:
        advice.append(f"put noise of your rooms into {NOISE}: far fewer words are detected in noise")
    taken = Counter[str]()
    for part in OTHER_PARTS:
        taken.update((found[part] or {}).get("taken_for", {}))
    if taken:
        word, count = taken.most_common(1)[0]
        advice.append(
            f"put sounds that are taken for {word} into {OTHER}: {count} of {taken.total()} false detections"
            " (10_listen.py --keep writes them)"
        )
    return advice


def _how_to_listen(model: Path) -> str:
    path = model.relative_to(files.ROOT)
    return (
        f"see all figures as a page: .venv/bin/python scripts/23_show.py {path}\n"
        f"listen with: .venv/bin/python scripts/10_listen.py --model {path}"
    )
