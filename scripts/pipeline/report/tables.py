"""What the studies found: over seeds, beside the report's own study, by split; as tables."""

from itertools import product
from typing import Any

import numpy as np

from device.artifact import SPOTTING
from pipeline import files
from pipeline.intervals import difference, prediction_p_value
from pipeline.metrics import KB, METRICS, Constraint
from pipeline.reference import load_reference, reported, row_name
from pipeline.report.markdown import markdown_table
from pipeline.store import PUBLISHED, ResultStore
from pipeline.study.claims import claims
from pipeline.study.trials import BY_SPEAKER, format_mean, format_p, format_share, meets, metric_values, trials_of
from pipeline.versions.catalogue import RECIPES, VERSIONS


def claims_markdown(place: ResultStore = PUBLISHED) -> str:
    """The table of claims."""
    lines = [[c.claim, c.evidence or "no result here: make study", f"**{c.verdict}**"] for c in claims(place)]
    return markdown_table(["the report says", "we found", "verdict"], lines)


def seeds_markdown(place: ResultStore = PUBLISHED) -> str:
    """The report's recipes over seeds: mean and spread, the report's one figure among them, the constraints."""
    lines = []
    trials = place.trials("report")
    for name in VERSIONS:
        own = trials_of(trials, name)
        if len(own) < 2:
            continue
        constraints = VERSIONS[name].constraints
        for constraint in constraints:
            metric = constraint.metric
            if metric.endswith("_ms"):
                continue
            seen, shown = metric_values(own, metric), METRICS[metric]
            theirs = reported()[name][metric]
            sign = ">" if shown.more_is_better else "<"
            met = sum(meets(trial, [constraint]) for trial in own)
            lines.append(
                [
                    f"`{name}`",
                    f"{shown.title}, {shown.unit}",
                    f"{np.mean(seen):.{shown.digits}f} ± {np.std(seen, ddof=1):.{shown.digits}f}",
                    f"{np.median(seen):.{shown.digits}f} ({min(seen):.{shown.digits}f}–{max(seen):.{shown.digits}f})",
                    f"{theirs:g}",
                    f"{sum(Constraint(metric, theirs).met_by(value) for value in seen)} of {len(seen)}",
                    format_p(prediction_p_value(seen, theirs)),
                    f"{sign} {constraint.limit:g}: {format_share(met, len(own))}",
                ]
            )
        met = sum(meets(trial, constraints) for trial in own)
        lines.append([f"`{name}`", "all of these (latency apart)", "", "", "", "", "", format_share(met, len(own))])
    header = ["version", "", "mean ± deviation", "median (range)", "report", "runs better than it"]
    return markdown_table([*header, "chance of a run as far off", "constraint met by (95 %)"], lines)


def study_markdown(network: str, place: ResultStore = PUBLISHED) -> str:
    """The report's study of one network, theirs beside ours: medians and ranges over seeds, mean sizes."""
    trials = place.trials("forecasters")
    lines = []
    for technique, *theirs in load_reference()["ablation"][network]:
        own = trials_of(trials, row_name(network, technique))
        if not own:
            continue
        cells = [technique]
        for metric, figure in zip(("t_mae_c", "rh_mae_pct"), theirs, strict=False):
            seen = metric_values(own, metric)
            cells += [f"{figure:.2f}", f"{np.median(seen):.2f} ({min(seen):.2f}–{max(seen):.2f})"]
        converted = np.mean([trial["converted_bytes"] for trial in own]) / KB
        cells += [f"{theirs[-1]:.2f}", f"{np.mean(metric_values(own, 'size_kb')):.2f}", f"{converted:.2f}"]
        lines.append(cells)
    header = [network.upper(), "T MAE, °C: report", "ours", "Rh MAE, %: report", "ours", "kB: report", "ours"]
    return markdown_table([*header, "ours, not slimmed"], lines)


def spotters_markdown(place: ResultStore = PUBLISHED) -> str:
    """The unoptimised spotters."""
    trials = place.trials("spotters")
    lines = []
    for name in dict.fromkeys(trial["version"] for trial in trials):
        own = trials_of(trials, name)
        network, features = name.rsplit("_", 1)
        size = f"{np.mean(metric_values(own, 'size_kb')):,.0f}"
        seconds = f"{np.mean([t['seconds'] for t in own]):.0f}"
        title = network.upper().replace("_", "-")
        lines.append([title, features.upper(), format_mean(own, "accuracy_pct"), size, str(len(own)), seconds])
    header = ["network", "features", "accuracy, mean over seeds (95 %)", "kB", "seeds", "seconds a run"]
    return markdown_table(header, lines)


def splits_markdown(place: ResultStore = PUBLISHED) -> str:
    """The spotters by the course's lists, and with no speaker in two splits."""
    lines = []
    for recipe, name in product(RECIPES, VERSIONS):
        version = VERSIONS[name]
        sides = [trials_of(place.trials(study), name) for study in (recipe, recipe + BY_SPEAKER)]
        if version.task != SPOTTING or min(map(len, sides)) < 2:
            continue
        lost = difference(*(metric_values(side, "accuracy_pct") for side in sides))
        cells = [f"`{recipe}/{name}`"]
        for side in sides:
            passed = sum(meets(trial, version.constraints) for trial in side)
            cells += [format_mean(side, "accuracy_pct"), format_share(passed, len(side))]
        clips = sides[1][0]["clips"]
        cells += [f"{lost.value:.2f} ({lost.low:.2f} to {lost.high:.2f})", f"{clips:,}"]
        lines.append(cells)
    header = ["", "accuracy, the course's lists (95 %)", "all limits kept by"]
    header += ["unknown speakers (95 %)", "all limits kept by", "points lost (95 %)", "unknown speakers' test clips"]
    return markdown_table(header, lines)


def improved_markdown(place: ResultStore = PUBLISHED) -> str:
    """The report, the best of others, and ours: means over seeds, and the committed files."""
    lines = []
    for recipe in RECIPES[1:]:
        trials = place.trials(recipe)
        for name in VERSIONS:
            card = place.card(recipe, name)
            if card is None or not any(t["version"] == name for t in trials):
                continue
            report = reported()[name]
            metrics = [m for m in card.content["test"] if m in METRICS]
            means = [summary(trials, name, metric) for metric in metrics]
            ours = [METRICS[m].interval(s.mean, s.low, s.high) for m, s in zip(metrics, means, strict=True) if s]
            (first, *_) = [s for s in means if s]
            size, seed = card.content["file"]["compressed_bytes"], card.content["made_from"]["seed"]
            lines.append(
                [
                    f"`{recipe}/{name}`",
                    f"{_figures(metrics, report)} in {report['size_kb'] * 1024:,.0f} B",
                    _best_peer(name, metrics),
                    f"{', '.join(ours)} in {first.bytes_least:,} to {first.bytes_most:,} B, {first.seeds} seeds",
                    f"{_figures(metrics, card.content['test'])} in {size:,} B, seed {seed}",
                ]
            )
    return markdown_table(["", "report", "best of others", "ours, mean over seeds (95 %)", "committed file"], lines)


def prototypes_markdown() -> str:
    """What was tried on the way, by validation data and bytes; one run each."""

    def side(figures: dict[str, Any] | None) -> str:
        if figures is None:
            return "–"
        seen = np.atleast_1d(figures.get("validation", []))
        quality = " / ".join(f"{value:.2f}" for value in seen)
        size = f"{figures['bytes']:,} B" if figures["bytes"] else ""
        return ", ".join(filter(None, (quality, size)))

    verdicts = {True: "paid", False: "did not pay"}
    rows = files.read_json_lines(files.RESULTS / "reference" / "prototypes.jsonl")
    lines = [
        [
            row["task"].replace("_", " "),
            row["what"],
            side(row["with"]),
            side(row["without"]),
            verdicts.get(row["paid"], row["paid"]),
        ]
        for row in rows
    ]
    return markdown_table(["", "tried", "with it", "without it", "verdict"], lines)


def _figures(metrics: list[str], values: dict[str, Any]) -> str:
    return " / ".join(f"{values[m]:.{METRICS[m].digits}f} {METRICS[m].unit}" for m in metrics)


def _best_peer(name: str, metrics: list[str]) -> str:
    """The smallest file of others that meets the version's constraints on quality and, where it has one, on time."""
    limits = [c for c in VERSIONS[name].constraints if c.metric != "size_kb"]
    timed = [c.metric for c in limits if c.metric.endswith("_ms")]
    peers = load_reference()["peers"][
        "keyword_spotting_same_task" if name.startswith("kws") else "forecasting_same_task"
    ]
    fit = [p for p in peers if p["bytes"] and all(c.metric in p and c.met_by(p[c.metric]) for c in limits)]
    if not fit:
        return "–"
    best = min(fit, key=lambda p: p["bytes"])
    return f"{_figures([*metrics, *timed], best)} in {best['bytes']:,} B"


def bytes_markdown(place: ResultStore = PUBLISHED) -> str:
    """Bytes of the published files at each stage, in both kinds of kB."""
    report = reported()
    lines = []
    for name in VERSIONS:
        card = place.card("report", name)
        if card:
            size = card.content["file"]
            final = size["compressed_bytes"]
            stages = [size[k] for k in ("converted_bytes", "slimmed_bytes", "converted_compressed_bytes")]
            lines.append(
                [f"`{name}`", f"{report[name]['size_kb']:.2f}"]
                + [f"{b:,}" for b in (*stages, final)]
                + [f"{final / 1024:.2f}", f"{final / 1000:.2f}"]
            )
    header = ["version", "report, kB of 1024 B", "as converted, B", "slimmed, B", "as converted, zlib, B"]
    return markdown_table([*header, "slimmed, zlib, B", "kB of 1024 B", "kB of 1000 B"], lines)


def provenance_markdown(place: ResultStore = PUBLISHED) -> str:
    """What the published models were made from."""
    lines = []
    for name in VERSIONS:
        card = place.card("report", name)
        if card:
            made = card.content["made_from"]
            data = f"{made['data']['source']}: {made['data']['description']}; {made['data']['split']}"
            how = f"`{card.content['made_with']}`"
            cost = f"{card.content['wall_seconds']:.0f} s, {card.content['peak_memory_mib']:,} MiB"
            lines.append([f"`{name}`", data, how, cost])
    return markdown_table(["version", "data", "made with", "took"], lines)
