"""What many models at once cost and give, as a table."""

from typing import Any

from pipeline.report.markdown import markdown_table
from pipeline.study.results import Results


def engine(results: Results) -> str:
    """Tabulate the result of `make engine`."""
    result = results.store.engine()
    return engine_table(result) if result else "Not measured yet: make engine.\n"


def engine_table(result: dict[str, Any]) -> str:
    """Tabulate what was measured on one machine, and what was simulated."""
    rows: list[list[str]] = []
    for name, costs in result["empty_tasks"].items():
        rows.append([f"{name}: start, with the data of a spotter", f"{costs['start_s']:.1f} s"])
        rows.append([f"{name}: a task that does nothing with them", f"{costs['task_s']:.3f} s"])
    made = result["models_per_hour"]
    rows.append(
        ["Ray: the driver's processor for each task", f"{1000 * result['empty_tasks']['Ray']['driver_s']:.1f} ms"]
    )
    rows += [[f"`{result['trial']}`, models in an hour, {n} at once", f"{rate:,.0f}"] for n, rate in made.items()]
    rows.append(["two workers against one", f"{made['2'] / made['1']:.2f} times"])
    simulated = result["simulation"]
    what = f"simulated, {simulated['trials']:,} trials of {simulated['mean_trial_s']:.0f} s on average"
    rows += [[f"{what}: {int(n):,} at once", f"{times:,.0f} times"] for n, times in simulated["speed_up"].items()]
    rows.append(["workers at which the driver has no time left", f"{simulated['most_workers']:,}"])
    return markdown_table(["", "measured"], rows)
