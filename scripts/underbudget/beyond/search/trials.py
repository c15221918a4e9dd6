"""The trials of a search: Optuna proposes recipes, and stops the worst after short trainings.

Successive halving (Li et al., arXiv:1810.05934, by Optuna): each recipe is trained for a ninth of its epochs; if it is
then among the best third so far, for a third; if it is among the best third of these, in full. Each is a training of
its own with its whole learning rate schedule: a short training that has cooled down ranks recipes far better than the
middle of a long one.
"""

import fcntl
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import SuccessiveHalvingPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from underbudget import build, files
from underbudget.beyond.search import space
from underbudget.beyond.search.plan import Result, Search
from underbudget.data.sources import DataSets
from underbudget.determinism import import_tensorflow
from underbudget.device.errors import UserError
from underbudget.device.quiet import held_stderr
from underbudget.metrics import TASK_METRICS, score
from underbudget.processes import Task, Workers
from underbudget.recipes import RateDistortion, Recipe
from underbudget.tasks import prepare

REDUCTION_FACTOR = 3  # one in so many goes on
RUNGS = (1, 3, 9)  # ninths of the epochs
MOST_LOST = 3  # trainings that the machine failed, before the search is stopped
JOURNAL = "trials.log"
RESUMES = "finished trainings are saved: run the same command again to resume"

Train = Callable[..., tuple[Result, bytes]]  # `train`; a test may give another

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=ExperimentalWarning)
warnings.filterwarnings("ignore", "The reported value is ignored")  # a search that was killed had reported it


def train(recipe: Recipe, seed: int, data: DataSets) -> tuple[Result, bytes]:
    """Train a model; return its figures on validation data with its bytes and the seconds it took, and its file.

    What is wrong with the recipe, such as a training that diverged, is a result, too: its "error". Whatever else goes
    wrong, such as a full memory or disk, is raised.
    """
    started = time.monotonic()
    import_tensorflow()
    with held_stderr():  # the search has a line of progress of its own
        task = prepare(recipe, data)
        try:
            made = build.make(recipe, task, seed, "model")
        except files.DiskFullError:
            raise
        except (UserError, ValueError, ArithmeticError) as error:
            return {"error": " ".join(str(error).split())}, b""
    validation = {name: made.checks["validation"][name] for name in TASK_METRICS[task.kind]}
    if not all(map(math.isfinite, validation.values())):
        return {"error": "the training diverged"}, b""
    seconds = round(time.monotonic() - started, 1)
    return {"validation": validation, "bytes": len(made.compressed), "seconds": seconds}, made.compressed


@contextmanager
def opened(search: Search) -> Iterator[optuna.Study]:
    """Open the trials of a search, or begin them; no other process has them open meanwhile.

    Raises:
        UserError: another search is at it, or it was made from something else.
    """
    search.folder.mkdir(parents=True, exist_ok=True)
    path = search.folder / JOURNAL
    where = Path(files.shown(search.folder))
    with (search.folder / "lock").open("w") as lock:
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
                study_name=search.name,
                direction="maximize",  # the score
                pruner=SuccessiveHalvingPruner(min_resource=RUNGS[0], reduction_factor=REDUCTION_FACTOR),
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{where / JOURNAL}: damaged: remove it, or give another name (SEARCH=)") from None
        before = study.user_attrs.get("made_from", search.made_from)
        if changed := [name for name, value in search.made_from.items() if before.get(name) != value]:
            what = " and ".join(changed)
            raise UserError(
                f"{where}: its trials were made from other {what}: give another name (SEARCH=) or remove it"
            )
        study.set_user_attr("made_from", search.made_from)
        if not study.get_trials(deepcopy=False):
            for choices in space.START[search.task]:
                study.enqueue_trial(choices)
        # of each run another: the same seed would propose again what it proposed at first
        study.sampler = TPESampler(seed=search.seed + len(begun(study)))
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


def begun(study: optuna.Study) -> list[FrozenTrial]:
    """Return all trials in order, but those that are only planned."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]


def rungs_of(trial: FrozenTrial | optuna.Trial) -> list[Result]:
    """Return what came of a trial's trainings, the shortest first."""
    rungs: list[Result] = trial.user_attrs.get("rungs", [])
    return rungs


def recipe_of(trial: FrozenTrial | optuna.Trial) -> Recipe:
    """Return the recipe that a trial has chosen."""
    return space.recipe_of(trial.user_attrs["choices"])


def at_rung(recipe: Recipe, rung: int) -> Recipe:
    """Return a recipe with the epochs of a rung."""

    def share(epochs: int) -> int:
        return max(1, round(epochs * RUNGS[rung] / RUNGS[-1]))

    if isinstance(recipe.fit, RateDistortion):  # which takes no epochs
        return recipe
    qat = replace(recipe.qat, epochs=share(recipe.qat.epochs)) if recipe.qat else None
    return recipe.refitted(epochs=share(recipe.fit.epochs), qat=qat)


def run_trials(
    search: Search, study: optuna.Study, workers: Workers, train: Train, data: object, notice: Callable[[], None]
) -> None:
    """Run until all trials have ended, but those that the machine failed: the next run tries these again.

    Args:
        train: of a recipe, a seed and `data`.
        notice: is called whenever a training has ended.

    Raises:
        UserError: the machine failed too many.
    """
    known: dict[Recipe, Result] = {}
    for trial in begun(study):
        known |= {at_rung(recipe_of(trial), rung): result for rung, result in enumerate(rungs_of(trial))}
    running = [optuna.Trial(study, t._trial_id) for t in begun(study) if t.state == TrialState.RUNNING]
    waiting = [trial for trial in running if not rungs_of(trial) or _goes_on(search, study, trial)]

    def keep(trial: optuna.Trial, result: Result) -> None:
        trial.set_user_attr("rungs", [*rungs_of(trial), result])
        if _goes_on(search, study, trial):
            waiting.append(trial)

    def next_task() -> Task | None:
        while waiting or len(begun(study)) < search.trials:
            trial = waiting.pop() if waiting else study.ask()
            if "choices" not in trial.user_attrs:
                trial.set_user_attr("choices", space.choose(trial, search.task, search.given, search.most_bytes))
            recipe = at_rung(recipe_of(trial), len(rungs_of(trial)))
            if recipe not in known:
                return (trial, recipe), train, recipe, search.seed, data
            keep(trial, {**known[recipe], "seconds": 0.0})
        return None

    lost = 0
    for done in workers.run(next_task):
        trial, recipe = done.key
        if done.error:
            lost += 1
            print(f"trial {trial.number}: lost: {done.error}", flush=True)
            if lost == MOST_LOST:
                raise UserError(f"{lost} trainings were lost, the last one because of: {done.error}; {RESUMES}")
            continue
        known[recipe] = done.value[0]
        keep(trial, known[recipe])
        notice()


def _goes_on(search: Search, study: optuna.Study, trial: optuna.Trial) -> bool:
    """Tell Optuna what came of a trial's last training; return whether it is trained on."""
    rungs = rungs_of(trial)
    last = rungs[-1]
    if "error" in last or last["bytes"] >= search.most_bytes:
        study.tell(trial, state=TrialState.PRUNED)
        return False
    trial.report(score(last["validation"]), RUNGS[len(rungs) - 1])
    if len(rungs) == len(RUNGS):
        study.tell(trial, score(last["validation"]))
        return False
    if trial.should_prune():
        study.tell(trial, state=TrialState.PRUNED)
        return False
    return True
