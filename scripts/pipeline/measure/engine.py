"""What the engine costs and gives: seconds for each task, models in parallel, and a simulation of many workers."""

import heapq
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device.probe import probe
from pipeline import files, freshness
from pipeline.build import Plan, plan, produce
from pipeline.data.sources import DataSets, Sources, load_data, load_speech
from pipeline.engine.pool import Pool, as_ended, open_pool
from pipeline.store import PUBLISHED
from pipeline.versions.catalogue import VERSIONS

EMPTY_TASKS = 50
TRIAL = ("th_b", "report")  # seconds; the longer a trial, the less the engine's part
TRIALS = 6  # models for each number of workers
WORKERS = (1, 10, 100, 1_000, 10_000)
SIMULATED = 20_000  # trials of a long search


def measure_engine(sources: Sources) -> dict[str, Any]:
    """Measure the engine on this machine, and simulate more workers with the times of the published runs.

    Raises:
        UserError: bad data, a pool that can't be had, or a task that failed.
    """
    empty = {name: _empty_tasks(jobs, sources) for name, jobs in (("one by one", 1), ("Ray", 2))}
    throughput = {str(jobs): _throughput(jobs, sources) for jobs in (1, 2)}
    recorded = [trial["seconds"] for path in PUBLISHED.runs.glob("*.jsonl") for trial in files.read_json_lines(path)]
    return {
        "made_with": "make engine",
        "code": freshness.code_digest(freshness.sources_of([Path(__file__)], files.SCRIPTS)),
        "device": probe(),
        "empty_tasks": empty,
        "trial": "/".join(reversed(TRIAL)),
        "models_per_hour": throughput,
        "simulation": {
            "trials": SIMULATED,
            "mean_trial_s": round(statistics.fmean(recorded), 1),
            "speed_up": {str(n): round(speed_up(n, recorded, empty["Ray"]), 1) for n in WORKERS},
            "most_workers": round(statistics.fmean(recorded) / empty["Ray"]["driver_s"]),
        },
    }


def _empty_tasks(jobs: int, sources: Sources) -> dict[str, float]:
    """Run tasks that do nothing with a spotter's data, one after the other.

    Returns:
        Seconds to open the pool and share the data; from handing a task over to its end (median); of the driver's
        processor for each task.
    """
    data = DataSets(load_speech(sources))
    started = time.monotonic()
    with open_pool(jobs) as pool:
        shared = pool.share(data)
        _run(pool, [(_clips, shared)])  # starts a worker
        start_s = time.monotonic() - started
        busy = time.process_time()
        seconds = []
        for _ in range(EMPTY_TASKS):
            started = time.monotonic()
            _run(pool, [(_clips, shared)])
            seconds.append(time.monotonic() - started)
        driver_s = (time.process_time() - busy) / EMPTY_TASKS
    return {
        "start_s": round(start_s, 2),
        "task_s": round(statistics.median(seconds), 4),
        "driver_s": round(driver_s, 5),
    }


def _throughput(jobs: int, sources: Sources) -> float:
    """Return how many models `jobs` workers of Ray make in an hour, once each has made one."""
    name, recipe = TRIAL
    version = VERSIONS[name]
    data = load_data(version.task, version.recipes[recipe], sources)
    plans = [plan(version, recipe, seed, data, "") for seed in range(1, TRIALS + 1)]
    from pipeline.engine.cluster import RayPool  # open_pool gives one worker without Ray, too

    with RayPool(jobs, None) as pool:
        shared = pool.share(data)
        _run(pool, [(_produce, planned, shared) for planned in plans[:jobs]])
        started = time.monotonic()
        _run(pool, [(_produce, planned, shared) for planned in plans])
        return round(3600 * TRIALS / (time.monotonic() - started), 1)


def _run(pool: Pool, tasks: Sequence[tuple[Any, ...]]) -> None:
    for place, (function, *arguments) in enumerate(tasks):
        pool.submit(str(place), function, *arguments)
    for done in as_ended(pool):
        if done.error:
            raise RuntimeError(done.error)


def _clips(data: DataSets) -> int:
    return len(data.identity.digest)


def _produce(planned: Plan, data: DataSets) -> int:
    return len(produce(planned, lambda: data)[0])


def speed_up(workers: int, recorded: Sequence[float], costs: dict[str, float], trials: int = SIMULATED) -> float:
    """Return how many times faster than one worker without any costs `workers` of them would make trials.

    The driver deals with one task at a time; a worker that is free gets the next one.

    Args:
        recorded: seconds that trials take, of which each simulated one takes one at random.
        costs: "task_s", what a task takes on top; "driver_s", what the driver takes for it.
    """
    seconds = np.random.default_rng(0).choice(np.asarray(recorded, float), trials)
    free = [0.0] * workers  # when each worker is
    driver = 0.0
    for one in seconds:
        driver = max(driver, free[0]) + costs["driver_s"]
        heapq.heapreplace(free, driver + costs["task_s"] + float(one))
    return float(seconds.sum()) / max(free)
