"""Tables of latency, instructions and the bench."""

from underbudget.metrics import METRICS
from underbudget.reproduction import host
from underbudget.reproduction.cost_claims import pi_estimate_ms
from underbudget.reproduction.reference import reported
from underbudget.reproduction.results import Results
from underbudget.results_page.markdown import markdown_table
from underbudget.versions.catalogue import VERSIONS


def latency(results: Results) -> str:
    """Tabulate latency by stage on this host."""
    result = results.latencies.get(host.HOST_RESULT.name, {"models": {}})
    lines = []
    for name in VERSIONS:
        card = results.card("report", name)
        timed = result["models"].get(card.sha256) if card else None
        if timed:
            stages = timed["stages_ms"]
            cells = [f"{stages[s]['mean']:.3f}" if s in stages else "–" for s in ("resample", "features", "invoke")]
            cells += [_spread(timed["inference_ms"]), _spread(timed["total_ms"])]
            cells.append(f"{timed['steady']['total_ms']['median']:.3f}")
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
    device = result.get("device")
    note = f"Milliseconds on this host, not a Pi: {device['model']}, {device['cores']} cores." if device else ""
    return f"{note}\n\n{markdown_table(header, lines)}"


def pi(results: Results) -> str:
    """Tabulate the spotters' latency on a Raspberry Pi: measured, estimated, or open."""
    cards = {name: card for name in VERSIONS if (card := results.card("report", name)) and card.front_end}
    lines = []
    for name, card in cards.items():
        timed = results.timed(card.sha256)
        counts = results.counted(card.sha256)
        limits = {result["metric"]: result["limit"] for result in card.content["results"]}
        for metric, part in (("inference_ms", "inference"), ("total_ms", "total")):
            estimate = pi_estimate_ms(results, card, part)
            lines.append(
                [
                    f"`{name}`",
                    METRICS[metric].title,
                    f"< {limits[metric]:g} ms" if metric in limits else "–",
                    f"{reported(name)[metric]:.2f}" if metric in reported(name) else "–",
                    f"{counts[part]:,}" if counts else "–",
                    "–" if estimate is None else f"{estimate:.2f}",
                    f"{timed[1][metric]['mean']:.2f}" if timed and timed[0] == host.PI else "open",
                ]
            )
    header = ["version", "", "limit", "report, Pi 4, ms", "instructions on an emulated Cortex-A72"]
    return markdown_table([*header, "estimate for a Pi 4, ms", "measured on a Pi, ms"], lines)


def _spread(summary: dict[str, float]) -> str:
    return " / ".join(f"{summary[key]:.3f}" for key in ("mean", "median", "p90", "p99"))


def bench(results: Results) -> str:
    """Tabulate the result of `make bench`."""
    result = results.bench
    if not result:
        return "Not measured yet: make bench.\n"
    lines = [
        [row["what"], f"{row['ours_ms']:.3f}", f"{row['theirs_ms']:.3f}", _ratio(row["ratio"])]
        for row in result["rows"]
    ]
    return markdown_table(["medians of rounds side by side", "ours, ms", "theirs, ms", "times faster (range)"], lines)


def _ratio(ratio: dict[str, float]) -> str:
    digits = 0 if ratio["low"] >= 10 else 1
    return f"{ratio['median']:.{digits}f} ({ratio['low']:.{digits}f}–{ratio['high']:.{digits}f})"
