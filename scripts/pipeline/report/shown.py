"""What documents and the page can show: a marker there with a function's name stands for what the function returns.

A function returns Markdown (a table, or sentences), or charts, which only the page can show.
"""

from collections.abc import Callable

from pipeline.report.at_work import at_work
from pipeline.report.latency_tables import bench, latency, pi
from pipeline.report.listening import det_charts, listening
from pipeline.report.model_charts import bytes_charts, error_charts, latency_charts
from pipeline.report.run_charts import frontier_charts, limit_charts, seed_charts
from pipeline.report.searches import search_results, search_summary
from pipeline.report.sentences import headline, listening_aims, naive
from pipeline.report.style import Chart
from pipeline.report.tables import (
    claims,
    cnn,
    file_sizes,
    improved,
    mlp,
    models,
    prototypes,
    provenance,
    seeds,
    splits,
    studies,
    verdicts,
)
from pipeline.report.versions import versions
from pipeline.study.results import Results

FUNCTIONS: tuple[Callable[[Results], str | list[Chart]], ...] = (
    *(headline, listening_aims, naive, search_summary, verdicts),
    *(versions, claims, models, improved, seeds, mlp, cnn, studies, splits, prototypes, file_sizes, provenance),
    *(latency, pi, bench, listening, search_results),
    *(limit_charts, seed_charts, frontier_charts, error_charts, latency_charts),
    *(bytes_charts, det_charts, at_work),
)
SHOWN = {function.__name__: function for function in FUNCTIONS}
