"""The report's claims beside our evidence, each with a verdict that a rule gives.

A share of runs is judged by its 95 % interval, a difference of means by Welch's test at 5 %, a single figure by the
probability that a further run of ours lies as far off. Where there is no result, the verdict is "inconclusive".
"""

from collections.abc import Sequence

import numpy as np
import scipy  # which imports its parts as they are used

from underbudget.intervals import difference, holm
from underbudget.metrics import METRICS
from underbudget.networks.ds_cnn import DsCnn
from underbudget.recipes import Fit
from underbudget.reproduction import cost_claims
from underbudget.reproduction.kernels import FLOAT
from underbudget.reproduction.reference import load_reference, reported, row_name
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import (
    ERRORS,
    Run,
    as_authors_batch,
    comparable,
    format_mean,
    format_range,
    format_share,
    learnt,
    meets,
    metric_values,
    p_of,
    runs_of,
)
from underbudget.reproduction.studies import NARROW, techniques
from underbudget.reproduction.verdicts import (
    ALPHA,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Claim,
    agreed,
    figure,
    judged,
    often,
    one_run_decides,
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
        size_against_error(forecasters, batches),
        hardest_error(forecasters),
        single_techniques(forecasters, batches),
        *(version_claim(name, report, batches) for name in FORECASTERS if reported(name)),
        spotter_networks(results.study_runs("spotters")),
        *(version_claim(name, report, batches, kernels) for name in SPOTTERS if reported(name)),
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
        as_batched: those of the study "batches"; see `agreed` where they lead to another verdict.
    """
    baselines = {network: load_reference()["report"]["baselines"][f"th_{network}"] for network in NETWORKS}
    said = [f"{b['t_mae_c']:.2f} °C and {b['rh_mae_pct']:.2f} % ({n.upper()})" for n, b in baselines.items()]
    text = f"Without optimisation, the errors are {', '.join(said)}"
    found, verdicts = [], []
    for how, side in (
        ("batches of windows drawn at random", {n: runs_of(runs, row_name(n, "none")) for n in NETWORKS}),
        ("the authors' batches", {n: as_authors_batch(as_batched, n) for n in NETWORKS}),
    ):
        if min(map(len, side.values())) < 2:
            continue
        parts, fit = [], []
        for network, own in side.items():
            for metric in ("t_mae_c", "rh_mae_pct"):
                theirs, shown = baselines[network][metric], METRICS[metric]
                compared, chance = comparable(own, metric, theirs), p_of(own, metric, theirs)
                seen = metric_values(compared, metric)
                fit.append(chance > ALPHA)
                without = f", without {lost} that did not learn" if (lost := len(own) - len(compared)) else ""
                of = f"{min(seen):.2f}–{max(seen):.2f} {shown.unit} ({p_text(chance)}{without})"
                parts.append(f"{network.upper()} {of}")
        verdicts.append(judged(fit))
        found.append(f"with {how}: {', '.join(parts)} over {min(map(len, side.values()))} seeds")
    return Claim(text, "; ".join(found), agreed(verdicts) if verdicts else INCONCLUSIVE)


def size_against_error(runs: Sequence[Run], as_batched: Sequence[Run] = ()) -> Claim:
    """Judge why the report makes th_a of the MLP and th_b of the CNN.

    Args:
        as_batched: those of the study "batches", for the evidence.
    """
    text = "Without optimisation, the CNN is smaller than the MLP, and the MLP has the smaller humidity error"
    mlp, cnn = (runs_of(runs, row_name(network, "none")) for network in NETWORKS)
    if min(len(mlp), len(cnn)) < 2:
        return Claim(text, "", INCONCLUSIVE)
    size = difference(metric_values(cnn, "size_kb"), metric_values(mlp, "size_kb"))
    error = difference(*(metric_values(learnt(side), "rh_mae_pct") for side in (mlp, cnn)))
    theirs = [load_reference()["report"]["baselines"][f"th_{network}"]["rh_mae_pct"] for network in NETWORKS]
    evidence = f"CNN less MLP {signed(size, 'kB', 1)}; MLP less CNN {signed(error, '%', 2)}, {p_text(error.p)}"
    batched = [learnt(as_authors_batch(as_batched, network)) for network in NETWORKS]
    if min(map(len, batched)) > 1:
        so = difference(*(metric_values(side, "rh_mae_pct") for side in batched))
        evidence += f"; with the authors' batches {signed(so, '%', 2)}, {p_text(so.p)}"
    evidence += f"; the report's {theirs[0] - theirs[1]:+.2f} %"
    if size.value < 0 and error.p > ALPHA:
        return Claim(text, f"{evidence}: which error is smaller is inconclusive", PARTLY)
    return Claim(text, evidence, judged([size.value < 0, error.value < 0]))


def hardest_error(runs: Sequence[Run]) -> Claim:
    """Judge by the recipes whose mean errors miss just one of the two limits of the version their network makes.

    The means are of the runs that learnt.
    """
    text = "The error of humidity is the hardest to reduce"
    only: dict[str, set[tuple[float, ...]]] = {metric: set() for metric in ERRORS}
    for network, version in NETWORKS.items():
        limits = {limit.metric: limit for limit in VERSIONS[version].limits}
        for technique in techniques(network):
            own = learnt(runs_of(runs, row_name(network, technique)))
            means = {metric: float(np.mean(metric_values(own, metric))) for metric in only if own}
            missed = [metric for metric in means if not limits[metric].met_by(means[metric])]
            if len(missed) == 1:
                only[missed[0]].add(tuple(means.values()))  # two recipes that give the same files are one
    t, rh = map(len, only.values())
    if not t + rh:
        return Claim(text, "", INCONCLUSIVE)
    p = float(scipy.stats.binomtest(rh, t + rh).pvalue)
    evidence = f"of the recipes that miss one limit on error, {rh} miss that of humidity, {t} that of temperature"
    evidence += f", {p_text(p)}"
    if (least := 0.5 ** (t + rh - 1)) > ALPHA:
        evidence += f"; that is too few: even all of one kind have {p_text(least)}"
    verdict = INCONCLUSIVE if p > ALPHA else REPRODUCED if rh > t else NOT_REPRODUCED
    return Claim(text, evidence, verdict)


def single_techniques(runs: Sequence[Run], as_batched: Sequence[Run] = ()) -> Claim:
    """Judge whether any recipe with a single technique meets all limits of either version.

    Args:
        as_batched: those of the study "batches"; see `agreed` where they lead to another verdict.
    """
    text = "No single technique is enough to meet the limits of a forecaster"
    sides = [VERSIONS[version].limits for version in NETWORKS.values()]
    kept, parts = {True: 0, False: 0}, []
    for network in NETWORKS:
        for technique in techniques(network):
            own = runs_of(runs, row_name(network, technique))
            if technique == "none" or " + " in technique or not own:
                continue
            met = sum(any(meets(run, limits) for limits in sides) for run in own)
            enough = often(met, len(own)) == REPRODUCED
            kept[enough] += 1
            if met:
                size = np.mean(metric_values(own, "size_kb"))
                parts.append(f"{network.upper()}, {technique}: {format_share(met, len(own))}, {size:.2f} kB")
    if not sum(kept.values()):
        return Claim(text, "", INCONCLUSIVE)
    verdicts = [NOT_REPRODUCED if kept[True] else PARTLY if parts else REPRODUCED]
    so_batched = []
    for network in NETWORKS:
        if own := as_authors_batch(as_batched, f"{network}_narrow"):
            met = sum(any(meets(run, limits) for limits in sides) for run in own)
            so_batched.append(often(met, len(own)))
            how = f"{network.upper()}, {NARROW}, with the authors' batches"
            parts.append(f"{how}: {format_share(met, len(own))}")
    if so_batched:  # whether one is enough: the claim says that none is
        enough, undecided = REPRODUCED in so_batched, INCONCLUSIVE in so_batched
        verdicts.append(NOT_REPRODUCED if enough else INCONCLUSIVE if undecided else REPRODUCED)
    evidence = (
        f"{kept[True]} of {sum(kept.values())} recipes meet all limits of th_a or th_b in clearly over half of the runs"
    )
    return Claim(text, "; ".join([evidence, *parts]), agreed(verdicts))


def version_claim(
    name: str, runs: Sequence[Run], as_batched: Sequence[Run] = (), by_kernels: Sequence[Run] = ()
) -> Claim:
    """Judge whether runs meet the limits without latency, and how likely the report's figures are among them.

    Args:
        as_batched: those of the study "batches"; see `agreed` where they lead to another verdict.
        by_kernels: the runs of a quantised spotter in float, for the evidence; see underbudget.reproduction.kernels.
    """
    limits = VERSIONS[name].offline_limits
    theirs = reported(name)
    said = ", ".join(figure(c, theirs[c.metric]) for c in limits)
    text = f"{name} meets its limits on {'error' if name in FORECASTERS else 'accuracy'} and size ({said})"
    own = runs_of(runs, name)
    if len(own) < 2:
        return Claim(text, "", INCONCLUSIVE)
    parts = [f"{format_range(own, c.metric)}, {p_text(p_of(own, c.metric, theirs[c.metric]))}" for c in limits]
    if lost := len(own) - min(len(comparable(own, c.metric, theirs[c.metric])) for c in limits):
        parts.append(f"p without {lost} runs that did not learn one output")
    met = sum(meets(run, limits) for run in own)
    evidence = f"{format_share(met, len(own))} meet them{one_run_decides(met, len(own))}: {'; '.join(parts)}"
    verdicts = [often(met, len(own))]
    other = as_authors_batch(as_batched, name)
    if len(other) > 1:
        met = sum(meets(run, limits) for run in other)
        evidence += f"; with the authors' batches: {format_share(met, len(other))}{one_run_decides(met, len(other))}"
        verdicts.append(often(met, len(other)))
    in_float = runs_of(by_kernels, f"{name}, {FLOAT}")
    if in_float:
        passed = sum(meets(run, [c for c in limits if c.metric != "size_kb"]) for run in in_float)
        evidence += f"; the same weights in float: {format_share(passed, len(in_float))} meet that on accuracy"
        if (so := often(passed, len(in_float))) != verdicts[0]:
            evidence += f", which alone would be {so}"
    return Claim(text, evidence, agreed(verdicts))


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
            f"{signed(lead, 'points', 2)} on the {row[1].upper()} in {sizes[row]}, {p_text(chances[row])} after Holm"
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
    """Judge whether runs at 0.03 pass, and are more accurate than those at lower rates."""
    version = VERSIONS["kws_b"]
    recipe, limit = version.recipes["report"], [c for c in version.limits if c.metric == "accuracy_pct"]
    network, fit = recipe.network, recipe.fit
    assert isinstance(network, DsCnn) and isinstance(fit, Fit)  # as in the report
    text = (
        f"A learning rate of {fit.learning_rate:g} lets a network of width {network.width:g} "
        f"pass {limit[0].limit:g} % in {fit.epochs} epochs, which lower rates do not"
    )
    sides = {f"{fit.learning_rate:g}": runs_of(report, "kws_b")}
    rates = ("0.01", "0.001")
    sides |= {rate: runs_of(runs, f"kws_b_rate_{rate}") for rate in rates}
    if min(map(len, sides.values())) < 2:
        return Claim(text, "", INCONCLUSIVE)
    passed = {rate: sum(meets(run, limit) for run in side) for rate, side in sides.items()}
    evidence = "; ".join(
        f"{rate}: {format_mean(side, 'accuracy_pct')}, {format_share(passed[rate], len(side))} pass"
        for rate, side in sides.items()
    )
    first, *others = (metric_values(side, "accuracy_pct") for side in sides.values())
    leads = [difference(first, other) for other in others]
    passes = often(next(iter(passed.values())), len(first))
    ahead = [f"{signed(d, 'points', 2)} over {rate}, {p_text(d.p)}" for d, rate in zip(leads, rates, strict=True)]
    evidence += f"; {', '.join(ahead)}"
    if passes == REPRODUCED and not all(lead.value > 0 and lead.p < ALPHA for lead in leads):
        return Claim(text, evidence, PARTLY)
    return Claim(text, evidence, passes)
