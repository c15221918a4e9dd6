"""Every chart on the page, by name; each is drawn from the results."""

from collections.abc import Callable

from pipeline.report import examples, listening, model_charts, run_charts
from pipeline.report.style import Chart
from pipeline.study.results import Results

CHARTS: dict[str, Callable[[Results], list[Chart]]] = {
    "budgets": lambda results: [run_charts.budget_chart(results)],
    "seeds": run_charts.seed_charts,
    "study": run_charts.study_charts,
    "splits": run_charts.split_charts,
    "frontiers": run_charts.frontier_charts,
    "errors": lambda results: [*model_charts.step_charts(results), *model_charts.confusion_charts(results)],
    "latency": model_charts.latency_charts,
    "bytes": model_charts.bytes_charts,
    "listening": listening.det_charts,
    "examples": examples.kept,
}
