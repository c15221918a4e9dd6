"""Optuna's journal of a search: each trial with its results, written as they come, read back when it goes on."""

import fcntl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from device.errors import UserError
from pipeline import files
from pipeline.search.halving import LAST
from pipeline.search.space import Choices

JOURNAL = "journal.log"
State = Literal["running", "stopped", "finished", "failed"]
Result = dict[str, Any]  # of a training: "validation", its metrics; "bytes"; "seconds"

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=ExperimentalWarning)


@dataclass(frozen=True)
class Entry:
    """A trial as the journal knows it.

    Attributes:
        state: "stopped" before its last rung, "finished" after it.
        cohort: see pipeline.search.halving.
        choices: see pipeline.search.space; empty if the search was killed before they were made.
        expected_bytes: by the model of bytes, before it was trained.
        rungs: what came of each training, the shortest first.
        error: why it failed.
    """

    number: int
    state: State
    cohort: int
    choices: Choices
    expected_bytes: int
    rungs: tuple[Result, ...]
    error: str | None


@contextmanager
def opened(folder: Path, made_from: dict[str, Any]) -> Iterator[optuna.Study]:
    """Open the journal in a folder, or begin one; no other process has it open meanwhile.

    Args:
        made_from: what decides the results of trials.

    Raises:
        UserError: another search is at it, or it was made from something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    where = folder.relative_to(files.ROOT) if folder.is_relative_to(files.ROOT) else folder
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{where}: this search is running already: wait for it, or give another name (SEARCH=)"
            ) from None
        _mend(path)
        try:
            study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(path))),
                study_name=folder.name,
                directions=["minimize", "maximize"],  # bytes, merit
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{where / JOURNAL}: damaged: remove it, or give another name (SEARCH=)") from None
        before = study.user_attrs.get("made_from", made_from)
        if changed := [name for name in made_from if before.get(name) != made_from[name]]:
            what = " and ".join(changed)
            raise UserError(
                f"{where}: its trials were made from other {what}: give another name (SEARCH=) or remove it"
            )
        study.set_user_attr("made_from", made_from)
        yield study


def _mend(path: Path) -> None:
    """Take away what a process that was killed has left: a lock, and a last line that does not end."""
    for left in path.parent.glob(f"{path.name}.*"):
        left.unlink()
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with files.atomic_write(path) as partial:
            partial.write_bytes(whole)


def entries(study: optuna.Study) -> list[Entry]:
    """Return all trials in order; not one that is only planned."""
    return [_entry(trial) for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]


def _entry(trial: FrozenTrial) -> Entry:
    kept = trial.user_attrs
    rungs = tuple(kept[name] for rung in range(LAST + 1) if (name := f"rung {rung}") in kept)
    state: State = "running"
    if trial.state == TrialState.FAIL:
        state = "failed"
    elif trial.state == TrialState.COMPLETE:
        state = "finished" if len(rungs) > LAST else "stopped"
    return Entry(
        trial.number,
        state,
        kept.get("cohort", 0),
        kept.get("choices", {}),
        kept.get("expected_bytes", 0),
        rungs,
        kept.get("error"),
    )


def live(study: optuna.Study, number: int) -> optuna.Trial:
    """Return a trial that is not told yet, also one of a process that is gone, to write to."""
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def keep_result(study: optuna.Study, number: int, rung: int, result: Result) -> None:
    """Write what came of a training."""
    live(study, number).set_user_attr(f"rung {rung}", result)


def keep_failure(study: optuna.Study, number: int, error: str) -> None:
    """Write that a trial failed, and why."""
    trial = live(study, number)
    trial.set_user_attr("error", error)
    study.tell(trial, state=TrialState.FAIL)
