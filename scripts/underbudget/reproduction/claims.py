"""The report's claims beside our evidence, each with a verdict that a rule gives.

A share of runs is judged by its 95 % interval, a difference of means by Welch's test at 5 %, a single figure by the
probability that a further run of ours lies as far off. Where there is no result, the verdict is "inconclusive".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underbudget.device.artifact import Card
from underbudget.intervals import Difference, difference, prediction_p_value, wilson
from underbudget.metrics import METRICS, Limit
from underbudget.networks.ds_cnn import DsCnn
from underbudget.recipes import Fit
from underbudget.reproduction import host
from underbudget.reproduction.reference import PUBLISHED_SEED, load_reference, reported, row_name
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import Run, format_mean, format_p, format_share, meets, metric_values, runs_of
from underbudget.versions.catalogue import INT8_FLOAT_PAIRS, QUANTISATION_STUDY, VERSIONS

VERDICTS = REPRODUCED, PARTLY, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "partly", "not reproduced", "inconclusive"
ALPHA = 0.05  # significance level
OVER_LIMIT_FACTOR = 10  # times a limit
SLOWDOWN_FACTOR = 1.5  # times as many instructions
NETWORKS = {"mlp": "th_a", "cnn": "th_b"}  # the version that the report makes of each network


@dataclass(frozen=True)
class Claim:
    """What the report says, what we found, and how the two fit."""

    claim: str
    evidence: str
    verdict: str


def judge_claims(results: Results) -> list[Claim]:
    """Judge all claims, in the order of the report."""
    forecasters, report = results.study_runs("forecasters"), results.study_runs("report")
    return [
        unoptimised_sizes(forecasters),
        unoptimised_errors(forecasters),
        size_against_error(forecasters),
        single_techniques(forecasters),
        *(version_claim(name, report) for name in ("th_a", "th_b")),
        spotter_networks(results.study_runs("spotters")),
        *(version_claim(name, report) for name in ("kws_a", "kws_b", "kws_c")),
        mfcc_accuracy(report, results.study_runs("features")),
        quantisation_latency(results),
        learning_rate(report, results.study_runs("rates")),
        mfcc_cost(results),
        latency(results),
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


def unoptimised_errors(runs: Sequence[Run]) -> Claim:
    """Judge four figures: each fits if a further run of ours would lie as far off with probability above ALPHA."""
    baselines = {network: load_reference()["report"]["baselines"][f"th_{network}"] for network in NETWORKS}
    said = [f"{b['t_mae_c']:.2f} °C and {b['rh_mae_pct']:.2f} % ({n.upper()})" for n, b in baselines.items()]
    text = f"Without optimisation, the errors are {', '.join(said)}"
    parts, fit = [], []
    for network in NETWORKS:
        own = runs_of(runs, row_name(network, "none"))
        if len(own) < 2:
            return Claim(text, "", INCONCLUSIVE)
        theirs = baselines[network]
        for metric in ("t_mae_c", "rh_mae_pct"):
            seen = metric_values(own, metric)
            chance = prediction_p_value(seen, theirs[metric])
            fit.append(chance > ALPHA)
            shown = METRICS[metric]
            parts.append(f"{network.upper()} {min(seen):.2f}–{max(seen):.2f} {shown.unit} ({_p(chance)})")
    return Claim(text, f"{', '.join(parts)} over {len(own)} seeds", _verdict(fit))


def size_against_error(runs: Sequence[Run]) -> Claim:
    """Judge why the report makes th_a of the MLP and th_b of the CNN."""
    text = "Without optimisation, the CNN is smaller than the MLP, and the MLP has the smaller humidity error"
    mlp, cnn = (runs_of(runs, row_name(network, "none")) for network in NETWORKS)
    if min(len(mlp), len(cnn)) < 2:
        return Claim(text, "", INCONCLUSIVE)
    size = difference(metric_values(cnn, "size_kb"), metric_values(mlp, "size_kb"))
    error = difference(metric_values(mlp, "rh_mae_pct"), metric_values(cnn, "rh_mae_pct"))
    evidence = f"CNN less MLP {_signed(size, 'kB', 1)}; MLP less CNN {_signed(error, '%', 2)}, {_p(error.p)}"
    if size.value < 0 and error.p > ALPHA:
        return Claim(text, f"{evidence}: the difference of the errors is inconclusive", PARTLY)
    return Claim(text, evidence, _verdict([size.value < 0, error.value < 0]))


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


def version_claim(name: str, runs: Sequence[Run]) -> Claim:
    """Judge whether runs meet the limits without latency, and how likely the report's figures are among them."""
    limits = VERSIONS[name].offline_limits
    theirs = reported(name)
    text = f"{name} meets its limits: " + ", ".join(_figure(c, theirs[c.metric]) for c in limits)
    own = runs_of(runs, name)
    if len(own) < 2:
        return Claim(text, "", INCONCLUSIVE)
    met = sum(meets(run, limits) for run in own)
    parts = []
    for c in limits:
        if c.metric == "size_kb":
            sizes = metric_values(own, c.metric)
            parts.append(f"{min(sizes):.2f}–{max(sizes):.2f} kB")
        else:
            seen, shown = metric_values(own, c.metric), METRICS[c.metric]
            low, high = (f"{v:.{shown.digits}f}" for v in (min(seen), max(seen)))
            chance = _p(prediction_p_value(seen, theirs[c.metric]))
            parts.append(f"median {np.median(seen):.{shown.digits}f} ({low} to {high}) {shown.unit}, {chance}")
    return Claim(
        text,
        f"{'; '.join(parts)}; {format_share(met, len(own))} meet the limits on quality and size",
        _often(met, len(own)),
    )


def spotter_networks(runs: Sequence[Run]) -> Claim:
    """Judge the DS-CNN against the better of the others, on each front end."""
    text = "Without optimisation, the DS-CNN is the most accurate spotter"
    parts, better, worse = [], [], []
    for features in ("mfcc", "stft"):
        sides = {n: metric_values(runs_of(runs, f"{n}_{features}"), "accuracy_pct") for n in ("ds_cnn", "cnn", "mlp")}
        if min(map(len, sides.values())) < 2:
            return Claim(text, "", INCONCLUSIVE)
        ours = sides.pop("ds_cnn")
        second = max(sides, key=lambda n: float(np.mean(sides[n])))
        lead = difference(ours, sides[second])
        better.append(lead.value > 0 and lead.p < ALPHA)
        worse.append(lead.value < 0 and lead.p < ALPHA)
        beside = f"{_signed(lead, 'points', 2)} on the {second.upper()}, {_p(lead.p)}"
        sizes = [np.mean(metric_values(runs_of(runs, f"{n}_{features}"), "size_kb")) for n in ("ds_cnn", second)]
        parts.append(
            f"{features.upper()}: {np.mean(ours):.2f} % in {sizes[0]:,.0f} kB, {beside}, in {sizes[1]:,.0f} kB; "
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
    evidence = f"{means}: {_signed(lead, 'points', 2)}, {_p(lead.p)}; {sizes} kB; {len(mfcc)} and {len(stft)} seeds"
    return Claim(text, evidence, INCONCLUSIVE if lead.p > ALPHA else REPRODUCED if lead.value > 0 else NOT_REPRODUCED)


def quantisation_latency(results: Results) -> Claim:
    """Compare the same weights with and without quantisation: instructions on the emulated Cortex-A72, host time."""
    text = "Quantising the weights makes inference much slower"
    parts, slower = [], []
    for name, models in INT8_FLOAT_PAIRS.items():
        hashes = [card.sha256 for model in models if (card := _card(results, model))]
        counts = [counted["inference"] for sha256 in hashes if (counted := results.counted(sha256))]
        times = [found for sha256 in hashes if (found := results.timed(sha256))]
        if len(counts) < 2:
            return Claim(text, "", INCONCLUSIVE)
        factor = counts[0] / counts[1]
        slower.append(factor > SLOWDOWN_FACTOR)
        parts.append(f"{name} {factor:.2f} times the instructions")
        if len(times) == 2:
            int8, in_float = (entry["steady"]["inference_ms"]["median"] for _, entry in times)
            parts[-1] += f", {int8 / in_float:.2f} times as long ({times[0][0]})"
    return Claim(text, f"with today's runtime: {'; '.join(parts)}", _verdict(slower))


def _card(results: Results, name: str) -> Card | None:
    """Return the card of a version by the report's recipe, or of one of the quantisation study."""
    folders = ("report",) if name in VERSIONS else (QUANTISATION_STUDY, f"{QUANTISATION_STUDY}/seed-{PUBLISHED_SEED}")
    return next((card for folder in folders if (card := results.card(folder, name))), None)


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
    often = _often(next(iter(passed.values())), len(first))
    if often == REPRODUCED and not all(ahead):
        return Claim(text, f"{evidence}: it passes, but not better than the others", PARTLY)
    return Claim(text, evidence, often)


def mfcc_cost(results: Results) -> Claim:
    """Compare the instructions of our front ends, which compute the same as the course's."""
    text = "MFCC takes more computation than STFT"
    cards = (_card(results, name) for name in ("kws_a", "kws_c"))
    mfcc, stft = (results.counted(card.sha256) if card else None for card in cards)
    if not mfcc or not stft:
        return Claim(text, "", INCONCLUSIVE)
    counts = [each["stages"]["features"] for each in (mfcc, stft)]
    factor = counts[0] / counts[1]
    evidence = f"{counts[0]:,} and {counts[1]:,} instructions per clip on the emulated Cortex-A72, {factor:.1f} times"
    return Claim(text, evidence, REPRODUCED if factor > 1 else NOT_REPRODUCED)


def latency(results: Results) -> Claim:
    """Judge the latency limits on a Raspberry Pi, if one was measured."""
    inference, total = reported("kws_b")["inference_ms"], reported("kws_c")["total_ms"]
    text = f"kws_b takes {inference:.2f} ms for inference, kws_c {total:.2f} ms in total"
    parts, met = [], []
    for name in ("kws_b", "kws_c"):
        card = results.card("report", name)
        timed = results.timed(card.sha256) if card else None
        for c in VERSIONS[name].limits:
            if METRICS[c.metric].is_latency and timed and timed[0] == host.PI:
                value = timed[1][c.metric]["mean"]
                parts.append(f"{name} {value:.2f} ms")
                met.append(c.met_by(value))
    if not met:
        return Claim(
            text, "no Raspberry Pi was measured; the latency table has instructions and an estimate", INCONCLUSIVE
        )
    return Claim(text, "; ".join(parts), _verdict(met))


def _verdict(parts: Sequence[bool]) -> str:
    return REPRODUCED if all(parts) else PARTLY if any(parts) else NOT_REPRODUCED


def _often(count: int, runs: int) -> str:
    """Judge a success rate: reproduced if its 95 % Wilson interval lies above 0.5."""
    low, high = wilson(count, runs)
    return REPRODUCED if low > 0.5 else NOT_REPRODUCED if high < 0.5 else PARTLY


def _p(probability: float) -> str:
    text = format_p(probability)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _signed(d: Difference, unit: str, digits: int) -> str:
    return f"{d.value:+.{digits}f} ({d.low:+.{digits}f} to {d.high:+.{digits}f}) {unit}"


def _figure(limit: Limit, value: float) -> str:
    return f"{value:g} {METRICS[limit.metric].unit}"
