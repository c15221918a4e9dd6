"""How long finalists take, here or on a Raspberry Pi, by the course's protocol: one second of sound, or one window."""

import json
from collections.abc import Iterator
from pathlib import Path

import optuna

from device import frontend
from pipeline.measure.host import run_here
from pipeline.measure.remote import Task, device_facts, run_there
from pipeline.metrics import METRICS
from pipeline.search import space
from pipeline.search.finalists import Latency, candidates, file_of, latency_key, run_key, seeds
from pipeline.search.journal import Entry, entries
from pipeline.search.plan import Search

MODULE = "device.passes"


def check_device(search: Search, study: optuna.Study) -> None:
    """Check that the device on which finalists will be timed can be used, before hours are spent on trials.

    A search in which all is timed needs no device any more.

    Raises:
        UserError: what is wrong with it.
    """
    if not (search.host and _limits_latency(search)):
        return
    known = entries(study)
    all_ended = len(known) >= search.trials and all(entry.state != "running" for entry in known)
    if all_ended and not _to_time(search, study):
        return
    device_facts(search.host)


def _limits_latency(search: Search) -> bool:
    return any(METRICS[c.metric].is_latency for c in search.limits)


def _to_time(search: Search, study: optuna.Study) -> list[Entry]:
    """Return the candidates that are not timed yet; those that failed with every seed have no file to time."""
    kept = study.user_attrs

    def failed(entry: Entry) -> bool:
        return all("error" in kept.get(run_key(entry.number, seed), {}) for seed in seeds(search))

    return [
        entry
        for entry in candidates(search, entries(study))
        if latency_key(search, entry.number) not in kept and not failed(entry)
    ]


def time_candidates(search: Search, study: optuna.Study) -> None:
    """Time the candidates where limits ask for it and it is not done; nothing else should run meanwhile.

    Raises:
        UserError: what is wrong with the device.
    """
    if not _limits_latency(search):
        return
    waiting: dict[str, tuple[Path, str]] = {}
    for entry in _to_time(search, study):
        made = [path for seed in seeds(search) if (path := file_of(search, run_key(entry.number, seed))).exists()]
        front_end = space.recipe_of(entry.choices).front_end
        if made:
            fields = json.dumps(frontend.to_dict(front_end) if front_end else None)
            waiting[latency_key(search, entry.number)] = made[0], fields
    if waiting:
        print(f"finalists are timed on {search.host or 'this machine'}", flush=True)
        found: Iterator[Latency]
        if search.host:
            tasks = [Task(MODULE, path, (fields,)) for path, fields in waiting.values()]
            found = run_there(search.host, "ssh", device_facts(search.host), tasks)
        else:
            found = (run_here(MODULE, path, fields) for path, fields in waiting.values())
        for key, latency in zip(waiting, found, strict=True):
            study.set_user_attr(key, latency)
