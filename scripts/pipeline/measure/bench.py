"""Time our training, front ends and models side by side with what others use."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device import artifact
from device.audio import RATE, resampler
from device.frontend import FrontEnd, LogMel, Stft, extractor
from device.passes import MICROPHONE_RATE
from device.probe import probe
from device.runtime import Model, open_model
from pipeline import files, freshness
from pipeline.data.sources import Sources, load_weather
from pipeline.data.weather import INPUT_STEPS, OUTPUT_STEPS
from pipeline.reference import SEED
from pipeline.store import latest
from pipeline.versions.catalogue import INT8_FLOAT_PAIRS, QUANTISATION_STUDY, RECIPES, VERSIONS

ROUNDS = 5  # both sides in turn; the median ratio is printed
CLIPS = 50  # per round
INFERENCES = 2000  # per round
KERAS_STEPS = 400  # per round; each step of that loop takes milliseconds


def write_bench(path: Path, parts: dict[str, dict[str, Callable[[], Any]]]) -> None:
    """Measure the rows that are missing and write each at once, so that an interrupted bench resumes."""
    code = freshness.code_digest(freshness.sources_of([Path(__file__)], files.SCRIPTS))
    under = {"made_with": "make bench", "code": code}
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    done = before if before.get("code") == under["code"] else {**under, "device": probe()}
    for part, rows in parts.items():
        for name, bench in rows.items():
            if name not in done.setdefault(part, {}):
                done[part][name] = bench()
                files.write_json(path, done)


def side_by_side(title: str, ours: Callable[[], float], theirs: Callable[[], float]) -> dict[str, Any]:
    """Time both sides in turn; print and return their medians in milliseconds and the ratio of each round."""
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    ratios = sorted(b / a for a, b in pairs)
    mine, other = (round(1000 * statistics.median(side), 4) for side in zip(*pairs, strict=True))
    median = statistics.median(ratios)
    spread = f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
    print(f"{title}: {mine} ms, the other side {other} ms: {median:.1f} times faster ({spread})", flush=True)
    ratio = {"median": round(median, 2), "low": round(ratios[0], 2), "high": round(ratios[-1], 2)}
    return {"what": title, "ours_ms": mine, "theirs_ms": other, "ratio": ratio}


def eager(front_end: FrontEnd) -> Callable[[Any], Any]:
    """Return the course's features by eager tf.signal, one clip per call (without a lifter, which takes no time)."""
    import tensorflow as tf

    p = front_end
    if isinstance(p, Stft):

        def stft(clip: Any) -> Any:
            return tf.image.resize(tf.abs(tf.signal.stft(clip, p.frame, p.step, p.frame))[..., None], p.shape[:2])

        return stft
    mel = tf.signal.linear_to_mel_weight_matrix(p.mel_bins, p.frame // 2 + 1, RATE, p.low, p.high)

    def log_mel(clip: Any) -> Any:
        return tf.math.log(tf.tensordot(tf.abs(tf.signal.stft(clip, p.frame, p.step, p.frame)), mel, 1) + 1e-6)

    if isinstance(p, LogMel):
        return lambda clip: ((log_mel(clip) + 2) / 3)[..., None]
    return lambda clip: tf.signal.mfccs_from_log_mel_spectrograms(log_mel(clip))[..., : p.coefficients, None]


def seconds_each(function: Callable[[Any], Any], inputs: Any) -> float:
    """Measure the mean seconds of one call."""
    started = time.perf_counter()
    for each in inputs:
        function(each)
    return (time.perf_counter() - started) / len(inputs)


def bench_front_end(title: str, front_end: FrontEnd) -> dict[str, Any]:
    """Time the features of one clip: our front end beside the course's eager one."""
    clips = np.random.default_rng(0).uniform(-1, 1, (CLIPS, RATE)).astype(np.float32)
    ours, theirs = extractor(front_end), eager(front_end)
    seconds_each(ours, clips), seconds_each(theirs, clips)  # warm-up
    return side_by_side(f"{title} of a clip", lambda: seconds_each(ours, clips), lambda: seconds_each(theirs, clips))


def spotters() -> list[Path]:
    """Return the published spotters, by the report's recipes and by ours."""
    return [path for recipe in RECIPES for path in sorted((files.MODELS / recipe).glob("kws_*.tflite.zlib"))]


def bench_inference(name: str) -> dict[str, Any]:
    """Time an inference (invoke and get) of the improved model beside one by the report's recipe."""
    improved, report = (_inference(files.MODELS / recipe, name) for recipe in ("improved", "report"))
    return side_by_side(f"inference of improved/{name}, beside report/{name}", improved, report)


def bench_quantisation(name: str) -> dict[str, Any]:
    """Time an inference in float beside one with quantised weights, of the same trained weights."""
    quantised, plain = (
        _inference(files.MODELS / ("report" if model in VERSIONS else QUANTISATION_STUDY), model)
        for model in INT8_FLOAT_PAIRS[name]
    )
    return side_by_side(f"inference of {name} in float, beside quantised", plain, quantised)


def _inference(folder: Path, name: str) -> Callable[[], float]:
    """Return a function that measures the mean seconds of one inference; the model is warmed up."""
    model = Model(artifact.load(folder, name)[1], name)

    def seconds() -> float:
        model.set(np.zeros(model.input_shape, np.float32))
        started = time.perf_counter()
        for _ in range(INFERENCES):
            model.invoke()
            model.get()
        return (time.perf_counter() - started) / INFERENCES

    seconds()
    return seconds


def bench_memory(name: str, data: str, options: Sequence[str]) -> int:
    """Return the peak memory (MiB) of building a version, from its card; the version is built if it is missing.

    Args:
        options: of its script, on where data come from; `data` is one of them.
    """
    (script,) = files.SCRIPTS.glob(f"*_{name}.py")
    subprocess.run([sys.executable, str(script), *options], check=True, stdout=subprocess.DEVNULL)
    card = latest(name, data)
    assert card is not None  # it was built just now
    peak: int = card.content["peak_memory_mib"]
    print(f"{name}: peak memory {peak} MiB")
    return peak


def bench_total(path: Path) -> dict[str, Any]:
    """Time 48 kHz sound to word with a published model: our path beside SciPy's resampler with eager tf.signal."""
    import scipy.signal

    card, content = artifact.load_file(path)
    name = f"{path.parent.name}/{card.name}"
    assert card.front_end is not None  # the callers name spotters
    model, extract, course = open_model(card, content), extractor(card.front_end), eager(card.front_end)
    sounds = np.random.default_rng(0).uniform(-1, 1, (CLIPS, MICROPHONE_RATE)).astype(np.float32)

    resample = resampler(MICROPHONE_RATE, sounds.shape[1])

    def word(x: Any) -> int:
        model.set(x)
        model.invoke()
        return int(model.get().argmax())

    def ours(sound: Any) -> int:
        return word(extract(resample(sound)))

    def theirs(sound: Any) -> int:
        return word(course(scipy.signal.resample_poly(sound, 1, MICROPHONE_RATE // RATE)).numpy())

    seconds_each(ours, sounds), seconds_each(theirs, sounds)  # warm-up
    return side_by_side(
        f"48 kHz sound to word, {name}",
        lambda: seconds_each(ours, sounds),
        lambda: seconds_each(theirs, sounds),
    )


def bench_training(name: str, sources: Sources) -> dict[str, Any]:
    """Time an optimiser step of a forecaster's report recipe beside Keras; then train both in full and compare MAE."""
    import tf_keras as keras
    from tensorflow_model_optimization.sparsity import keras as sparsity

    from pipeline.train import loop, networks
    from pipeline.train.forecasting import Forecasting

    recipe = VERSIONS[name].recipes["report"]
    pruning = recipe.pruning
    assert pruning is not None  # both forecasters are pruned
    weather = load_weather(sources)
    task = Forecasting(weather)
    samples = len(weather.windows("train"))
    steps = -(-samples // recipe.batch_size)

    def keras_model() -> Any:
        schedule = sparsity.PolynomialDecay(
            pruning.initial_sparsity, pruning.final_sparsity, steps * pruning.begin_epoch, steps * pruning.end_epoch
        )
        network = networks.build(recipe, (INPUT_STEPS, 2), (OUTPUT_STEPS, 2))
        model = sparsity.prune_low_magnitude(network, pruning_schedule=schedule)
        model.compile(keras.optimizers.Adam(recipe.learning_rate), "mse")
        return model

    def dataset() -> Any:
        """Return the windows as Keras' own tools make them, one gap-free stretch after the other, shuffled."""
        starts = weather.windows("train")
        mean, std = (np.array(v, np.float32) for v in task.card()["normalisation"].values())
        whole = None
        for stretch in np.split(starts, np.flatnonzero(np.diff(starts) != 1) + 1):
            rows = weather.values[stretch[0] : stretch[-1] + INPUT_STEPS + OUTPUT_STEPS]
            part = keras.utils.timeseries_dataset_from_array(
                rows,
                None,
                sequence_length=INPUT_STEPS + OUTPUT_STEPS,
                batch_size=recipe.batch_size,
                shuffle=True,
                seed=SEED,
            )
            whole = part if whole is None else whole.concatenate(part)
        assert whole is not None
        split = whole.map(lambda window: ((window[:, :INPUT_STEPS] - mean) / std, window[:, INPUT_STEPS:]))
        return split.cache().shuffle(steps)

    def fit(model: Any, data: Any, epochs: int) -> float:
        started = time.perf_counter()
        model.fit(data, epochs=epochs, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
        return time.perf_counter() - started

    def mae(model: Any) -> tuple[float, float]:
        metrics = task.metrics(model.predict(task.inputs("test"), batch_size=4096, verbose=0), "test")
        return metrics["t_mae_c"], metrics["rh_mae_pct"]

    mine: list[tuple[float, float]] = []

    def ours() -> float:
        """Measure the seconds per step of a whole training, building and compiling its graph included."""
        seed = SEED + len(mine)
        loop.seed_everything(seed)
        started = time.perf_counter()
        model = task.train(recipe, seed)
        seconds = (time.perf_counter() - started) / (recipe.epochs * steps)
        mine.append(mae(model))
        return seconds

    data, warm = dataset(), keras_model()
    fit(warm, data, 1)  # builds the graph, fills the cache: left out on this side
    few = data.take(KERAS_STEPS)
    row = side_by_side(f"optimiser step of {name}", ours, lambda: fit(warm, few, 1) / KERAS_STEPS)
    model = keras_model()
    fit(model, data, recipe.epochs)
    theirs = mae(sparsity.strip_pruning(model))
    print(f"{name}, test MAE (°C, %) before conversion: Keras' loop {theirs}; ours, one per seed: {mine}", flush=True)
    return {**row, "mae": {"seeds": ROUNDS, "ours": mine, "keras": theirs}}
