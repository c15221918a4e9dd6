"""Time our training, front ends and models side by side with what others use, in one run, and print the ratios.

Training: an optimiser step of each forecaster's recipe, ours beside Keras' loop (timeseries_dataset_from_array, fit
with tfmot's callback); of each spotter's, ours beside Keras' fit and beside PyTorch, which must be installed. Front
ends: the features of one clip, ours beside eager tf.signal; from 48 kHz sound to word, ours beside SciPy's resampler
and eager tf.signal. Quantisation: an inference with and without it. Memory: the peak that each version's run recorded;
a version that was not built here is built first. An interrupted bench resumes.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from device.cli import parser, run
from device.frontend import FrontEnd, Mfcc, Stft
from pipeline import cli, files
from pipeline.data.sources import Sources, load_weather
from pipeline.measure.bench import (
    bench_front_end,
    bench_inference,
    bench_memory,
    bench_quantisation,
    bench_total,
    bench_training,
    spotters,
    write_bench,
)
from pipeline.measure.bench_training import bench_step
from pipeline.store import store_of
from pipeline.versions.catalogue import FORECASTERS, INT8_FLOAT_PAIRS, SPOTTERS, VERSIONS

EXAMPLES = """\
  .venv/bin/python scripts/13_bench.py
  .venv/bin/python scripts/13_bench.py --data synthetic"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    arguments = options.parse_args()
    sources = cli.sources(arguments)
    cli.import_tensorflow()
    front_ends: tuple[tuple[str, FrontEnd], ...] = (("MFCC", Mfcc()), ("STFT", Stft()))
    parts: dict[str, dict[str, Callable[[], Any]]] = {
        "speed": {
            **{title: partial(bench_front_end, title, front_end) for title, front_end in front_ends},
            **{str(path.relative_to(files.MODELS)): partial(bench_total, path) for path in spotters()},
            "kws_b": partial(bench_inference, "kws_b"),
        },
        "quantisation": {name: partial(bench_quantisation, name) for name in INT8_FLOAT_PAIRS},
        "training": {name: partial(bench_training, name, sources) for name in FORECASTERS},
        "memory": {name: partial(bench_memory, name, arguments.data, sys.argv[1:]) for name in VERSIONS},
        "steps": dict(step_rows(sources)),
    }
    write_bench(store_of(load_weather(sources).identity).bench_path, parts)


def step_rows(sources: Sources) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the rows of the spotters' optimiser steps: Keras first, which is installed."""
    for peer, title in (("keras", "Keras' fit"), ("torch", "PyTorch")):
        for name in SPOTTERS:
            recipes = VERSIONS[name].recipes
            step = f"optimiser step of report/{name}, beside {title}"
            yield f"report/{name}, {peer}", partial(bench_step, step, peer, recipes["report"], sources)
    for name in SPOTTERS:
        recipe = VERSIONS[name].recipes["improved"]
        for part, qat in (("augmented", False), ("quantisation-aware", True)):
            step = f"{part} optimiser step of improved/{name}, beside PyTorch"
            yield f"improved/{name}, {part}", partial(bench_step, step, "torch", recipe, sources, qat)


if __name__ == "__main__":
    run(main)
