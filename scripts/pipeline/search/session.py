"""A search from limits to a model, its card, a table and a version module."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version as installed
from typing import Any

import optuna

from device.artifact import SPOTTING, read_card
from device.errors import UserError
from pipeline import build, files
from pipeline.data.sources import DataSets, Sources, load_other_sounds, load_speech, load_weather
from pipeline.engine.pool import Pool, open_pool
from pipeline.metrics import TASK_METRICS, Constraint
from pipeline.recipe import ARITHMETIC, Version
from pipeline.search import finalists, journal, latency, outcome, plan, space, trial
from pipeline.search.driver import Driver
from pipeline.search.finalists import Finalist
from pipeline.search.limits import format_limits, parse_limits
from pipeline.search.plan import Search
from pipeline.search.version_module import version_module
from pipeline.store import store_of
from pipeline.versions.catalogue import SEARCHED


def search(
    task: str,
    limits_text: str,
    trials: int,
    seed: int,
    name: str | None,
    sources: Sources,
    jobs: int,
    host: str | None = None,
) -> str:
    """Search, or go on with a search; return what to tell the user at the end.

    Args:
        name: of the search (default: from its limits).
        jobs: trainings at once.
        host: the device on which finalists are timed, as ssh knows it (default: this machine).

    Raises:
        UserError: limits that can't be kept, bad data, or nothing that could be trained.
    """
    limits = parse_limits(limits_text, task)
    plan.check_size(task, limits)
    name = name or plan.usual_name(task, limits)
    plan.check_name(name)
    data, given = _data(task, sources)
    asked = Search(
        name,
        task,
        limits,
        trials,
        seed,
        given,
        _made_from(task, limits, seed, data),
        store_of(data.identity).results,
        host,
    )
    with journal.opened(asked.folder, asked.made_from) as study:
        return _Session(asked, study, data).run(jobs)


def _data(task: str, sources: Sources) -> tuple[DataSets, dict[str, Any]]:
    """Return the data, and the choices of all recipes that go with them."""
    if task != SPOTTING:
        return DataSets(load_weather(sources)), {}
    other = load_other_sounds(sources) if sources.other is not None else None
    given = {"other": space.OTHER_SHARE if other else 0.0, "by_speaker": sources.by_speaker}
    return DataSets(load_speech(sources), other), {name: value for name, value in given.items() if value}


def _made_from(task: str, limits: Sequence[Constraint], seed: int, data: DataSets) -> dict[str, Any]:
    return {
        "task": task,
        "limits": format_limits(limits),
        "seed": seed,
        "data": asdict(data.identity),
        "other sounds": asdict(data.other.identity) if data.other else None,
        "packages": {package: installed(package) for package in build.TOOLS},
        "arithmetic": ARITHMETIC[task],
    }


class _Session:
    """One run of a search, from where the journal says it is."""

    def __init__(self, asked: Search, study: optuna.Study, data: DataSets) -> None:
        self._search, self._study, self._data = asked, study, data

    def run(self, jobs: int) -> str:
        known = journal.entries(self._study)
        latency.check_device(self._search, self._study)
        print(f"search {self._search.name}: {format_limits(self._search.limits)}", flush=True)
        if known:
            print(f"it goes on: {outcome.progress_line(self._search, known, 0)}", flush=True)
        with open_pool(jobs) as pool:
            self._tell(pool)
        known = journal.entries(self._study)
        found = finalists.finalists(self._search, self._study, known)
        best, model = found[0], self._model(known)
        assert model is not None  # it was made just before, or an error raised
        text = self._version_module(best, model)
        path = self._search.folder / f"{self._search.name}.py"
        files.write_text(path, text)
        lines = [*outcome.table(self._search, found), outcome.model_line(model, len(known))]
        where = path.relative_to(files.ROOT)
        return "\n".join([*lines, f"its recipe, a module for scripts/pipeline/versions ({where}):", "", text])

    def _tell(self, pool: Pool) -> None:
        shared = pool.share(self._data)

        def notice(study: optuna.Study, running: int) -> None:
            known = journal.entries(study)
            line = outcome.progress_line(self._search, known, running)
            print(line + outcome.time_left(self._search, known, pool.slots), flush=True)
            self._write()

        def notice_finalists(done: int, of: int) -> None:
            print(f"finalists: {done} of {of} trainings ended", flush=True)
            self._write()

        Driver(self._search, self._study, pool, trial.train, shared, notice).run()
        finalists.run_seeds(self._search, self._study, pool, trial.train, shared, notice_finalists)
        latency.time_candidates(self._search, self._study)
        self._finish(pool, shared)
        self._write()

    def _finish(self, pool: Pool, shared: Any) -> None:
        """Make the best finalist's model and test it: the one use of the test split.

        Raises:
            UserError: there is no finalist that could be trained.
        """
        found = finalists.finalists(self._search, self._study, journal.entries(self._study))
        if not found or found[0].failed:
            errors = [e.error for e in journal.entries(self._study) if e.error]
            raise UserError(f"no recipe could be trained with every seed ({errors[0] if errors else 'see the table'})")
        ordered = self._plan(found[0])
        if ordered.is_up_to_date():
            return
        print("the model is made and tested", flush=True)
        pool.submit("model", trial.finish, ordered, shared)
        (done,) = pool.wait()
        if done.error is not None:
            raise UserError(done.error)
        build.write(ordered, *done.value)

    def _plan(self, best: Finalist) -> build.Plan:
        version = Version(self._search.name, self._search.task, self._search.limits, {SEARCHED: best.recipe})
        return build.plan(version, SEARCHED, best.seed, self._data, self._search.made_with)

    def _model(self, known: Sequence[journal.Entry]) -> dict[str, Any] | None:
        """Return what the result says of the model; None where it was not made yet."""
        found = finalists.finalists(self._search, self._study, known)
        if not found or found[0].failed or not (ordered := self._plan(found[0])).is_up_to_date():
            return None
        card = read_card(ordered.card_path).content
        names = TASK_METRICS[self._search.task]
        return {
            "card": str(ordered.card_path.relative_to(files.ROOT)),
            "trial": found[0].trial,
            "seed": found[0].seed,
            "bytes": card["file"]["compressed_bytes"],
            "test": {key: card["test"][key] for name in names for key in (name, f"{name}_95")},
        }

    def _write(self) -> None:
        known = journal.entries(self._study)
        found = finalists.finalists(self._search, self._study, known)
        content = outcome.result_of(self._search, self._study, known, found, self._model(known))
        files.write_json(store_of(self._data.identity).search_path(self._search.name), content)

    def _version_module(self, best: Finalist, model: dict[str, Any]) -> str:
        told = f"Trial {best.trial} of {len(journal.entries(self._study))} of: {self._search.made_with}"
        limits = self._search.limits
        return version_module(self._search.name, self._search.task, limits, best.recipe, told)
