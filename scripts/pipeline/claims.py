"""The report's claims beside our evidence, each with a verdict that a rule gives.

A share of runs is judged by its 95 % interval, a difference of means by Welch's test at 5 %, a single figure by the
chance that a further run of ours lies as far off. What no result speaks of can't be told.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline import files, measure
from pipeline.findings import Trial, mean_of, meets, of, share, values
from pipeline.place import PUBLISHED, Place
from pipeline.recipe import METRICS, VERSIONS, Constraint, load_version
from pipeline.report import SEED, markdown_table, reference, reported
from pipeline.statistics import Difference, difference, further_run, wilson
from pipeline.study import row_name

HOLDS, IN_PART, DOES_NOT, UNKNOWN = "holds", "holds in part", "does not hold", "can't be told"
CHANCE = 0.05  # of a difference as large by luck, below which it counts
FAR = 10  # times a budget
HUGE = 1.5  # times as many instructions
NETWORKS = {"mlp": "th_a", "cnn": "th_b"}  # which version the report makes of which


@dataclass(frozen=True)
class Claim:
    """What the report says, what we found, and how the two fit."""

    claim: str
    evidence: str
    verdict: str


def claims(place: Place = PUBLISHED) -> list[Claim]:
    """All claims, in the order of the report."""
    forecasters, report = place.trials("forecasters"), place.trials("report")
    return [
        over_budget(forecasters),
        unoptimised_errors(forecasters),
        lighter_and_better(forecasters),
        no_single_technique(forecasters),
        *(version_claim(name, report) for name in ("th_a", "th_b")),
        best_spotter(place.trials("spotters")),
        *(version_claim(name, report) for name in ("kws_a", "kws_b", "kws_c")),
        precise_features(report, place.trials("features")),
        slow_quantisation(place),
        learning_rate(report, place.trials("rates")),
        cheap_features(place),
        latency(place),
    ]


def over_budget(trials: Sequence[Trial]) -> Claim:
    """Sizes of whole networks are all but the same with every seed."""
    text = "Unoptimised, the MLP and the CNN are far over budget"
    parts, factors = [], []
    for network, version in NETWORKS.items():
        own = of(trials, row_name(network, "none"))
        if not own:
            return Claim(text, "", UNKNOWN)
        (limit,) = (c.limit for c in load_version(version).constraints if c.metric == "size_kb")
        size = float(np.mean(values(own, "size_kb")))
        factors.append(size / limit)
        theirs = reference()["report"]["baselines"][f"th_{network}"]["size_kb"]
        parts.append(f"{network.upper()} {size:.1f} kB (report {theirs}), {size / limit:.0f} times {limit:g} kB")
    return Claim(text, "; ".join(parts), HOLDS if min(factors) > FAR else IN_PART)


def unoptimised_errors(trials: Sequence[Trial]) -> Claim:
    """Each of four figures fits if a further run of ours would lie as far off more often than CHANCE."""
    baselines = {network: reference()["report"]["baselines"][f"th_{network}"] for network in NETWORKS}
    said = [f"{b['t_mae_c']:.2f} °C and {b['rh_mae_pct']:.2f} % ({n.upper()})" for n, b in baselines.items()]
    text = f"Their errors are {', '.join(said)}"
    parts, fit = [], []
    for network in NETWORKS:
        own = of(trials, row_name(network, "none"))
        if len(own) < 2:
            return Claim(text, "", UNKNOWN)
        theirs = baselines[network]
        for metric in ("t_mae_c", "rh_mae_pct"):
            seen = values(own, metric)
            chance = further_run(seen, theirs[metric])
            fit.append(chance > CHANCE)
            shown = METRICS[metric]
            parts.append(f"{network.upper()} {min(seen):.2f}–{max(seen):.2f} {shown.unit} ({_p(chance)})")
    return Claim(text, f"{', '.join(parts)} over {len(own)} seeds", _verdict(fit))


def lighter_and_better(trials: Sequence[Trial]) -> Claim:
    """Why the report makes th_a of the MLP and th_b of the CNN."""
    text = "The unoptimised CNN is the lighter one, the MLP has the smaller humidity error"
    mlp, cnn = (of(trials, row_name(network, "none")) for network in NETWORKS)
    if min(len(mlp), len(cnn)) < 2:
        return Claim(text, "", UNKNOWN)
    size = difference(values(cnn, "size_kb"), values(mlp, "size_kb"))
    error = difference(values(mlp, "rh_mae_pct"), values(cnn, "rh_mae_pct"))
    evidence = f"CNN less MLP {_signed(size, 'kB', 1)}; MLP less CNN {_signed(error, '%', 2)}, {_p(error.p)}"
    if size.value < 0 and error.p > CHANCE:
        return Claim(text, f"{evidence}: the error can't be told", IN_PART)
    return Claim(text, evidence, _verdict([size.value < 0, error.value < 0]))


def no_single_technique(trials: Sequence[Trial]) -> Claim:
    """Of every technique on its own, whether a run keeps all constraints of either version."""
    text = "No single technique is enough: errors or size stay out of bounds"
    enough, runs, smallest = 0, 0, np.inf
    for network in NETWORKS:
        techniques = [row[0] for row in reference()["ablation"][network]]
        for technique in techniques:
            own = of(trials, row_name(network, technique))
            if technique == "none" or " + " in technique or not own:
                continue
            limits = [load_version(version).constraints for version in NETWORKS.values()]
            enough += sum(any(meets(trial, constraints) for constraints in limits) for trial in own)
            runs += len(own)
            smallest = min(smallest, *values(own, "size_kb"))
    if not runs:
        return Claim(text, "", UNKNOWN)
    evidence = f"{share(enough, runs)} keep all constraints of th_a or th_b; the smallest file takes {smallest:.1f} kB"
    return Claim(text, evidence, HOLDS if not enough else IN_PART if enough < runs / 2 else DOES_NOT)


def version_claim(name: str, trials: Sequence[Trial]) -> Claim:
    """Whether the recipe keeps its constraints, latency apart; the report's figures among ours."""
    constraints = [c for c in load_version(name).constraints if not c.metric.endswith("_ms")]
    theirs = reported()[name]
    text = f"{name}: " + ", ".join(_figure(c, theirs[c.metric]) for c in constraints)
    own = of(trials, name)
    if len(own) < 2:
        return Claim(text, "", UNKNOWN)
    met = sum(meets(trial, constraints) for trial in own)
    parts = []
    for c in constraints:
        if c.metric == "size_kb":
            sizes = values(own, c.metric)
            parts.append(f"{min(sizes):.2f}–{max(sizes):.2f} kB")
        else:
            seen, shown = values(own, c.metric), METRICS[c.metric]
            low, high = (f"{v:.{shown.digits}f}" for v in (min(seen), max(seen)))
            chance = _p(further_run(seen, theirs[c.metric]))
            parts.append(f"median {np.median(seen):.{shown.digits}f} ({low} to {high}) {shown.unit}, {chance}")
    return Claim(
        text, f"{'; '.join(parts)}; {share(met, len(own))} keep the limits on quality and size", _often(met, len(own))
    )


def best_spotter(trials: Sequence[Trial]) -> Claim:
    """By each front end, the DS-CNN against the better of the others."""
    text = "Unoptimised, the DS-CNN is the best spotter"
    parts, better, worse = [], [], []
    for features in ("mfcc", "stft"):
        sides = {n: values(of(trials, f"{n}_{features}"), "accuracy_pct") for n in ("ds_cnn", "cnn", "mlp")}
        if min(map(len, sides.values())) < 2:
            return Claim(text, "", UNKNOWN)
        ours = sides.pop("ds_cnn")
        second = max(sides, key=lambda n: float(np.mean(sides[n])))
        lead = difference(ours, sides[second])
        better.append(lead.value > 0 and lead.p < CHANCE)
        worse.append(lead.value < 0 and lead.p < CHANCE)
        beside = f"{_signed(lead, 'points', 2)} on the {second.upper()}, {_p(lead.p)}"
        sizes = [np.mean(values(of(trials, f"{n}_{features}"), "size_kb")) for n in ("ds_cnn", second)]
        parts.append(
            f"{features.upper()}: {np.mean(ours):.2f} % in {sizes[0]:,.0f} kB, {beside}, in {sizes[1]:,.0f} kB; "
            f"{len(ours)} seeds"
        )
    verdict = HOLDS if all(better) else DOES_NOT if all(worse) else IN_PART if any(better) else UNKNOWN
    return Claim(text, "; ".join(parts), verdict)


def precise_features(report: Sequence[Trial], trials: Sequence[Trial]) -> Claim:
    """kws_a's recipe on either front end."""
    text = "MFCC is more precise than STFT at the same size (kws_a)"
    mfcc, stft = of(report, "kws_a"), of(trials, "kws_a_stft")
    if min(len(mfcc), len(stft)) < 2:
        return Claim(text, "", UNKNOWN)
    lead = difference(values(mfcc, "accuracy_pct"), values(stft, "accuracy_pct"))
    sizes = " and ".join(f"{np.mean(values(side, 'size_kb')):.1f}" for side in (mfcc, stft))
    evidence = (
        f"{mean_of(mfcc, 'accuracy_pct')} against {mean_of(stft, 'accuracy_pct')}: {_signed(lead, 'points', 2)}, "
        f"{_p(lead.p)}; {sizes} kB; {len(mfcc)} and {len(stft)} seeds"
    )
    return Claim(text, evidence, UNKNOWN if lead.p > CHANCE else HOLDS if lead.value > 0 else DOES_NOT)


def slow_quantisation(place: Place) -> Claim:
    """The same weights with and without quantisation: instructions on the emulated Cortex-A72, time on the host."""
    text = "Quantising the weights has a huge impact on inference latency"
    path = place.results / "bench.json"
    timed = json.loads(path.read_text(encoding="utf-8")).get("quantisation", {}) if path.exists() else {}
    parts, slower = [], []
    for name, models in measure.PAIRS.items():
        int8, in_float = (_counts(place, model) for model in models)
        if not int8 or not in_float:
            return Claim(text, "", UNKNOWN)
        factor = int8["inference"] / in_float["inference"]
        ratio = timed.get(name, {}).get("ratio")
        slower.append(factor > HUGE)
        spread = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})" if ratio else ""
        on_host = f", {spread} times as long on the host" if ratio else ""
        parts.append(f"{name} {factor:.2f} times the instructions{on_host}")
    return Claim(text, f"with the runtime of today: {'; '.join(parts)}", _verdict(slower))


def _counts(place: Place, name: str) -> dict[str, Any] | None:
    """Instructions of a version by the report's recipe, or of a twin of one."""
    folders = ("report",) if name in VERSIONS else (measure.TWINS, f"{measure.TWINS}/seed-{SEED}")
    card = next((card for folder in folders if (card := place.card(folder, name))), None)
    return measure.counted(place.latency, card.sha256) if card else None


def learning_rate(report: Sequence[Trial], trials: Sequence[Trial]) -> Claim:
    """Whether runs at 0.03 pass, and runs at lower rates do not."""
    version = load_version("kws_b")
    recipe, limit = version.recipes["report"], version.constraints[:1]
    text = (
        f"A learning rate of {recipe.learning_rate:g} lets a network of width {recipe.width:g} "
        f"pass {limit[0].limit:g} % in {recipe.epochs} epochs"
    )
    sides = {f"{recipe.learning_rate:g}": of(report, "kws_b")}
    sides |= {rate: of(trials, f"kws_b_rate_{rate}") for rate in ("0.01", "0.001")}
    if min(map(len, sides.values())) < 2:
        return Claim(text, "", UNKNOWN)
    passed = {rate: sum(meets(trial, limit) for trial in side) for rate, side in sides.items()}
    evidence = "; ".join(
        f"{rate}: {mean_of(side, 'accuracy_pct')}, {share(passed[rate], len(side))} pass"
        for rate, side in sides.items()
    )
    first, second, third = (values(side, "accuracy_pct") for side in sides.values())
    ahead = [d.value > 0 and d.p < CHANCE for d in (difference(first, second), difference(first, third))]
    often = _often(next(iter(passed.values())), len(first))
    if often == HOLDS and not all(ahead):
        return Claim(text, f"{evidence}: it passes, but not better than the others", IN_PART)
    return Claim(text, evidence, often)


def cheap_features(place: Place) -> Claim:
    """Instructions of our front ends, which do the same sums as the course's."""
    text = "MFCC takes more to compute than STFT"
    mfcc, stft = (_counts(place, name) for name in ("kws_a", "kws_c"))
    if not mfcc or not stft:
        return Claim(text, "", UNKNOWN)
    counts = [each["stages"]["features"] for each in (mfcc, stft)]
    factor = counts[0] / counts[1]
    evidence = f"{counts[0]:,} and {counts[1]:,} instructions a clip on the emulated Cortex-A72, {factor:.1f} times"
    return Claim(text, evidence, HOLDS if factor > 1 else DOES_NOT)


def latency(place: Place) -> Claim:
    """Only a Raspberry Pi can tell; there, the constraints tell."""
    theirs = reported()
    text = f"kws_b infers in {theirs['kws_b']['inference_ms']:.2f} ms, kws_c takes {theirs['kws_c']['total_ms']:.2f} ms"
    parts, met = [], []
    for name in ("kws_b", "kws_c"):
        card = place.card("report", name)
        timed = measure.timed(place.latency, card.sha256) if card else None
        for c in load_version(name).constraints:
            if c.metric.endswith("_ms") and timed and timed[0] == measure.PI:
                value = timed[1][c.metric]["mean"]
                parts.append(f"{name} {value:.2f} ms")
                met.append(c.met_by(value))
    if not met:
        return Claim(text, "no Raspberry Pi at hand; instructions and an estimate stand in the latency table", UNKNOWN)
    return Claim(text, "; ".join(parts), _verdict(met))


def _verdict(parts: Sequence[bool]) -> str:
    return HOLDS if all(parts) else IN_PART if any(parts) else DOES_NOT


def _often(count: int, runs: int) -> str:
    """Whether more runs than not do: by the interval of their share."""
    low, high = wilson(count, runs)
    return HOLDS if low > 0.5 else DOES_NOT if high < 0.5 else IN_PART


def _p(chance: float) -> str:
    return "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"


def _signed(d: Difference, unit: str, digits: int) -> str:
    return f"{d.value:+.{digits}f} ({d.low:+.{digits}f} to {d.high:+.{digits}f}) {unit}"


def _figure(constraint: Constraint, value: float) -> str:
    return f"{value:g} {METRICS[constraint.metric].unit}"


def claims_markdown(place: Place = PUBLISHED) -> str:
    """The table of claims."""
    lines = [[c.claim, c.evidence or "no result here: make study", f"**{c.verdict}**"] for c in claims(place)]
    return markdown_table(["the report says", "we found", "verdict"], lines)


def write_claims(place: Place) -> None:
    """claims.json among the results."""
    content = {"made_with": "make study", "claims": [asdict(c) for c in claims(place)]}
    files.write_json(place.results / "claims.json", content)
