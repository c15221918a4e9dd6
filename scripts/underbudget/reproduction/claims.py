"""The report's claims beside our evidence, each with a verdict that a rule gives.

A share of runs is judged by its 95 % interval, a difference of means by Welch's test at 5 %, a single figure by the
probability that a further run of ours lies as far off. Where there is no result, the verdict is "inconclusive".
"""

from collections.abc import Sequence

import numpy as np
import scipy  # which imports its parts as they are used

from underbudget.intervals import difference, holm, prediction_p_value
from underbudget.metrics import METRICS
from underbudget.networks.ds_cnn import DsCnn
from underbudget.recipes import Fit
from underbudget.reproduction import cost_claims
from underbudget.reproduction.kernels import FLOAT
from underbudget.reproduction.reference import load_reference, reported, row_name
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import Run, format_mean, format_share, meets, metric_values, runs_of
from underbudget.reproduction.verdicts import (
    ALPHA,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Claim,
    figure,
    judged,
    often,
    p_text,
    signed,
)
from underbudget.versions.catalogue import FORECASTERS, SPOTTERS, VERSIONS

OVER_LIMIT_FACTOR = 10  # times a limit
NETWORKS = {"mlp": "th_a", "cnn": "th_b"}  # the version that the report makes of each network


def judge_claims(results: Results) -> list[Claim]:
    """Judge all claims, in the order of the report."""
    forecasters, report = results.study_runs("forecasters"), results.study_runs("report")
    batches, kernels = results.study_runs("batches"), results.study_runs("kernels")
    return [
        unoptimised_sizes(forecasters),
        unoptimised_errors(forecasters, batches),
        size_against_error(forecasters),
        hardest_error(forecasters),
        single_techniques(forecasters),
        *(version_claim(name, report, batches) for name in FORECASTERS),
        spotter_networks(results.study_runs("spotters")),
        *(version_claim(name, report, batches, kernels) for name in SPOTTERS),
        mfcc_accuracy(report, results.study_runs("features")),
        cost_claims.quantisation_latency(results),
        cost_claims.slow_inference(results),
        cost_claims.faster_network(results),
        margin_in_size(report),
        learning_rate(report, results.study_runs("rates")),
        cost_claims.heaviest_stage(results),
        cost_claims.mfcc_cost(results),
        cost_claims.latency(results),
    ]


def unoptimised_sizes(runs: Sequence[Run]) -> Claim:
    """Judge whether both unoptimised networks exceed their size limit by OVER_LIMIT_FACTOR."""
    text = "Without optimisation, the MLP and the CNN are far over their size limits"
    parts, factors = [], []
    for network, version in NETWORKS.items():
        own = runs_of(runs, row_name(network, "none"))
        if not own:
            return Claim(text, "", INCONCLUSIVE)
        limit = VERSIONS[version].limit("size_kb")
        assert limit is not None  # every version has one
        size = float(np.mean(metric_values(own, "size_kb")))
        factors.append(size / limit)
        theirs = load_reference()["report"]["baselines"][f"th_{network}"]["size_kb"]
        parts.append(f"{network.upper()} {size:.1f} kB (report {theirs}), {size / limit:.0f} times {limit:g} kB")
    return Claim(text, "; ".join(parts), REPRODUCED if min(factors) > OVER_LIMIT_FACTOR else PARTLY)


def unoptimised_errors(runs: Sequence[Run], as_batched: Sequence[Run]) -> Claim:
    """Judge four figures: each fits if a further run of ours would lie as far off with probability above ALPHA.

    Args:
        as_batched: runs with the batches of the authors' script, which decide.
    """
    baselines = {network: load_reference()["report"]["baselines"][f"th_{network}"] for network in NETWORKS}
    said = [f"{b['t_mae_c']:.2f} °C and {b['rh_mae_pct']:.2f} % ({n.upper()})" for n, b in baselines.items()]
    text = f"Without optimisation, the errors are {', '.join(said)}"
    found: list[str] = []
    fit: list[bool] = []
    for how, side in (
        ("of windows drawn at random", {n: runs_of(runs, row_name(n, "none")) for n in NETWORKS}),
        ("as in the authors' script", {n: runs_of(as_batched, f"{n}_neighbours") for n in NETWORKS}),
    ):
        if min(map(len, side.values())) < 2:
            continue
        parts, fit = [], []
        for network, own in side.items():
            for metric in ("t_mae_c", "rh_mae_pct"):
                seen, shown = metric_values(own, metric), METRICS[metric]
                chance = prediction_p_value(seen, baselines[network][metric])
                fit.append(chance > ALPHA)
                parts.append(f"{network.upper()} {min(seen):.2f}–{max(seen):.2f} {shown.unit} ({p_text(chance)})")
        found.append(f"with batches {how}: {', '.join(parts)} over {min(map(len, side.values()))} seeds")
    return Claim(text, "; ".join(found), judged(fit)) if fit else Claim(text, "", INCONCLUSIVE)


def size_against_error(runs: Sequence[Run]) -> Claim:
    """Judge why the report makes th_a of the MLP and th_b of the CNN."""
    text = "Without optimisation, the CNN is smaller than the MLP, and the MLP has the smaller humidity error"
    mlp, cnn = (runs_of(runs, row_name(network, "none")) for network in NETWORKS)
    if min(len(mlp), len(cnn)) < 2:
        return Claim(text, "", INCONCLUSIVE)
    size = difference(metric_values(cnn, "size_kb"), metric_values(mlp, "size_kb"))
    error = difference(metric_values(mlp, "rh_mae_pct"), metric_values(cnn, "rh_mae_pct"))
    evidence = f"CNN less MLP {signed(size, 'kB', 1)}; MLP less CNN {signed(error, '%', 2)}, {p_text(error.p)}"
    if size.value < 0 and error.p > ALPHA:
        return Claim(text, f"{evidence}: the difference of the errors is inconclusive", PARTLY)
    return Claim(text, evidence, judged([size.value < 0, error.value < 0]))


def hardest_error(runs: Sequence[Run]) -> Claim:
    """Judge by the runs that miss just one of the two limits on error, whichever version their network makes."""
    text = "The error of humidity is the hardest to reduce"
    only = {"t_mae_c": 0, "rh_mae_pct": 0}
    for network, version in NETWORKS.items():
        for technique, *_ in load_reference()["ablation"][network]:
            for run in runs_of(runs, row_name(network, technique)):
                limits = {limit.metric: limit for limit in VERSIONS[version].limits}
                missed = [metric for metric in only if not limits[metric].met_by(run["test"][metric])]
                if len(missed) == 1:
                    only[missed[0]] += 1
    t, rh = only.values()
    if not t + rh:
        return Claim(text, "", INCONCLUSIVE)
    p = float(scipy.stats.binomtest(rh, t + rh).pvalue)
    evidence = (
        f"of the runs that miss one limit on error, {rh} miss that of humidity, {t} that of temperature, {p_text(p)}"
    )
    return Claim(text, evidence, INCONCLUSIVE if p > ALPHA else REPRODUCED if rh > t else NOT_REPRODUCED)


def single_techniques(runs: Sequence[Run]) -> Claim:
    """Judge whether any run with a single technique meets all limits of either version."""
    text = "No single technique is enough to meet the limits of a forecaster"
    enough, count, smallest = 0, 0, np.inf
    for network in NETWORKS:
        techniques = [row[0] for row in load_reference()["ablation"][network]]
        for technique in techniques:
            own = runs_of(runs, row_name(network, technique))
            if technique == "none" or " + " in technique or not own:
                continue
            sides = [VERSIONS[version].limits for version in NETWORKS.values()]
            enough += sum(any(meets(run, limits) for limits in sides) for run in own)
            count += len(own)
            smallest = min(smallest, *metric_values(own, "size_kb"))
    if not count:
        return Claim(text, "", INCONCLUSIVE)
    evidence = (
        f"{format_share(enough, count)} meet all limits of th_a or th_b; the smallest file takes {smallest:.1f} kB"
    )
    return Claim(text, evidence, REPRODUCED if not enough else PARTLY if enough < count / 2 else NOT_REPRODUCED)


def version_claim(
    name: str, runs: Sequence[Run], as_batched: Sequence[Run] = (), by_kernels: Sequence[Run] = ()
) -> Claim:
    """Judge whether runs meet the limits without latency, and how likely the report's figures are among them.

    Args:
        as_batched: runs with the batches of the authors' script; where they lead to another verdict, it is "partly".
        by_kernels: the runs of a quantised spotter in float, for the evidence; see underbudget.reproduction.kernels.
    """
    limits = VERSIONS[name].offline_limits
    theirs = reported(name)
    text = f"{name} meets its limits: " + ", ".join(figure(c, theirs[c.metric]) for c in limits)
    own = runs_of(runs, name)
    if len(own) < 2:
        return Claim(text, "", INCONCLUSIVE)
    met = sum(meets(run, limits) for run in own)
    parts = []
    for c in limits:
        seen, shown = metric_values(own, c.metric), METRICS[c.metric]
        low, high = (f"{v:.{shown.digits}f}" for v in (min(seen), max(seen)))
        chance = p_text(prediction_p_value(seen, theirs[c.metric]))
        parts.append(f"median {np.median(seen):.{shown.digits}f} ({low} to {high}) {shown.unit}, {chance}")
    evidence = f"{'; '.join(parts)}; {format_share(met, len(own))} meet the limits on quality and size"
    verdict = often(met, len(own))
    other = [run for how in ("neighbours", "fixed") for run in runs_of(as_batched, f"{name}_{how}")]
    if len(other) > 1:
        met = sum(meets(run, limits) for run in other)
        evidence += f"; with batches as in the authors' script: {format_share(met, len(other))}"
        verdict = verdict if often(met, len(other)) == verdict else PARTLY
    in_float = runs_of(by_kernels, f"{name}, {FLOAT}")
    if in_float:
        passed = sum(meets(run, [c for c in limits if c.metric != "size_kb"]) for run in in_float)
        evidence += f"; the same weights in float: {format_share(passed, len(in_float))} meet that on accuracy"
    return Claim(text, evidence, verdict)


def spotter_networks(runs: Sequence[Run]) -> Claim:
    """Judge the DS-CNN against both others on each front end; p is corrected for these four tests after Holm."""
    text = "Without optimisation, the DS-CNN is the most accurate spotter"
    rows = {(f, n): runs_of(runs, f"{n}_{f}") for f in ("mfcc", "stft") for n in ("ds_cnn", "cnn", "mlp")}
    if min(map(len, rows.values())) < 2:
        return Claim(text, "", INCONCLUSIVE)
    seen = {row: metric_values(own, "accuracy_pct") for row, own in rows.items()}
    sizes = {row: f"{np.mean(metric_values(own, 'size_kb')):,.0f} kB" for row, own in rows.items()}
    leads = {row: difference(seen[row[0], "ds_cnn"], seen[row]) for row in rows if row[1] != "ds_cnn"}
    chances = dict(zip(leads, holm([lead.p for lead in leads.values()]), strict=True))
    parts, better, worse = [], [], []
    for features in ("mfcc", "stft"):
        ours = seen[features, "ds_cnn"]
        clear = [leads[row].value for row in leads if row[0] == features and chances[row] < ALPHA]
        better.append(len(clear) == 2 and min(clear) > 0)
        worse.append(any(lead < 0 for lead in clear))
        beside = [
            f"{signed(lead, 'points', 2)} on the {row[1].upper()} in {sizes[row]}, {p_text(chances[row])}"
            for row, lead in leads.items()
            if row[0] == features
        ]
        parts.append(
            f"{features.upper()}: {np.mean(ours):.2f} % in {sizes[features, 'ds_cnn']}, {', '.join(beside)}; "
            f"{len(ours)} seeds"
        )
    verdict = REPRODUCED if all(better) else NOT_REPRODUCED if all(worse) else PARTLY if any(better) else INCONCLUSIVE
    return Claim(text, "; ".join(parts), verdict)


def mfcc_accuracy(report: Sequence[Run], runs: Sequence[Run]) -> Claim:
    """Compare kws_a's recipe on both front ends."""
    text = "With MFCC, kws_a is more accurate than with STFT at the same size"
    mfcc, stft = runs_of(report, "kws_a"), runs_of(runs, "kws_a_stft")
    if min(len(mfcc), len(stft)) < 2:
        return Claim(text, "", INCONCLUSIVE)
    lead = difference(metric_values(mfcc, "accuracy_pct"), metric_values(stft, "accuracy_pct"))
    sizes = " and ".join(f"{np.mean(metric_values(side, 'size_kb')):.1f}" for side in (mfcc, stft))
    means = " against ".join(format_mean(side, "accuracy_pct") for side in (mfcc, stft))
    evidence = f"{means}: {signed(lead, 'points', 2)}, {p_text(lead.p)}; {sizes} kB; {len(mfcc)} and {len(stft)} seeds"
    return Claim(text, evidence, INCONCLUSIVE if lead.p > ALPHA else REPRODUCED if lead.value > 0 else NOT_REPRODUCED)


def margin_in_size(runs: Sequence[Run]) -> Claim:
    """Judge whether kws_b needs no quantisation to keep its limit on size."""
    text = "kws_b meets its limit on size without quantisation"
    own = runs_of(runs, "kws_b")
    if len(own) < 2:
        return Claim(text, "", INCONCLUSIVE)
    limit = [limit for limit in VERSIONS["kws_b"].limits if limit.metric == "size_kb"]
    met, sizes = sum(meets(run, limit) for run in own), metric_values(own, "size_kb")
    evidence = f"{min(sizes):.2f} to {max(sizes):.2f} of {limit[0].limit:g} kB; {format_share(met, len(own))}"
    return Claim(text, evidence, often(met, len(own)))


def learning_rate(report: Sequence[Run], runs: Sequence[Run]) -> Claim:
    """Judge whether runs at 0.03 pass, and runs at lower rates do not."""
    version = VERSIONS["kws_b"]
    recipe, limit = version.recipes["report"], [c for c in version.limits if c.metric == "accuracy_pct"]
    network, fit = recipe.network, recipe.fit
    assert isinstance(network, DsCnn) and isinstance(fit, Fit)  # as in the report
    text = (
        f"A learning rate of {fit.learning_rate:g} lets a network of width {network.width:g} "
        f"pass {limit[0].limit:g} % in {fit.epochs} epochs"
    )
    sides = {f"{fit.learning_rate:g}": runs_of(report, "kws_b")}
    sides |= {rate: runs_of(runs, f"kws_b_rate_{rate}") for rate in ("0.01", "0.001")}
    if min(map(len, sides.values())) < 2:
        return Claim(text, "", INCONCLUSIVE)
    passed = {rate: sum(meets(run, limit) for run in side) for rate, side in sides.items()}
    evidence = "; ".join(
        f"{rate}: {format_mean(side, 'accuracy_pct')}, {format_share(passed[rate], len(side))} pass"
        for rate, side in sides.items()
    )
    first, second, third = (metric_values(side, "accuracy_pct") for side in sides.values())
    ahead = [d.value > 0 and d.p < ALPHA for d in (difference(first, second), difference(first, third))]
    passes = often(next(iter(passed.values())), len(first))
    if passes == REPRODUCED and not all(ahead):
        return Claim(text, f"{evidence}: it passes, but not better than the others", PARTLY)
    return Claim(text, evidence, passes)
