"""What documents and the page can show: a marker there with a function's name stands for what the function returns.

A function returns Markdown (a table, or sentences), or charts, which only the page can show.
"""

from collections.abc import Callable

from underbudget.reproduction.results import Results
from underbudget.results_page.assumption_tables import assumptions, forecaster_training
from underbudget.results_page.at_work import at_work
from underbudget.results_page.curve_charts import curve_charts
from underbudget.results_page.forecast_tables import forecasts
from underbudget.results_page.kernel_tables import kernel_charts, kernel_loss, kernels
from underbudget.results_page.latency_tables import bench, latency, pi
from underbudget.results_page.listening_tables import det_charts, listeners, listening, listening_goals, listening_kinds
from underbudget.results_page.model_charts import bytes_charts, confusion_charts, latency_charts, step_charts
from underbudget.results_page.peer_tables import peer_forecasters, peers, smallest_bytes, smallest_files
from underbudget.results_page.run_charts import frontier_charts, limit_charts, seed_charts
from underbudget.results_page.search_tables import search_results, search_summary
from underbudget.results_page.sentences import headline, naive
from underbudget.results_page.speaker_tables import regularisation, speaker_aims, splits, strangers
from underbudget.results_page.style import Chart
from underbudget.results_page.tables import (
    claims,
    cnn,
    failed_runs,
    file_sizes,
    improved,
    mlp,
    models,
    prototypes,
    provenance,
    seeds,
    studies,
    verdict_counts,
    verdicts,
)
from underbudget.results_page.version_tables import five, versions

FUNCTIONS: tuple[Callable[[Results], str | list[Chart]], ...] = (
    *(headline, listeners, naive, search_summary, verdict_counts, verdicts),
    *(
        five,
        versions,
        claims,
        models,
        improved,
        seeds,
        failed_runs,
        mlp,
        cnn,
        studies,
        prototypes,
        file_sizes,
        provenance,
    ),
    *(smallest_bytes, smallest_files, peers, peer_forecasters),
    *(kernels, kernel_loss, kernel_charts),
    *(assumptions, forecaster_training, forecasts, strangers, splits, speaker_aims, regularisation),
    *(latency, pi, bench, listening, listening_goals, listening_kinds, search_results),
    *(limit_charts, seed_charts, frontier_charts, step_charts, confusion_charts, latency_charts),
    *(bytes_charts, curve_charts, det_charts, at_work),
)
SHOWN = {function.__name__: function for function in FUNCTIONS}
