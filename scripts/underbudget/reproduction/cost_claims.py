"""The report's claims on latency and computation, each with a verdict that a rule gives.

Without a Raspberry Pi they rest on instructions, counted on an emulated Cortex-A72 with today's runtime.
"""

from underbudget.device.artifact import Card
from underbudget.reproduction import host
from underbudget.reproduction.reference import PUBLISHED_SEED, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import runs_of
from underbudget.reproduction.verdicts import INCONCLUSIVE, NOT_REPRODUCED, PARTLY, REPRODUCED, Claim, judged
from underbudget.versions.catalogue import INT8_FLOAT_PAIRS, QUANTISATION_STUDY, VERSIONS

SLOWDOWN_FACTOR = 1.5  # times as many instructions
MARGIN = 1.1  # times as much: less is called no difference
LATENCIES = {"inference_ms": "for inference", "total_ms": "in total"}


def quantisation_latency(results: Results) -> Claim:
    """Compare the same weights with and without quantisation; judge by the course's protocol on a Raspberry Pi.

    What int8 costs depends on processor and kernels: instructions of today's runtime and times of another machine are
    told, but decide nothing.
    """
    text = "Quantising the weights makes inference much slower"
    parts, slower = [], []
    for name, models in INT8_FLOAT_PAIRS.items():
        hashes = [card.sha256 for model in models if (card := _card(results, model))]
        counts = [counted["inference"] for sha256 in hashes if (counted := results.counted(sha256))]
        times = [found for sha256 in hashes if (found := results.timed(sha256))]
        if len(counts) < 2:
            return Claim(text, "", INCONCLUSIVE)
        parts.append(f"{name} {counts[0] / counts[1]:.2f} times the instructions")
        if len(times) == 2:
            int8, in_float = (entry["inference_ms"]["mean"] for _, entry in times)
            steady = [entry["steady"]["inference_ms"]["median"] for _, entry in times]
            parts[-1] += (
                f", {int8 / in_float:.2f} times as long by the course's protocol, {steady[0] / steady[1]:.2f} times"
                f" without pauses ({times[0][0]})"
            )
            if times[0][0] == host.PI:
                slower.append(int8 / in_float > SLOWDOWN_FACTOR)
    evidence = f"with today's runtime: {'; '.join(parts)}"
    if len(slower) < len(INT8_FLOAT_PAIRS):
        return Claim(text, f"no Raspberry Pi was measured, nor the kernels of 2020; {evidence}", INCONCLUSIVE)
    return Claim(text, evidence, judged(slower))


def slow_inference(results: Results) -> Claim:
    """Judge kws_a's inference by kws_b's limit on it, where a Raspberry Pi was measured."""
    limit = VERSIONS["kws_b"].limit("inference_ms")
    assert limit is not None  # it is what kws_b is about
    text = f"kws_a takes more than the {limit:g} ms for inference that kws_b may take"
    card = _card(results, "kws_a")
    timed = results.timed(card.sha256) if card else None
    if timed and timed[0] == host.PI:
        value = timed[1]["inference_ms"]["mean"]
        return Claim(text, f"{value:.2f} ms", REPRODUCED if value > limit else NOT_REPRODUCED)
    estimate = pi_estimate_ms(results, card, "inference") if card else None
    if estimate is None:
        return Claim(text, "", INCONCLUSIVE)
    return Claim(
        text, f"no Raspberry Pi was measured; the estimate with today's runtime is {estimate:.2f} ms", INCONCLUSIVE
    )


def pi_estimate_ms(results: Results, card: Card, part: str) -> float | None:
    """Estimate the latency of a model on a Raspberry Pi 4, or return None where instructions were not counted.

    All instructions are taken to last as long as those of the report's kws_b, whose inference took 0.60 ms.

    Args:
        part: "inference" or "total".
    """
    reference = _card(results, "kws_b")
    known = results.counted(reference.sha256) if reference else None
    counts = results.counted(card.sha256)
    if not known or not counts:
        return None
    return float(reported("kws_b")["inference_ms"] * counts[part] / known["inference"])


def faster_network(results: Results) -> Claim:
    """Compare the multiply-accumulate operations of kws_a's network on both front ends; the times are not known."""
    text = "With MFCC, inference is faster than with STFT"
    sides = runs_of(results.study_runs("report"), "kws_a"), runs_of(results.study_runs("features"), "kws_a_stft")
    macs = [max((run.get("macs", 0) for run in side), default=0) for side in sides]
    if not all(macs):
        return Claim(text, "", INCONCLUSIVE)
    evidence = f"kws_a's network takes {macs[0]:,} multiply-accumulates on MFCC, {macs[1]:,} on STFT; it was not timed"
    return Claim(text, evidence, PARTLY if macs[1] > MARGIN * macs[0] else NOT_REPRODUCED)


def mfcc_cost(results: Results) -> Claim:
    """Compare our front ends by instructions, and the course's own, which compute the same, by time."""
    text = "MFCC takes more computation than STFT"
    cards = (_card(results, name) for name in ("kws_a", "kws_c"))
    counted = [results.counted(card.sha256) if card else None for card in cards]
    times = [_front_end_ms(results, kind) for kind in ("MFCC", "STFT")]
    if not all(counted) or not all(times):
        return Claim(text, "", INCONCLUSIVE)
    mfcc, stft = (each["stages"]["features"] for each in counted if each)
    slow, fast = (time for time in times if time)
    evidence = (
        f"ours: {mfcc:,} and {stft:,} instructions per clip on the emulated Cortex-A72, {mfcc / stft:.1f} times;"
        f" TensorFlow's, as the report's: {slow:.2f} and {fast:.2f} ms (host), {slow / fast:.1f} times"
    )
    return Claim(text, evidence, judged([mfcc > MARGIN * stft, slow > MARGIN * fast]))


def heaviest_stage(results: Results) -> Claim:
    """Judge whether resampling and features take most of kws_c's total, by our front end and by TensorFlow's."""
    text = "Of kws_c's total latency, most goes into pre-processing"
    card = _card(results, "kws_c")
    counts = results.counted(card.sha256) if card else None
    timed = results.timed(card.sha256) if card else None
    theirs = _front_end_ms(results, "STFT")
    if not counts or not timed or not theirs:
        return Claim(text, "", INCONCLUSIVE)
    kind, entry = timed
    times = {stage: found["mean"] for stage, found in entry["stages_ms"].items()}
    steady = {stage: found["median"] for stage, found in entry["steady"]["stages_ms"].items()}
    shares = [
        100 * (stages["resample"] + stages["features"]) / sum(stages.values())
        for stages in (counts["stages"], times, steady)
    ]
    shares.append(100 * theirs / (theirs + steady["invoke"]))
    evidence = (
        f"{shares[0]:.0f} % of the instructions on the emulated Cortex-A72; of the time ({kind}), {shares[1]:.0f} % by"
        f" the course's protocol, {shares[2]:.0f} % without pauses; with TensorFlow's STFT, as the report's,"
        f" {shares[3]:.0f} % of the time of features and inference, without pauses"
    )
    return Claim(text, evidence, judged([share > 50 for share in shares]))


def _front_end_ms(results: Results, kind: str) -> float | None:
    """Return the time that TensorFlow takes for the features of a clip."""
    rows: dict[str, float | None] = {row["what"]: row["theirs_ms"] for row in results.bench.get("rows", ())}
    return rows.get(f"{kind} of a clip, beside eager tf.signal")


def latency(results: Results) -> Claim:
    """Judge the latency limits on a Raspberry Pi, if one was measured."""
    versions = ("kws_b", "kws_c")
    limits = {(name, c.metric): c for name in versions for c in VERSIONS[name].limits if c.metric in LATENCIES}
    text = ", ".join(
        f"{name} takes less than {limit.limit:g} ms {LATENCIES[metric]} ({reported(name)[metric]:.2f} ms)"
        for (name, metric), limit in limits.items()
    )
    parts, met = [], []
    for (name, metric), limit in limits.items():
        card = _card(results, name)
        timed = results.timed(card.sha256) if card else None
        if timed and timed[0] == host.PI:
            value = timed[1][metric]["mean"]
            parts.append(f"{name} {value:.2f} ms")
            met.append(limit.met_by(value))
    if not met:
        return Claim(
            text, "no Raspberry Pi was measured; the latency table has instructions and an estimate", INCONCLUSIVE
        )
    return Claim(text, "; ".join(parts), judged(met))


def _card(results: Results, name: str) -> Card | None:
    """Return the card of a version by the report's recipe, or of one of the quantisation study."""
    folders = ("report",) if name in VERSIONS else (QUANTISATION_STUDY, f"{QUANTISATION_STUDY}/seed-{PUBLISHED_SEED}")
    return next((card for folder in folders if (card := results.card(folder, name))), None)
