"""What int8 weights cost the report's spotters, by our runs, by Keras' own fit and by a second implementation."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from underbudget.intervals import difference, mean_interval
from underbudget.metrics import METRICS
from underbudget.reproduction.kernels import (
    BUILT_IN,
    FIRST_DEQUANTISED,
    FIRST_IN_FLOAT,
    FLOAT,
    INT8,
    OF,
    STUDY,
)
from underbudget.reproduction.reference import REFERENCE, load_independent, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import format_share, metric_values, runs_of
from underbudget.reproduction.verdicts import often, p_text
from underbudget.results_page.markdown import markdown_table
from underbudget.results_page.style import OURS, REPORT, Chart, chart, join_sentence, legend
from underbudget.versions.catalogue import KERAS_SUFFIX, SPOTTERS, VERSIONS

ACCURACY = METRICS["accuracy_pct"]
KINDS = {  # as chart and table name them
    FLOAT: "float",
    INT8: "int8\n(XNNPACK)",
    BUILT_IN: "int8\n(built-in)",
    FIRST_IN_FLOAT: "first layer\nin float",
    FIRST_DEQUANTISED: "first layer\ndequantised",
}
EXPLAINED = "kws_c"  # the version that int8 kernels cost a point


def kernels(results: Results) -> str:
    """Tabulate the accuracy of the same weights by each kind of kernel, and of the two other sources."""
    lines = []
    independent = load_independent()
    for name in SPOTTERS:
        for kind in KINDS:
            ours, sizes = _measured(results, name, kind)
            keras, _ = _measured(results, name + KERAS_SUFFIX, kind)
            theirs = [100 * n / independent["clips"] for n in independent["correct"][name].get(kind, ())]
            if max(len(ours), len(theirs)) < 2:
                continue
            lines.append(
                [
                    f"`{name}`, {KINDS[kind]}".replace("\n", " "),
                    f"{np.mean(sizes):,.0f}" if sizes else "–",
                    _beside(name, ours, {}),
                    _beside(name, keras, {"ours": ours}),
                    _beside(name, theirs, {"ours": ours, "Keras'": keras}),
                ]
            )
    header = ["spotter, weights", "bytes", "our training", "Keras' own fit", "second implementation"]
    return markdown_table(header, lines)


def kernel_loss(results: Results) -> str:
    """Say how much of what int8 weights cost the spotter is lost in its first layer, seed by seed."""
    sides = {kind: _measured(results, EXPLAINED, kind)[0] for kind in KINDS}
    seeds = len(sides[FLOAT])
    if seeds < 2:
        return ""

    def points(kind: str) -> str:
        lost = np.array(sides[FLOAT]) - np.array(sides[kind])
        return "{:.2f} points ({:.2f} to {:.2f})".format(*mean_interval(list(lost)))

    def zeros(kind: str) -> str:
        seen = [run["inputs_rounded_to_zero_pct"] for run in runs_of(results.study_runs(STUDY), f"{EXPLAINED}, {kind}")]
        return f"{np.mean(seen):.0f} %"

    in_float, int8, built_in = (_passed(EXPLAINED, sides[kind]) for kind in (FLOAT, INT8, BUILT_IN))
    return (
        f"Over {seeds} runs of `{EXPLAINED}`, the network itself has {np.mean(sides[FLOAT]):.2f} % in float, and"
        f" {in_float} pass (by these alone: {often(*_counts(EXPLAINED, sides[FLOAT]))}); the report has"
        f" {reported(EXPLAINED)['accuracy_pct']} %. The int8 file of the same weights loses {points(INT8)} by"
        f" XNNPACK's kernels and {points(BUILT_IN)} by the built-in ones: {int8} and {built_in} pass. With its first"
        f" layer alone in float it loses {points(FIRST_IN_FLOAT)}, and with"
        f" that layer's int8 weights dequantised before it computes {points(FIRST_DEQUANTISED)}. XNNPACK's kernels"
        f" round {zeros(INT8)} of that layer's inputs to zero, the built-in ones {zeros(BUILT_IN)}.\n"
    )


def kernel_charts(results: Results) -> list[Chart]:
    """Draw each run of the spotter by each kind of kernel."""
    sides = {kind: _measured(results, EXPLAINED, kind)[0] for kind in KINDS}
    if len(sides[FLOAT]) < 2:
        return []
    words = [f"{kind}: mean {np.mean(seen):.2f} %, {_passed(EXPLAINED, seen)} pass" for kind, seen in sides.items()]
    fill = partial(_dots, sides=list(sides.values()))
    title, data = f"The same weights of {EXPLAINED} by each kernel", [results.store.study_path(STUDY), REFERENCE]
    return [chart(title, join_sentence(words), data, 330, fill)]


def _dots(axis: Axes, sides: Sequence[Sequence[float]]) -> None:
    for at, seen in enumerate(sides):
        y = at + np.linspace(0.25, -0.25, len(seen))
        axis.scatter(sorted(seen), y, color=OURS, s=10, label="" if at else "one run")
        axis.vlines(np.mean(seen), at - 0.35, at + 0.35, color=OURS, label="" if at else "mean")
    axis.axvline(VERSIONS[EXPLAINED].limit("accuracy_pct") or 0, color="grey", linestyle=":", label="limit")
    axis.axvline(reported(EXPLAINED)["accuracy_pct"], color=REPORT, label="the report")
    axis.set_yticks(range(len(KINDS)), list(KINDS.values()))
    axis.invert_yaxis()
    axis.set_xlabel(f"accuracy on test, {ACCURACY.unit}")
    legend(axis, 0.18, 2)


def _measured(results: Results, name: str, kind: str) -> tuple[list[float], list[int]]:
    """Return the accuracy and the bytes of each run, in the order of its seed."""
    own = runs_of(results.study_runs(STUDY), f"{name}, {kind}")
    if kind == FLOAT and name in VERSIONS and not VERSIONS[name].recipes[OF].export.int8_weights:
        own = runs_of(results.study_runs(OF), name)  # as it is published
    own = sorted(own, key=lambda run: int(run["seed"]))
    return metric_values(own, "accuracy_pct"), [run["converted_bytes"] for run in own]


def _passed(name: str, seen: Sequence[float]) -> str:
    return format_share(*_counts(name, seen))


def _counts(name: str, seen: Sequence[float]) -> tuple[int, int]:
    """Return how many runs pass, and how many there are."""
    limit = VERSIONS[name].limit("accuracy_pct")
    assert limit is not None  # every spotter has one
    return sum(value > limit for value in seen), len(seen)


def _beside(name: str, seen: Sequence[float], others: Mapping[str, Sequence[float]]) -> str:
    """Format a side, and p of its difference from each of the others."""
    if len(seen) < 2:
        return "–"
    text = f"{np.mean(seen):.2f} ± {np.std(seen, ddof=1):.2f} %; {_passed(name, seen)} pass"
    differences = {whose: difference(other, seen) for whose, other in others.items() if len(other) > 1}
    return "; ".join([text, *(f"{p_text(found.p)} against {whose}" for whose, found in differences.items())])
