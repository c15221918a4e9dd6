"""A search from limits to a model, its card, a table and a recipe."""

import pprint
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version as installed
from typing import Any

import optuna

from underbudget import build, files
from underbudget.beyond.search import finalists, latency_limit, plan, space, trials
from underbudget.beyond.search.finalists import FINALIST_SEEDS, Finalist
from underbudget.beyond.search.limits import format_limits, parse_limits
from underbudget.beyond.search.plan import Result, Search, rank, values_of
from underbudget.beyond.search.trials import RUNGS, begun, rungs_of
from underbudget.data.sources import DataSets, Sources, load_other_sounds, load_speech, load_weather
from underbudget.device.artifact import SPOTTING, read_card
from underbudget.device.errors import UserError
from underbudget.intervals import mean_interval
from underbudget.metrics import METRICS, TASK_METRICS, Limit, all_met
from underbudget.processes import Workers, open_workers
from underbudget.recipes import ARITHMETIC, Version
from underbudget.store import check_name, store_of
from underbudget.versions.catalogue import SEARCHED


def search(
    task: str, limits_text: str, tried: int, seed: int, name: str | None, sources: Sources, jobs: int, host: str | None
) -> str:
    """Search, or go on with a search; return what to tell the user at the end.

    Args:
        tried: how many recipes.
        name: of the search (default: from its limits).
        jobs: trainings at once.
        host: the device on which finalists are timed, as ssh knows it (default: this machine).

    Raises:
        UserError: limits that can't be met, bad data, or nothing that could be trained.
    """
    limits = parse_limits(limits_text, task)
    plan.check_size(task, limits)
    name = name or plan.usual_name(task, limits)
    check_name(name)
    data, given = _data(task, sources)
    made_from = _made_from(task, limits, seed, data)
    results = store_of(*data.identities).results
    asked = Search(name, task, limits, tried, seed, given, made_from, results, host)
    with trials.opened(asked) as study:
        latency_limit.check_device(asked, study)
        print(f"search {name}: {format_limits(limits)}", flush=True)
        if begun(study):
            print(f"resuming: {progress_line(asked, study)}", flush=True)
        with open_workers(jobs) as workers:
            _run(asked, study, workers, data)
        return _finish(asked, study, data)


def _data(task: str, sources: Sources) -> tuple[DataSets, dict[str, Any]]:
    """Return the data, and the choices of all recipes that go with them."""
    if task != SPOTTING:
        return DataSets(load_weather(sources)), {}
    other = load_other_sounds(sources) if sources.other is not None else None
    given = {"other": space.OTHER_SHARE if other else 0.0, "by_speaker": sources.by_speaker}
    return DataSets(load_speech(sources), other), {name: value for name, value in given.items() if value}


def _made_from(task: str, limits: Sequence[Limit], seed: int, data: DataSets) -> dict[str, Any]:
    return {
        "task": task,
        "limits": format_limits(limits),
        "seed": seed,
        "data": asdict(data.identity),
        "other sounds": asdict(data.other.identity) if data.other else None,
        "packages": {package: installed(package) for package in build.TOOLS},
        "arithmetic": ARITHMETIC[task],
    }


def _run(asked: Search, study: optuna.Study, workers: Workers, data: DataSets) -> None:
    """Run what is not done yet, up to the model: its test is the one use of the test split.

    Raises:
        UserError: there is no finalist that could be trained, or the machine failed.
    """
    shared = workers.share(data)

    def notice() -> None:
        print(progress_line(asked, study), flush=True)

    trials.run_trials(asked, study, workers, trials.train, shared, notice)
    if not finalists.candidates(asked, study):
        raise UserError(f"no recipe could be trained: {progress_line(asked, study)}: try more (TRIALS=)")
    finalists.run_seeds(asked, study, workers, trials.train, shared, notice)
    latency_limit.time_candidates(asked, study)
    best = finalists.finalists(asked, study)[0]
    if best.failed:
        error = next(run["error"] for run in best.runs.values() if "error" in run)
        raise UserError(f"no recipe could be trained with every seed: {error}: try more (TRIALS=)")
    planned = _plan(asked, best, data)
    if not planned.is_up_to_date():
        print("training the final model, then testing it", flush=True)
        tasks = iter([("model", _produce, planned, shared)])
        for done in workers.run(lambda: next(tasks, None)):
            if done.error:
                raise UserError(f"{done.error}; {trials.RESUMES}")
            build.write(planned, *done.value)


def _produce(planned: build.Plan, data: DataSets) -> tuple[build.Made, dict[str, Any]]:
    return build.produce(planned, lambda: data)


def _plan(asked: Search, best: Finalist, data: DataSets) -> build.Plan:
    version = Version(asked.name, asked.task, asked.limits, {SEARCHED: best.recipe})
    return build.plan(version, SEARCHED, best.seed, data, asked.made_with)


def _finish(asked: Search, study: optuna.Study, data: DataSets) -> str:
    """Write the result of a search that has ended; return what to tell the user."""
    found = finalists.finalists(asked, study)
    planned = _plan(asked, found[0], data)
    card = read_card(planned.card_path).content
    names = TASK_METRICS[asked.task]
    where = str(planned.card_path.relative_to(files.ROOT))
    model = {
        "card": where,
        "trial": found[0].trial,
        "seed": found[0].seed,
        "bytes": card["file"]["compressed_bytes"],
        "test": {key: card["test"][key] for name in names for key in (name, f"{name}_95")},
    }
    path = store_of(*data.identities).search_path(asked.name)
    files.write_json(path, result_of(asked, study, found, model))
    test = [
        f"{METRICS[n].title} {METRICS[n].interval(card['test'][n], *(card['test'][f'{n}_95'] or ()))}" for n in names
    ]
    file = where.replace(".json", ".tflite.zlib")
    use = f"10_listen.py --model {file}" if asked.task == SPOTTING else f"11_forecast.py sensor.csv --model {file}"
    lines = [
        *table(asked, found),
        f"the best of {len(begun(study))} trials, on the test split: {', '.join(test)}; {model['bytes']:,} bytes",
        f"its card: {where}",
        f"use it: .venv/bin/python scripts/{use}",
        "its recipe, as a module of scripts/underbudget/versions has it:",
        f"{pprint.pformat(found[0].recipe, width=118)}",
    ]
    return "\n".join(lines)


def result_of(
    asked: Search, study: optuna.Study, found: Sequence[Finalist], model: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the content of the result file.

    Args:
        model: that was made at the end: its card, bytes, trial, seed and figures on the test split.
    """
    return {
        "name": asked.name,
        "task": asked.task,
        "limits": [asdict(c) for c in asked.limits],
        "seed": asked.seed,
        "trials": [
            {"number": t.number, "choices": t.user_attrs.get("choices", {}), "rungs": rungs_of(t)} for t in begun(study)
        ],
        "finalists": [
            {
                "trial": f.trial,
                "recipe": f.recipe.to_dict(),
                "met": f.meets_limits,
                "limits": list(f.judged),
                "runs": {str(seed): run for seed, run in f.runs.items()},
            }
            for f in found
        ],
        "model": model,
        "made_from": asked.made_from,
        "made_with": asked.made_with,
    }


def progress_line(asked: Search, study: optuna.Study) -> str:
    """Say how far a search is: recipes tried, in full, failed, that meet the limits; the best; finalists."""
    last = {t.number: rungs_of(t)[-1] for t in begun(study) if rungs_of(t)}
    figures = {number: result for number, result in last.items() if "error" not in result}
    meeting = sum(all_met(asked.limits, values_of(result)) for result in figures.values())
    full = sum(len(rungs_of(t)) == len(RUNGS) for t in begun(study))
    runs = finalists.runs_of(asked, study)
    if len(last) >= asked.trials and (ended := len(study.user_attrs.keys() & runs)):
        return f"finalists: {ended} of {len(runs)} trainings ended"
    parts = [f"{len(last)} of {max(asked.trials, len(last))} recipes tried, {full} in full"]
    parts += [f"{len(last) - len(figures)} failed"] if len(figures) < len(last) else []
    text = ", ".join([*parts, f"{meeting} meet the limits"])
    if figures:
        best = min(figures, key=lambda number: rank(asked, figures[number]))
        text += f"; best: trial {best}, {_describe(asked, figures[best])}"
        text += "" if all_met(asked.limits, values_of(figures[best])) else " (breaks a limit)"
    return text


def _describe(asked: Search, result: Result) -> str:
    values = values_of(result)
    names = (*TASK_METRICS[asked.task], "size_kb")
    return ", ".join(f"{values[name]:.{METRICS[name].digits}f} {METRICS[name].unit}" for name in names)


def table(asked: Search, found: Sequence[Finalist]) -> list[str]:
    """Tabulate the finalists for a terminal, the best first."""
    limits = format_limits(asked.limits)
    lines = [f"finalists for {limits}: mean and 95 % interval over {FINALIST_SEEDS} seeds on validation data"]
    for f in found:
        met = sum(j["met"] for j in f.judged)
        lines.append(f"  trial {f.trial}: meets {met} of {len(asked.limits)} limits")
        if f.failed:
            (error, *_) = [run["error"] for run in f.runs.values() if "error" in run]
            lines.append(f"    failed with a seed: {error}")
            continue
        judged = {j["metric"]: j for j in f.judged}
        for name in dict.fromkeys([*TASK_METRICS[asked.task], "size_kb", *judged]):
            if j := judged.get(name):
                interval = METRICS[name].interval(j["mean"], j["low"], j["high"])
                verdict = f" (limit {METRICS[name].limit(j['limit'])}): {'met' if j['met'] else 'MISSED'}"
            else:
                values = [values_of(run)[name] for run in f.runs.values()]
                interval, verdict = METRICS[name].interval(*mean_interval(values)), ""
            lines.append(f"    {METRICS[name].title}: {interval}{verdict}")
    return lines
