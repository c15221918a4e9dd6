"""Every verdict can turn: claims judged on made-up runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import study_run

from underbudget.reproduction import claims, cost_claims
from underbudget.reproduction.host import EMULATED, EMULATED_RESULT, PI
from underbudget.reproduction.reference import load_reference, reported, row_name
from underbudget.reproduction.results import Results, read_results
from underbudget.reproduction.studies import techniques
from underbudget.reproduction.verdicts import INCONCLUSIVE, NOT_REPRODUCED, PARTLY, REPRODUCED
from underbudget.store import PUBLISHED, ResultStore

MLP, CNN = (row_name(network, "none") for network in ("mlp", "cnn"))


def runs(version: str, size: float = 1000, **means: float) -> list[dict[str, Any]]:
    """Five runs that differ a little."""
    return [
        study_run(version, seed, size + seed, **{metric: mean + seed / 1000 for metric, mean in means.items()})
        for seed in range(5)
    ]


@pytest.mark.parametrize(
    ("mlp_kb", "cnn_kb", "verdict"),
    [(72, 66, REPRODUCED), (72, 3, PARTLY), (1, 1, PARTLY)],
)
def test_unoptimised_sizes(mlp_kb: float, cnn_kb: float, verdict: str) -> None:
    assert claims.unoptimised_sizes([*runs(MLP, mlp_kb * 1024), *runs(CNN, cnn_kb * 1024)]).verdict == verdict
    assert claims.unoptimised_sizes(runs(MLP)).verdict == INCONCLUSIVE


def test_unoptimised_errors() -> None:
    theirs = load_reference()["report"]["baselines"]

    def made(rows: tuple[str, str], mlp: float, cnn: float) -> list[dict[str, Any]]:
        offsets = {rows[0]: ("th_mlp", mlp), rows[1]: ("th_cnn", cnn)}
        return [
            each
            for row, (key, off) in offsets.items()
            for each in runs(row, **{m: theirs[key][m] - 0.002 + off for m in ("t_mae_c", "rh_mae_pct")})
        ]

    for offsets, verdict in (((0, 0), REPRODUCED), ((0, 0.5), PARTLY), ((0.5, 0.5), NOT_REPRODUCED)):
        own, as_batched = made((MLP, CNN), *offsets), made(("mlp_neighbours", "cnn_neighbours"), *offsets)
        assert claims.unoptimised_errors(own, []).verdict == verdict
        assert claims.unoptimised_errors(own, as_batched).verdict == verdict
        assert claims.unoptimised_errors([], as_batched).verdict == verdict
        assert claims.unoptimised_errors(made((MLP, CNN), 0, 0.5), as_batched).verdict == PARTLY
    assert claims.unoptimised_errors([], []).verdict == INCONCLUSIVE


@pytest.mark.parametrize(
    ("cnn_bytes", "mlp_error", "verdict"),
    [
        (900, 1.7, REPRODUCED),
        (900, 1.8, PARTLY),  # no difference
        (900, 1.9, PARTLY),  # lighter, but better as well
        (1100, 1.9, NOT_REPRODUCED),
    ],
)
def test_size_against_error(cnn_bytes: float, mlp_error: float, verdict: str) -> None:
    made = [*runs(MLP, 1000, rh_mae_pct=mlp_error), *runs(CNN, cnn_bytes, rh_mae_pct=1.8)]
    assert claims.size_against_error(made).verdict == verdict


@pytest.mark.parametrize(
    ("mfcc", "stft", "verdict"),
    [(91, 88, REPRODUCED), (88, 91, NOT_REPRODUCED), (90, 90, INCONCLUSIVE)],
)
def test_mfcc_accuracy(mfcc: float, stft: float, verdict: str) -> None:
    judged = claims.mfcc_accuracy(runs("kws_a", accuracy_pct=mfcc), runs("kws_a_stft", accuracy_pct=stft))
    assert judged.verdict == verdict


def counted(tmp_path: Path, inference: dict[str, int], features: dict[str, int]) -> Results:
    """The published models with other counts of instructions."""
    published = read_results(PUBLISHED)
    models = {
        card.sha256: {
            "instructions": {"inference": inference.get(name, 100), "stages": {"features": features.get(name, 100)}}
        }
        for (_, name), card in published.cards.items()
    }
    store = ResultStore(PUBLISHED.models, tmp_path)
    store.latency.mkdir()
    content = {"device": {"kind": EMULATED}, "protocol": {}, "models": models}
    (store.latency / EMULATED_RESULT).write_text(json.dumps(content))
    return read_results(store)


@pytest.mark.parametrize(
    ("kind", "slow", "verdict"),
    [
        (PI, ("kws_a", "kws_b_int8", "kws_c"), REPRODUCED),
        (PI, ("kws_a",), PARTLY),
        (PI, (), NOT_REPRODUCED),
        ("host", ("kws_a", "kws_b_int8", "kws_c"), INCONCLUSIVE),  # another processor
    ],
)
def test_quantisation_latency(tmp_path: Path, kind: str, slow: tuple[str, ...], verdict: str) -> None:
    results = counted(tmp_path, dict.fromkeys(slow, 300), {})
    assert cost_claims.quantisation_latency(results).verdict == INCONCLUSIVE  # instructions are told alone
    models = {
        card.sha256: {
            "inference_ms": {"mean": 2.0 if name in slow else 1.0},
            "steady": {"inference_ms": {"median": 1.0}},  # is told, and decides nothing
        }
        for (folder, name), card in results.cards.items()
        if folder in ("report", "quantisation")
    }
    device = {"device": {"kind": kind}, "models": models}
    timed = cost_claims.quantisation_latency(replace(results, latencies={**results.latencies, "device.json": device}))
    assert timed.verdict == verdict
    assert timed.evidence.count(" 2.00 times as long by the course's protocol") == len(slow)
    assert timed.evidence.count(f" 1.00 times without pauses ({kind})") == 3
    assert ("no Raspberry Pi" in timed.evidence) == (kind != PI)


@pytest.mark.parametrize(
    ("mfcc", "theirs", "verdict"),
    [(300, 3, REPRODUCED), (105, 3, PARTLY), (105, 2, NOT_REPRODUCED), (300, None, INCONCLUSIVE)],
)
def test_mfcc_cost(tmp_path: Path, mfcc: int, theirs: float | None, verdict: str) -> None:
    results = counted(tmp_path, {}, {"kws_a": mfcc})
    times = {"MFCC": theirs, "STFT": 2.0}
    rows = [{"what": f"{kind} of a clip, beside eager tf.signal", "theirs_ms": ms} for kind, ms in times.items()]
    assert cost_claims.mfcc_cost(replace(results, bench={"rows": rows})).verdict == verdict


@pytest.mark.parametrize(
    ("mfcc", "stft", "verdict"), [(100, 200, PARTLY), (200, 100, NOT_REPRODUCED), (0, 100, INCONCLUSIVE)]
)
def test_faster_network(mfcc: int, stft: int, verdict: str) -> None:
    made = {"report": [{"version": "kws_a", "macs": mfcc}], "features": [{"version": "kws_a_stft", "macs": stft}]}
    assert cost_claims.faster_network(replace(read_results(PUBLISHED), runs=made)).verdict == verdict


@pytest.mark.parametrize(("features", "verdict"), [(900, REPRODUCED), (50, NOT_REPRODUCED)])
def test_heaviest_stage(tmp_path: Path, features: int, verdict: str) -> None:
    results = counted(tmp_path, {}, {"kws_c": features})
    card = results.card("report", "kws_c")
    assert card is not None
    for entry in results.latencies[EMULATED_RESULT]["models"].values():
        entry["instructions"]["stages"] |= {"resample": 100, "invoke": 200}
    stages = {"resample": {"mean": 1.0}, "features": {"mean": features / 100}, "invoke": {"mean": 2.0}}
    steady = {"stages_ms": {stage: {"median": time["mean"]} for stage, time in stages.items()}}
    host = {"device": {"kind": "host"}, "models": {card.sha256: {"stages_ms": stages, "steady": steady}}}
    assert cost_claims.heaviest_stage(results).verdict == INCONCLUSIVE
    both = replace(results, latencies={**results.latencies, "host.json": host})
    assert cost_claims.heaviest_stage(replace(both, bench={})).verdict == INCONCLUSIVE
    rows = [{"what": "STFT of a clip, beside eager tf.signal", "theirs_ms": features / 100}]
    assert cost_claims.heaviest_stage(replace(both, bench={"rows": rows})).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "milliseconds", "verdict"),
    [(PI, 9.0, REPRODUCED), (PI, 1.0, NOT_REPRODUCED), ("host", 9.0, INCONCLUSIVE)],
)
def test_slow_inference(tmp_path: Path, kind: str, milliseconds: float, verdict: str) -> None:
    results = counted(tmp_path, {"kws_a": 200}, {})
    card = results.card("report", "kws_a")
    assert card is not None
    device = {"device": {"kind": kind}, "models": {card.sha256: {"inference_ms": {"mean": milliseconds}}}}
    judged = cost_claims.slow_inference(replace(results, latencies={**results.latencies, "device.json": device}))
    assert judged.verdict == verdict
    estimate = reported("kws_b")["inference_ms"] * 200 / 100
    assert kind == PI or judged.evidence.endswith(f"is {estimate:.2f} ms")


@pytest.mark.parametrize(
    ("kind", "milliseconds", "verdict"),
    [
        (PI, 0.5, REPRODUCED),
        (PI, 10, PARTLY),  # too slow for kws_b's inference, not for kws_c in total
        (PI, 100, NOT_REPRODUCED),
        ("host", 0.5, INCONCLUSIVE),
    ],
)
def test_latency(tmp_path: Path, kind: str, milliseconds: float, verdict: str) -> None:
    entry = {metric: {"mean": milliseconds} for metric in ("inference_ms", "total_ms")}
    models = {card.sha256: entry for card in read_results(PUBLISHED).cards.values()}
    store = ResultStore(PUBLISHED.models, tmp_path)
    store.latency.mkdir()
    content = {"device": {"kind": kind}, "protocol": {}, "models": models}
    (store.latency / "device.json").write_text(json.dumps(content))
    assert cost_claims.latency(read_results(store)).verdict == verdict
    assert f"{reported('kws_b')['inference_ms']:.2f} ms" in cost_claims.latency(read_results(store)).claim


def test_a_run_that_did_not_learn_is_left_out_of_a_probability() -> None:
    theirs = load_reference()["report"]["baselines"]
    own = [
        run
        for row, key in ((MLP, "th_mlp"), (CNN, "th_cnn"))
        for run in runs(row, **{m: theirs[key][m] / 3 for m in ("t_mae_c", "rh_mae_pct")})
    ]
    lost = study_run(MLP, 9, **{metric: 5 * figure for metric, figure in theirs["th_mlp"].items()})
    near = [{**run, "test": theirs["th_" + run["version"].split("-")[0]]} for run in own]
    found = claims.unoptimised_errors([*near, lost], [])
    assert found.verdict == REPRODUCED and found.evidence.count(", without 1 that did not learn)") == 2
    as_far = claims.unoptimised_errors([*own, lost], [])  # the report's figures are such, too: all runs count
    assert "without" not in as_far.evidence and as_far.verdict == PARTLY  # the CNN's do not fit


def test_the_errors_of_the_networks_are_told_for_both_ways_of_drawing_batches() -> None:
    made = [*runs(MLP, 1000, rh_mae_pct=1.8), *runs(CNN, 900, rh_mae_pct=1.8)]
    so = [*runs("mlp_neighbours", rh_mae_pct=2.0), *runs("cnn_neighbours", rh_mae_pct=2.1)]
    theirs = load_reference()["report"]["baselines"]
    report = theirs["th_mlp"]["rh_mae_pct"] - theirs["th_cnn"]["rh_mae_pct"]
    found = claims.size_against_error(made, so)
    assert "with the authors' batches -0.10 (" in found.evidence and f"the report's {report:+.2f} %" in found.evidence


def of_th_a(met: int, runs: int, version: str = "th_a") -> list[dict[str, Any]]:
    """So many runs, of which some keep all limits."""
    errors = [0.4 + seed / 1000 if seed < met else 0.7 for seed in range(runs)]
    return [study_run(version, seed, t_mae_c=error, rh_mae_pct=1.7) for seed, error in enumerate(errors)]


def verdict_of_th_a(met: int, runs: int) -> str:
    return claims.version_claim("th_a", of_th_a(met, runs)).verdict


def test_a_version_is_judged_by_the_interval_of_its_share() -> None:
    assert verdict_of_th_a(10, 10) == REPRODUCED
    assert verdict_of_th_a(6, 10) == INCONCLUSIVE
    assert verdict_of_th_a(0, 10) == NOT_REPRODUCED
    assert claims.version_claim("th_a", []).verdict == INCONCLUSIVE


def test_a_verdict_that_other_batches_turn_is_partly() -> None:
    for met, verdict in ((10, REPRODUCED), (0, PARTLY)):
        found = claims.version_claim("th_a", of_th_a(10, 10), of_th_a(met, 10, "th_a_neighbours"))
        assert found.verdict == verdict
        assert f"with the authors' batches: {met} of 10 runs" in found.evidence


def test_one_run_within_all_limits_is_told_of_the_single_techniques() -> None:
    rows = [row_name(network, "sparsity 0.8") for network in ("mlp", "cnn")]
    large = [study_run(row, seed, 20_000, t_mae_c=0.4, rh_mae_pct=1.7) for row in rows for seed in range(5)]
    assert claims.single_techniques(large).verdict == REPRODUCED
    one = claims.single_techniques([*large, study_run(rows[0], 6, 1_000, t_mae_c=0.4, rh_mae_pct=1.7)])
    assert one.verdict == PARTLY
    assert one.evidence == (
        "0 of 2 recipes meet all limits of th_a or th_b in clearly over half of the runs; "
        "MLP, sparsity 0.8: 1 of 6 runs (3–56 %), 16.44 kB"
    )
    narrow = [study_run(row_name("cnn", "width 0.05"), seed, 1_000, t_mae_c=0.4, rh_mae_pct=1.7) for seed in range(5)]
    assert claims.single_techniques([*large, *narrow]).verdict == NOT_REPRODUCED
    for t_mae_c, verdict in ((0.4, NOT_REPRODUCED), (0.7, PARTLY)):  # as the authors draw their batches
        so_batched = [study_run("cnn_narrow_neighbours", s, 1_000, t_mae_c=t_mae_c, rh_mae_pct=1.7) for s in range(9)]
        assert claims.single_techniques([*large, *narrow], so_batched).verdict == verdict
        assert claims.single_techniques(large, so_batched).verdict == (PARTLY if t_mae_c < 0.6 else REPRODUCED)
        some = [
            *so_batched[:5],
            *(replace_error(run, 1.1 - t_mae_c) for run in so_batched[5:]),
        ]  # which decides nothing
        assert claims.single_techniques([*large, *narrow], some).verdict == INCONCLUSIVE
    combined = study_run(row_name("mlp", "width 0.5 + sparsity 0.8"), 1, 1_000, t_mae_c=0.4, rh_mae_pct=1.7)
    assert claims.single_techniques([*large, combined]).verdict == REPRODUCED


def replace_error(run: dict[str, Any], t_mae_c: float) -> dict[str, Any]:
    return {**run, "test": {**run["test"], "t_mae_c": t_mae_c}}


def spotters(**means: float) -> list[dict[str, Any]]:
    return [
        study_run(f"{name}_{features}", seed, accuracy_pct=mean + seed / 10)
        for name, mean in means.items()
        for features in ("mfcc", "stft")
        for seed in range(3)
    ]


def test_the_best_spotter_must_lead_by_more_than_chance() -> None:
    assert claims.spotter_networks(spotters(ds_cnn=92, cnn=90, mlp=80)).verdict == REPRODUCED
    assert claims.spotter_networks(spotters(ds_cnn=90, cnn=92, mlp=80)).verdict == NOT_REPRODUCED
    assert claims.spotter_networks(spotters(ds_cnn=90.05, cnn=90, mlp=80)).verdict == INCONCLUSIVE
    assert claims.spotter_networks(spotters(ds_cnn=90, cnn=90)).verdict == INCONCLUSIVE
    # the MLP is as good: the lead on the CNN alone is not enough
    assert claims.spotter_networks(spotters(ds_cnn=92, cnn=90, mlp=92)).verdict == INCONCLUSIVE


def test_the_hardest_error_is_missed_alone_more_often() -> None:
    rows = [row_name(network, technique) for network in ("mlp", "cnn") for technique in techniques(network)]

    def missing(t: int, rh: int, step: float = 0.001) -> list[dict[str, Any]]:
        """Recipes that miss one limit; one that misses both, and one that misses none."""
        kept = {"t_mae_c": 0.4, "rh_mae_pct": 1.7}
        figures = [{**kept, "t_mae_c": 0.9 + step * i} for i in range(t)]
        figures += [{**kept, "rh_mae_pct": 2.0 + step * i} for i in range(rh)]
        figures += [{"t_mae_c": 0.9, "rh_mae_pct": 2.0}, kept]
        return [run for row, each in zip(rows, figures, strict=False) for run in (study_run(row, 1, **each),)]

    assert claims.hardest_error(missing(1, 12)).verdict == REPRODUCED
    assert claims.hardest_error(missing(12, 1)).verdict == NOT_REPRODUCED
    assert claims.hardest_error(missing(5, 6)).verdict == INCONCLUSIVE
    assert claims.hardest_error(missing(0, 12, step=0)).verdict == INCONCLUSIVE  # the same files count once
    assert claims.hardest_error(missing(0, 0)).verdict == INCONCLUSIVE
    few = claims.hardest_error(missing(0, 5))
    assert few.verdict == INCONCLUSIVE
    assert few.evidence.endswith("all of one kind have p = 0.062")


@pytest.mark.parametrize(("size", "verdict"), [(34, REPRODUCED), (36, NOT_REPRODUCED)])
def test_margin_in_size(size: float, verdict: str) -> None:
    assert claims.margin_in_size(runs("kws_b", size * 1024)).verdict == verdict
    assert claims.margin_in_size([]).verdict == INCONCLUSIVE


def rates(high: float, low: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    report = [study_run("kws_b", seed, accuracy_pct=high + seed / 10) for seed in range(10)]
    others = [
        study_run(f"kws_b_rate_{rate}", seed, accuracy_pct=low + seed / 10)
        for rate in (0.01, 0.001)
        for seed in range(10)
    ]
    return report, others


def test_a_learning_rate_must_pass_and_be_better() -> None:
    assert claims.learning_rate(*rates(92, 88)).verdict == REPRODUCED
    assert claims.learning_rate(*rates(92, 93)).verdict == PARTLY
    assert claims.learning_rate(*rates(85, 84)).verdict == NOT_REPRODUCED
