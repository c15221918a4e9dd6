"""Every table that a reader sees, by name; each is computed from the results."""

from itertools import product
from typing import Any

import numpy as np

from underbudget import files
from underbudget.data.speech import BY_SPEAKER
from underbudget.device.artifact import FORECASTING, SPOTTING, Card
from underbudget.metrics import KB, METRICS, TASK_METRICS, Limit
from underbudget.recipes import ARITHMETIC
from underbudget.reproduction.claims import judge_claims
from underbudget.reproduction.reference import load_reference, reported, row_name
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import (
    Run,
    failed,
    format_mean,
    format_p,
    format_share,
    learnt,
    meets,
    metric_values,
    p_of,
    runs_of,
    summary,
)
from underbudget.reproduction.studies import STUDIES, techniques
from underbudget.reproduction.verdicts import INCONCLUSIVE, NOT_REPRODUCED, VERDICTS
from underbudget.results_page.markdown import literal, markdown_table
from underbudget.results_page.sentences import headline
from underbudget.results_page.speaker_tables import unknown_speakers
from underbudget.results_page.version_tables import compared_with_published
from underbudget.versions.catalogue import COMPARED_RECIPES, RECIPES, SEARCHED, VERSIONS


def claims(results: Results) -> str:
    """Tabulate the report's claims, our evidence and the verdicts; beside the published results, only with evidence."""
    found = [claim for claim in judge_claims(results) if claim.evidence or not results.beside]
    lines = [[c.claim, c.evidence or "no result yet: make study", f"**{c.verdict}**"] for c in found]
    return markdown_table(["the report says", "we found", "verdict"], lines)


def verdicts(results: Results) -> str:
    """Sum up the claims and our own files; on this machine's page, say which files are the published ones."""
    if results.beside:
        lines = [f"- {literal(line)}" for line in compared_with_published(results)]
        return "\n".join(lines) + "\n\nThe published page, results/page/index.html, has all results and verdicts.\n"
    named = _by_verdict(results)
    if not any(named[verdict] for verdict in VERDICTS if verdict != INCONCLUSIVE):
        return "No claim has been judged yet.\n"
    refuted = "".join(f"- {claim}\n" for claim in named[NOT_REPRODUCED])
    return (
        f"{verdict_counts(results)}{'These are not reproduced:' if refuted else ''}\n\n{refuted}\n{headline(results)}"
    )


def verdict_counts(results: Results) -> str:
    """Count the claims by verdict, in a sentence."""
    named = _by_verdict(results)
    counts = ", ".join(f"{len(own)} {verdict}" for verdict, own in named.items())
    return f"Of the report's {sum(map(len, named.values()))} claims: {counts}.\n"


def _by_verdict(results: Results) -> dict[str, list[str]]:
    found = judge_claims(results)
    return {verdict: [c.claim for c in found if c.verdict == verdict] for verdict in VERDICTS}


def models(results: Results) -> str:
    """Tabulate all published models: what they are, how well they do, and what they cost."""
    lines = [
        [f"*{name}*", "none", "", ", ".join(_naive_figures(figures)), *["–"] * 4]
        for name, figures in results.naive_forecasts().items()
    ]
    named = {(recipe, name): results.card(recipe, name) for recipe, name in product(RECIPES, VERSIONS)}
    for found in results.searches:
        named[SEARCHED, found["name"]] = results.store.card(SEARCHED, found["name"]) if found["model"] else None
    for (recipe, name), card in named.items():
        if card:
            content, costs = card.content, card.content["costs"]
            numbers = [content["file"]["compressed_bytes"], *(costs[k] for k in ("parameters", "macs"))]
            lines.append(
                [
                    f"[{recipe}/{name}]({recipe}/{name}.json)",
                    content["made_from"]["recipe"]["network"]["kind"],
                    unknown_speakers(results, recipe, name),
                    _score(card),
                    *(f"{number:,}" for number in (*numbers, costs["peak_tensor_bytes"])),
                ]
            )
    header = ["model", "network", "its recipe on unknown speakers (95 %)", "test score (95 %)", "bytes", "parameters"]
    return markdown_table([*header, "MACs", "tensor bytes"], lines)


def _score(card: Card) -> str:
    """Format a model's test score; on unknown speakers with the interval over speakers, where the card has it."""
    test = card.content["test"]
    if card.content["made_from"]["data"]["split"] == BY_SPEAKER:
        drawn = test.get("accuracy_pct_95_speakers")
        text = METRICS["accuracy_pct"].interval(test["accuracy_pct"], *(drawn or test["accuracy_pct_95"]))
        return text if drawn else f"{text}, over clips alone"
    return ", ".join(METRICS[m].interval(test[m], *(test[m + "_95"] or ())) for m in TASK_METRICS[card.task])


def _naive_figures(figures: dict[str, Any]) -> list[str]:
    """Format the errors of a forecast that needs no network, with their intervals."""
    return [METRICS[m].interval(figures[m], *(figures[m + "_95"] or ())) for m in TASK_METRICS[FORECASTING]]


def seeds(results: Results) -> str:
    """Tabulate the report's recipes over seeds: mean and spread, the report's figure among them, the limits."""
    lines = []
    runs = results.study_runs("report")
    for name in VERSIONS:
        own = runs_of(runs, name)
        if len(own) < 2:
            continue
        limits = VERSIONS[name].offline_limits
        for limit in limits:
            metric = limit.metric
            seen, of_learnt, shown = metric_values(own, metric), metric_values(learnt(own), metric), METRICS[metric]
            theirs = reported(name).get(metric)
            met = sum(meets(run, [limit]) for run in own)
            lines.append(
                [
                    f"`{name}`",
                    f"{shown.title}, {shown.unit}",
                    f"{np.mean(of_learnt):.{shown.digits}f} ± {np.std(of_learnt, ddof=1):.{shown.digits}f}",
                    f"{np.median(seen):.{shown.digits}f} ({min(seen):.{shown.digits}f}–{max(seen):.{shown.digits}f})",
                    *(["–"] * 3 if theirs is None else _beside_report(metric, own, theirs)),
                    f"{shown.limit(limit.limit)}: {format_share(met, len(own))}",
                ]
            )
        met = sum(meets(run, limits) for run in own)
        lines.append([f"`{name}`", "all limits but latency", "", "", "", "", "", format_share(met, len(own))])
    for name, figures in results.naive_forecasts().items() if lines else ():
        for metric in TASK_METRICS[FORECASTING]:
            shown = METRICS[metric]
            lines.append(
                [f"*{name}*", f"{shown.title}, {shown.unit}", f"{figures[metric]:.{shown.digits}f}", *[""] * 5]
            )
    header = [
        "version",
        "metric",
        "mean ± deviation of those that learnt",
        "median (range) of all",
        "report",
        "runs better than the report",
    ]
    return markdown_table([*header, "p of a run as extreme", "runs that meet the limit (95 %)"], lines)


def failed_runs(results: Results) -> str:
    """Count the forecasters that did not learn one of their outputs, in all studies."""
    parts = []
    for runs in results.runs.values():
        for name in dict.fromkeys(run["version"] for run in runs):
            own = runs_of(runs, name)
            if lost := failed(own):
                parts.append(f"{len(lost)} of {len(own)} of `{name}`")
    return (
        f"Runs that did not learn one output: {', '.join(parts)}. No mean is computed from them, and no p but that of a"
        " figure that is as far off.\n"
        if parts
        else ""
    )


def _beside_report(metric: str, runs: list[Run], theirs: float) -> list[str]:
    """Return the report's figure, how many of our runs are better, and how likely a run of ours is as far off."""
    seen = metric_values(runs, metric)
    better = sum(Limit(metric, theirs).met_by(value) for value in seen)
    return [f"{theirs:g}", f"{better} of {len(seen)}", format_p(p_of(runs, metric, theirs))]


def mlp(results: Results) -> str:
    """Tabulate the authors' study of the MLP beside ours; see _techniques."""
    return _techniques(results, "mlp")


def cnn(results: Results) -> str:
    """Tabulate the authors' study of the CNN beside ours; see _techniques."""
    return _techniques(results, "cnn")


def _techniques(results: Results, network: str) -> str:
    """Tabulate a network with each technique, the authors' figures beside medians and ranges over seeds of ours."""
    runs = results.study_runs("forecasters")
    lines = []
    reported_rows = {technique: theirs for technique, *theirs in load_reference()["ablation"][network]}
    for technique in techniques(network):
        own = runs_of(runs, row_name(network, technique))
        if not own:
            continue
        theirs = [f"{figure:.2f}" for figure in reported_rows.get(technique, ())] or ["–"] * 3
        cells = [technique]
        for metric, figure in zip(("t_mae_c", "rh_mae_pct"), theirs, strict=False):
            seen = metric_values(own, metric)
            cells += [figure, f"{np.median(seen):.2f} ({min(seen):.2f}–{max(seen):.2f})"]
        cells += [theirs[-1], f"{np.median(metric_values(own, 'size_kb')):.2f}"]
        lines.append(cells)
    for name, figures in results.naive_forecasts().items() if lines else ():
        t, rh = (f"{figures[metric]:.2f}" for metric in TASK_METRICS[FORECASTING])
        lines.append([f"*{name}*", "", t, "", rh, "", ""])
    header = [
        network.upper(),
        *(f"{what}: {whose}" for what in ("T MAE, °C", "Rh MAE, %", "kB") for whose in ("the authors", "ours")),
    ]
    return markdown_table(header, lines)


def studies(results: Results) -> str:
    """Tabulate all other studies: the mean scores of each version over the seeds that learnt."""
    lines = []
    for study, (members, _) in STUDIES.items():
        for version in members if study != "forecasters" else ():
            every = runs_of(results.study_runs(study), version.name)
            if len(own := learnt(every)) > 1:
                score = ", ".join(format_mean(own, metric) for metric in TASK_METRICS[version.task])
                size = f"{np.mean(metric_values(own, 'size_kb')):,.1f}"
                seconds = f"{np.mean([run['seconds'] for run in own]):.0f}"
                seeds = f"{len(own)} of {len(every)}" if len(own) < len(every) else str(len(own))
                lines.append([study, f"`{version.name}`", score, size, seeds, seconds])
    header = ["study", "version", "mean test score over seeds (95 %)", "kB", "seeds that learnt", "seconds per run"]
    return markdown_table(header, lines)


def improved(results: Results) -> str:
    """Tabulate the report and ours: means over seeds, and the published files."""
    lines = []
    for recipe in COMPARED_RECIPES[1:]:
        runs = results.study_runs(recipe)
        for name in VERSIONS:
            card = results.card(recipe, name)
            if card is None or not any(t["version"] == name for t in runs):
                continue
            report = reported(name)
            metrics = [m for m in card.content["test"] if m in METRICS]
            means = [summary(runs, name, metric) for metric in metrics]
            ours = [METRICS[m].interval(s.mean, s.low, s.high) for m, s in zip(metrics, means, strict=True) if s]
            (first, *_) = [s for s in means if s]
            size, seed = card.content["file"]["compressed_bytes"], card.content["made_from"]["seed"]
            lines.append(
                [
                    f"`{recipe}/{name}`",
                    f"{_figures(metrics, report)} in {report['size_kb'] * KB:,.0f} B" if report else "–",
                    unknown_speakers(results, recipe, name),
                    f"{', '.join(ours)} in {first.bytes_least:,} to {first.bytes_most:,} B, {first.seeds} seeds",
                    f"{_figures(metrics, card.content['test'])} in {size:,} B, seed {seed}",
                ]
            )
    for name, figures in results.naive_forecasts().items() if lines else ():
        lines.append([f"*{name}*", "", "", ", ".join(_naive_figures(figures)), ""])
    header = ["model", "report", "ours on unknown speakers (95 %)"]
    return markdown_table([*header, "ours, mean over seeds (95 %)", "our published file"], lines)


def prototypes(results: Results) -> str:
    """Tabulate the notes on prototypes, by validation data and bytes, with the seeds where there were several."""

    def side(figures: dict[str, Any] | None) -> str:
        if figures is None:
            return "–"
        seen = np.atleast_1d(figures.get("validation", []))
        quality = " / ".join(f"{value:.2f}" for value in seen)
        size = f"{figures['bytes']:,} B" if figures["bytes"] else ""
        return ", ".join(filter(None, (quality, size)))

    verdicts = {True: "helped", False: "did not help"}
    rows = files.read_json_lines(files.RESULTS / "reference" / "prototypes.jsonl")
    lines = [
        [
            row["task"].replace("_", " "),
            row["what"] + (f" ({row['seeds']} seeds)" if (row["seeds"] or 1) > 1 else ""),
            row["unit"] or "–",
            side(row["with"]),
            side(row["without"]),
            verdicts.get(row["paid"], row["paid"]),
        ]
        for row in rows
    ]
    return markdown_table(["area", "tried", "measured", "with it", "without it", "verdict"], lines)


def _figures(metrics: list[str], values: dict[str, Any]) -> str:
    return " / ".join(f"{values[m]:.{METRICS[m].digits}f} {METRICS[m].unit}" for m in metrics)


def file_sizes(results: Results) -> str:
    """Tabulate the bytes of the published files at each stage, in both kinds of kB."""
    lines = []
    for name in VERSIONS:
        card = results.card("report", name)
        if card:
            size = card.content["file"]
            final = size["compressed_bytes"]
            stages = [size[k] for k in ("converted_bytes", "slimmed_bytes", "converted_compressed_bytes")]
            lines.append(
                [f"`{name}`", f"{reported(name)['size_kb']:.2f}" if reported(name) else "–"]
                + [f"{b:,}" for b in (*stages, final)]
                + [f"{final / KB:.2f}", f"{final / 1000:.2f}"]
            )
    header = ["version", "report, kB of 1024 B", "as converted, B", "slimmed, B", "as converted, zlib, B"]
    return markdown_table([*header, "slimmed, zlib, B", "the same, kB of 1024 B", "kB of 1000 B"], lines)


def provenance(results: Results) -> str:
    """Tabulate what the models were made from; say how long all trainings took, and which are of earlier code."""
    lines = []
    for name in VERSIONS:
        card = results.card("report", name)
        if card:
            made = card.content["made_from"]
            data = literal("{source}: {description}; {split}".format(**made["data"]))
            how = literal(card.content["made_with"])
            cost = f"{card.content['wall_seconds']:.0f} s, {card.content['peak_memory_mib']:,} MiB"
            lines.append([f"`{name}`", data, how, cost])
    seconds = [run["seconds"] for study in results.runs.values() for run in study if "seconds" in run]
    hours = f"{sum(seconds) / 3600:.0f} hours"
    total = f"\nAll {len(seconds):,} trainings of studies took {hours} together, without searches and prototypes.\n"
    old = [study for study, runs in results.runs.items() if any(map(_of_earlier_code, runs))]
    total += f"Some runs of these studies are of earlier code: {', '.join(old)}.\n" if old else ""
    return markdown_table(["version", "data", "command", "time, memory"], lines) + (total if seconds else "")


def _of_earlier_code(run: Run) -> bool:
    now = ARITHMETIC[SPOTTING if "accuracy_pct" in run["test"] else FORECASTING]
    return bool(run.get("arithmetic", now) != now)  # what is no training has none
