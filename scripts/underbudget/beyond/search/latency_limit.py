"""How long finalists take, here or on a Raspberry Pi, by the course's protocol: one second of sound, or one window."""

import json
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from underbudget.beyond.raspberry_pi import RemoteTask, device_facts, run_there
from underbudget.beyond.search.finalists import Latency, candidates, file_of, latency_key
from underbudget.beyond.search.plan import Search
from underbudget.beyond.search.trials import begun, recipe_of
from underbudget.device import frontend
from underbudget.recipes import Readings
from underbudget.reproduction.host import run_here

MODULE = "underbudget.device.passes"


def check_device(search: Search, study: optuna.Study) -> None:
    """Check that the device on which finalists will be timed can be used, before hours are spent on trials.

    A search in which all is timed needs no device any more.

    Raises:
        UserError: what is wrong with it.
    """
    known = begun(study)
    ended = len(known) >= search.trials and all(trial.state != TrialState.RUNNING for trial in known)
    if search.host and search.limits_latency and not (ended and not _to_time(search, study)):
        device_facts(search.host)


def _to_time(search: Search, study: optuna.Study) -> list[FrozenTrial]:
    saved = study.user_attrs
    return [trial for trial in candidates(search, study) if latency_key(search, trial.number) not in saved]


def time_candidates(search: Search, study: optuna.Study) -> None:
    """Time the candidates where limits ask for it and it is not done; nothing else should run meanwhile.

    Raises:
        UserError: what is wrong with the device.
    """
    waiting: dict[str, tuple[Path, str]] = {}
    for trial in _to_time(search, study):
        path, inputs = file_of(search, trial.number), recipe_of(trial).inputs
        if path.exists():  # it failed with every seed otherwise
            fields = json.dumps(None if isinstance(inputs, Readings) else frontend.to_dict(inputs))
            waiting[latency_key(search, trial.number)] = path, fields
    if not (waiting and search.limits_latency):
        return
    print(f"finalists are timed on {search.host or 'this machine'}", flush=True)
    found: Iterator[Latency]
    if search.host:
        tasks = [RemoteTask(MODULE, path, (fields,)) for path, fields in waiting.values()]
        found = run_there(search.host, "ssh", device_facts(search.host), tasks)
    else:
        found = (run_here(MODULE, [path], fields)[0] for path, fields in waiting.values())
    for key, latency in zip(waiting, found, strict=True):
        study.set_user_attr(key, latency)
