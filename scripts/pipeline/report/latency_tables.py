"""TODO."""

import json

import numpy as np

from pipeline import files
from pipeline.measure import host
from pipeline.metrics import METRICS
from pipeline.reference import reported
from pipeline.report.markdown import markdown_table
from pipeline.store import PUBLISHED, ResultStore
from pipeline.versions.catalogue import VERSIONS


def latency_markdown(place: ResultStore = PUBLISHED) -> str:
    """Published latency by stage."""
    result = host.read_latency(place.latency / host.HOST_RESULT.name)
    lines = []
    for name in VERSIONS:
        card = place.card("report", name)
        timed = result["models"].get(card.sha256) if card else None
        if timed:
            stages = timed["stages_ms"]
            cells = [f"{stages[s]['mean']:.3f}" if s in stages else "–" for s in ("resample", "features", "invoke")]
            cells += [_spread(timed["inference_ms"]), _spread(timed["total_ms"])]
            cells.append(f"{timed['steady']['1']['total_ms']['median']:.3f}")
            lines.append([f"`{name}`", *cells])
    header = [
        "version",
        "resample",
        "features",
        "invoke",
        "inference: mean / median / p90 / p99",
        "total: the same",
        "steady total, median",
    ]
    device = result["device"]
    note = f"Milliseconds on this host, not a Pi: {device['model']}, {device['cores']} cores." if device else ""
    return f"{note}\n\n{markdown_table(header, lines)}"


def pi_markdown(place: ResultStore = PUBLISHED) -> str:
    """What is known of the spotters' latency on a Raspberry Pi: measured, estimated, or open.

    The estimate takes all instructions to last as long as those of the report's kws_b, which took 0.60 ms on a
    Raspberry Pi 4.
    """
    report, folder = reported(), place.latency
    cards = {name: card for name in VERSIONS if (card := place.card("report", name)) and card.front_end}
    calibration = host.counted(folder, cards["kws_b"].sha256) if "kws_b" in cards else None
    lines = []
    for name, card in cards.items():
        timed = host.timed(folder, card.sha256)
        counts = host.counted(folder, card.sha256)
        limits = {result["metric"]: result["limit"] for result in card.content["results"]}
        for metric, part in (("inference_ms", "inference"), ("total_ms", "total")):
            estimate = "–"
            if counts and calibration:
                ms = report["kws_b"]["inference_ms"] * counts[part] / calibration["inference"]
                estimate = f"{ms:.2f}"
            lines.append(
                [
                    f"`{name}`",
                    METRICS[metric].title,
                    f"< {limits[metric]:g} ms" if metric in limits else "–",
                    f"{report[name][metric]:.2f}" if metric in report[name] else "–",
                    f"{counts[part]:,}" if counts else "–",
                    estimate,
                    f"{timed[1][metric]['mean']:.2f}" if timed and timed[0] == host.PI else "open",
                ]
            )
    header = ["version", "", "constraint", "report, Pi 4, ms", "instructions on an emulated Cortex-A72"]
    return markdown_table([*header, "estimate for a Pi 4, ms", "measured on a Pi, ms"], lines)


def _spread(summary: dict[str, float]) -> str:
    return " / ".join(f"{summary[key]:.3f}" for key in ("mean", "median", "p90", "p99"))


def bench_markdown() -> str:
    """What `make bench` printed, from its published result."""
    path = files.RESULTS / "bench.json"
    if not path.exists():
        return "Not published yet.\n"
    result = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        [row["what"], f"{row['ours_ms']:.3f}", f"{row['theirs_ms']:.3f}", _ratio(row["ratio"]), f"{row['aim']}"]
        for row in (*result["speed"].values(), *result["training"].values())
    ]
    header = ["median of rounds side by side", "ours, ms", "the usual way, ms", "times faster (range)", "aim"]
    table = markdown_table(header, lines)
    errors = []
    for name, row in result["training"].items():
        ours, keras = (np.atleast_2d(row["mae"][side]) for side in ("ours", "keras"))
        spread = [f"{column.min():.3f}–{column.max():.3f}" for column in ours.T]
        errors.append([f"`{name}`", " / ".join(spread), " / ".join(f"{v:.3f}" for v in keras[0])])
    header = ["test MAE before conversion, °C / %", "ours, range over 5 seeds", "Keras' own loop, 1 seed"]
    return f"{table}\n{markdown_table(header, errors)}"


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.0f} ({ratio['low']:.0f}–{ratio['high']:.0f})"
