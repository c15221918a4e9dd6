"""Other groups' published files, measured on the same test clips and windows as ours.

Their cards, NAME.json beside the file, say where a file is from, its labels, its front end and its scaling.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import scipy  # which imports its parts as they are used
from numpy.typing import NDArray

from underbudget.beyond.listening.measure import LISTENING_PROTOCOL, measure_hearing
from underbudget.beyond.listening.scores import Hear
from underbudget.data.sources import Sources, load_other_sounds, load_speech, load_weather
from underbudget.data.speech import BY_LISTS, LABELS, Speech, by_speaker
from underbudget.data.weather import OUTPUT_STEPS, Weather
from underbudget.determinism import import_tensorflow
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.audio import RATE, Audio
from underbudget.device.errors import UserError
from underbudget.device.listen import HOP, Frame, LastSecond
from underbudget.device.runtime import Model, lay_out
from underbudget.export.compress import order_for_compression, zlib_compress, zopfli_compress
from underbudget.export.slim import strip_metadata
from underbudget.intervals import wilson
from underbudget.metrics import TASK_METRICS
from underbudget.progress import progress_bar
from underbudget.reproduction.results import read_results
from underbudget.store import PUBLISHED
from underbudget.tasks.spotting import Spotting

Array = NDArray[np.float32]
LISTENERS = ("mlperf_tiny-kws-float",)  # knows our eight words, two more, silence, and a class for other words
SILENT = 1e-6  # no sample is louder: there is nothing to scale
AT_ONCE = 256  # seconds of sound whose features are computed together
KNOWN = {"kind", "rate", "frame", "step", "fft", "mel_bins", "low", "high", "coefficients", "resize"}
USED = ("labels", "front_end", "normalisation", "output")  # of a card, to feed a file and read what it puts out
OURS = ("report/kws_a", "smallest/kws_a", "improved/kws_a", "improved/kws_b", "improved/kws_c")


def measure(folder: Path, sources: Sources) -> dict[str, Any]:
    """Measure all files of a folder that do one of our tasks: eight words, or six readings to at most six.

    Raises:
        UserError: bad data; a file that does not match its card, or none; clips not split by the course's lists.
    """
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    speech, weather = load_speech(sources), load_weather(sources)
    if speech.identity.split != BY_LISTS:
        raise UserError("other groups' spotters are compared on the course's split: get its lists first")
    spotters = [card for card in cards if card["task"] == SPOTTING and _is_ours(card)]
    forecasters = [card for card in cards if card["task"] == FORECASTING and card["steps"] <= OUTPUT_STEPS]
    right = _right_of_ours(speech)
    if not spotters and not forecasters:
        raise UserError(f"{folder}: no card of a file that does one of our tasks: give the folder of their files")
    with progress_bar(spotters, "measuring", "spotter") as bar:
        measured = [_spotter(card, folder, speech, right) for card in bar]
    return {
        "about": "Files of other groups, which are not here, on our test clips and windows; 'only_ours' counts clips.",
        "date": datetime.now(timezone.utc).date().isoformat(),
        "ours": {name: card.sha256 for name, card in _ours().items()},
        SPOTTING: measured,
        FORECASTING: [_forecaster(card, folder, weather) for card in forecasters],
        "listening": _listeners([card for card in cards if card["name"] in LISTENERS], folder, sources),
    }


def _is_ours(card: dict[str, Any]) -> bool:
    """Tell whether a spotter knows our eight words and no others, from the course's list, on a front end known here."""
    course = str(card["trained_on"]).startswith("the course's train list")
    return course and sorted(card["labels"]) == sorted(LABELS) and card["front_end"].keys() <= KNOWN


def _described(card: dict[str, Any], content: bytes) -> dict[str, Any]:
    source, size = card["source"], card["bytes"]
    stripped = zopfli_compress(order_for_compression(strip_metadata(content)))
    return {
        "name": card["name"],
        "year": card.get("year"),  # of the course; not all were made for it
        "group": card.get("group"),
        "bytes": len(zlib_compress(content)) if size == len(content) else size,  # some were published uncompressed
        "stripped_bytes": len(stripped),  # by the last two steps of ours, which leave the outputs as they are
        "source": f"https://github.com/{source['repository']}/blob/{source['commit']}/{quote(source['path'])}",
        "licence": card["licence"],
        "card": {key: card[key] for key in USED if key in card},
    }


def _content(card: dict[str, Any], folder: Path) -> bytes:
    data = (folder / card["file"]).read_bytes()
    if len(data) != card["bytes"]:
        raise UserError(f"{folder / card['file']}: {len(data)} bytes, its card says {card['bytes']}: fetch it again")
    return artifact.decode_model(data, card["name"])


def _ours() -> dict[str, artifact.Card]:
    cards = read_results(PUBLISHED).cards
    return {name: card for name in OURS for place, card in cards.items() if "/".join(place) == name}


def _right_of_ours(speech: Speech) -> dict[str, NDArray[np.bool_]]:
    """Return which test clips [n] each of our spotters gets right."""
    found = {}
    for name, card in _ours().items():
        task = Spotting(speech, card.front_end, card.labels)  # type: ignore[arg-type]
        _, content = artifact.load_file(PUBLISHED.models / f"{name}.tflite.zlib")
        outputs = Model(content, name).predict(task.inputs("test"))
        found[name] = outputs.argmax(axis=1) == task.truth("test")
    return found


def _spotter(card: dict[str, Any], folder: Path, speech: Speech, ours: dict[str, NDArray[np.bool_]]) -> dict[str, Any]:
    content, features = _content(card, folder), front_end(card["front_end"])
    model = Model(content, card["name"])
    inputs = np.stack([features(clip) for clip in speech.clips("test")])
    answers = np.array(card["labels"])[model.predict(inputs).argmax(axis=1)]
    right = answers == np.array(LABELS)[speech.labels("test")]
    return {
        **_described(card, content),
        "published_pct": card["published"].get("accuracy_pct"),
        "clips": len(right),
        "accuracy_pct": round(100 * float(right.mean()), 3),
        "accuracy_pct_95": [round(100 * v, 3) for v in wilson(int(right.sum()), len(right))],
        "beside": {name: _mcnemar(right, mine) for name, mine in ours.items()},
    }


def _mcnemar(theirs: NDArray[np.bool_], ours: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare two spotters on the same clips by McNemar's exact test (1947, doi:10.1007/BF02295996)."""
    only_theirs, only_ours = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    differ = only_theirs + only_ours
    p = float(scipy.stats.binomtest(only_ours, differ).pvalue) if differ else 1.0
    return {"only_theirs": only_theirs, "only_ours": only_ours, "p": round(p, 6)}


def front_end(card: dict[str, Any]) -> Callable[[Array], Array]:
    """Return the features [..., rows, columns, 1] of clips [..., 16000] that a card describes, by tf.signal.

    `peak`: each clip is divided by its highest sample before.
    """
    import_tensorflow()
    import tensorflow as tf

    rate, frame = card.get("rate", RATE), card["frame"]
    length = card.get("fft", frame)
    mel = None
    if card["kind"] == "mfcc":
        mel = tf.signal.linear_to_mel_weight_matrix(
            card["mel_bins"], length // 2 + 1, rate, float(card["low"]), float(card["high"])
        )

    def features(clip: Array) -> Array:
        sound = clip if rate == RATE else scipy.signal.resample_poly(clip, rate, RATE, axis=-1).astype(np.float32)
        if card.get("peak"):
            sound = sound / np.maximum(sound.max(axis=-1, keepdims=True), SILENT)
        found = tf.abs(tf.signal.stft(sound, frame, card["step"], length))
        if mel is not None:
            logs = tf.math.log(tf.tensordot(found, mel, 1) + 1e-6)
            found = tf.signal.mfccs_from_log_mel_spectrograms(logs)[..., : card["coefficients"]]
        image = found[..., None]
        if "resize" in card:
            image = tf.image.resize(image, card["resize"])
        result: Array = image.numpy()
        return result

    return features


def _listeners(cards: list[dict[str, Any]], folder: Path, sources: Sources) -> dict[str, Any]:
    """Measure other groups' spotters as ours are: by our listener, settings chosen on the same validation sounds.

    The clips are split by a hash of the speaker, as Speech Commands is: the test speakers are new to them, too.
    """
    speech, others = by_speaker(load_speech(sources)), load_other_sounds(sources)
    models = []
    for card in cards:
        content = _content(card, folder)
        hear = hearing(card["labels"], front_end(card["front_end"]), Model(content, card["name"]).predict)
        models.append({**_described(card, content), **measure_hearing(hear, speech, others)})
    return {"protocol": LISTENING_PROTOCOL, "sounds": asdict(others.identity), "models": models}


def hearing(labels: list[str], features: Callable[[Array], Array], predict: Callable[[Array], Array]) -> Hear:
    """Return how a spotter hears that puts out probabilities: our words among its labels, in each last second."""
    places = [labels.index(word) for word in LABELS]

    def hear(pieces: Audio) -> Iterator[Frame]:
        second = LastSecond()
        for start in range(0, len(pieces), AT_ONCE):
            seconds, ratios = [], []
            for piece in pieces[start : start + AT_ONCE]:
                second.push(piece)
                seconds.append(second.sound - second.offset())
                ratios.append(second.level_ratio())
            scores = predict(features(np.stack(seconds)))[:, places].tolist()
            for step, (values, ratio) in enumerate(zip(scores, ratios, strict=True), start + 1):
                yield Frame(step * HOP / RATE, dict(zip(LABELS, values, strict=True)), ratio)

    return hear


def _forecaster(card: dict[str, Any], folder: Path, weather: Weather) -> dict[str, Any]:
    content, scaling = _content(card, folder), card["normalisation"]
    model = Model(content, card["name"])
    inputs, truth = weather.inputs("test"), weather.targets("test")[:, : card["steps"]]
    if scaling:
        mean, std = (np.array(scaling[key], np.float32) for key in ("mean", "std"))
        inputs = (inputs - mean) / (std + np.float32(scaling["epsilon"]))
    outputs = lay_out(model.predict(inputs), truth.shape[1:])
    if outputs is None:
        raise UserError(f"{card['name']}: puts out {model.output_shape}, its card says {card['steps']} steps")
    if card["output"] == "z-scored":
        outputs = outputs * std + mean
    errors = np.abs(outputs - truth).mean(axis=(0, 1))
    figures = {metric: round(float(error), 5) for metric, error in zip(TASK_METRICS[FORECASTING], errors, strict=True)}
    return {**_described(card, content), "steps": card["steps"], "windows": len(truth), **figures}
