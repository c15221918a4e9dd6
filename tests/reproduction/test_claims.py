"""Every verdict can turn: claims judged on made-up runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from underbudget.reproduction import claims
from underbudget.reproduction.host import EMULATED, EMULATED_RESULT, PI
from underbudget.reproduction.reference import load_reference, reported, row_name
from underbudget.reproduction.results import Results, read_results
from underbudget.store import PUBLISHED, ResultStore

MLP, CNN = (row_name(network, "none") for network in ("mlp", "cnn"))


def run(version: str, seed: int = 1, size: float = 1000, **test: float) -> dict[str, Any]:
    return {
        "version": version,
        "recipe": "report",
        "seed": seed,
        "bytes": size,
        "converted_bytes": size,
        "clips": 800,
        "test": test,
    }


def runs(version: str, size: float = 1000, **means: float) -> list[dict[str, Any]]:
    """Five runs that differ a little."""
    return [
        run(version, seed, size + seed, **{metric: mean + seed / 1000 for metric, mean in means.items()})
        for seed in range(5)
    ]


@pytest.mark.parametrize(
    ("mlp_kb", "cnn_kb", "verdict"),
    [(72, 66, claims.REPRODUCED), (72, 3, claims.PARTLY), (1, 1, claims.PARTLY)],
)
def test_unoptimised_sizes(mlp_kb: float, cnn_kb: float, verdict: str) -> None:
    assert claims.unoptimised_sizes([*runs(MLP, mlp_kb * 1024), *runs(CNN, cnn_kb * 1024)]).verdict == verdict
    assert claims.unoptimised_sizes(runs(MLP)).verdict == claims.INCONCLUSIVE


def test_unoptimised_errors() -> None:
    theirs = load_reference()["report"]["baselines"]

    def judged(mlp: float, cnn: float) -> str:
        offsets = {MLP: ("th_mlp", mlp), CNN: ("th_cnn", cnn)}
        made = [
            each
            for row, (key, off) in offsets.items()
            for each in runs(row, **{m: theirs[key][m] - 0.002 + off for m in ("t_mae_c", "rh_mae_pct")})
        ]
        return claims.unoptimised_errors(made).verdict

    assert judged(0, 0) == claims.REPRODUCED
    assert judged(0, 0.5) == claims.PARTLY
    assert judged(0.5, 0.5) == claims.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("cnn_bytes", "mlp_error", "verdict"),
    [
        (900, 1.7, claims.REPRODUCED),
        (900, 1.8, claims.PARTLY),  # no difference
        (900, 1.9, claims.PARTLY),  # lighter, but better as well
        (1100, 1.9, claims.NOT_REPRODUCED),
    ],
)
def test_size_against_error(cnn_bytes: float, mlp_error: float, verdict: str) -> None:
    made = [*runs(MLP, 1000, rh_mae_pct=mlp_error), *runs(CNN, cnn_bytes, rh_mae_pct=1.8)]
    assert claims.size_against_error(made).verdict == verdict


@pytest.mark.parametrize(
    ("mfcc", "stft", "verdict"),
    [(91, 88, claims.REPRODUCED), (88, 91, claims.NOT_REPRODUCED), (90, 90, claims.INCONCLUSIVE)],
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
    ("inference", "verdict"),
    [
        ({"kws_a": 300, "kws_b_int8": 300, "kws_c": 300}, claims.REPRODUCED),
        ({"kws_a": 300}, claims.PARTLY),
        ({}, claims.NOT_REPRODUCED),
    ],
)
def test_quantisation_latency(tmp_path: Path, inference: dict[str, int], verdict: str) -> None:
    # the models of one recipe each: cards of the report's kws_a and of improved/kws_a share a name, not a digest
    results = counted(tmp_path, inference, {})
    assert claims.quantisation_latency(results).verdict == verdict
    steady = {"steady": {"inference_ms": {"median": 2.0}}}
    models = {card.sha256: steady for (_, name), card in results.cards.items() if name != "kws_b_int8"}
    host = {"device": {"kind": "host"}, "models": models}
    timed = claims.quantisation_latency(replace(results, latencies={**results.latencies, "host.json": host}))
    assert timed.verdict == verdict  # times are told, and do not decide
    assert timed.evidence.count(" 1.00 times as long (host)") == 2


@pytest.mark.parametrize(("mfcc", "verdict"), [(300, claims.REPRODUCED), (50, claims.NOT_REPRODUCED)])
def test_mfcc_cost(tmp_path: Path, mfcc: int, verdict: str) -> None:
    assert claims.mfcc_cost(counted(tmp_path, {}, {"kws_a": mfcc})).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "milliseconds", "verdict"),
    [
        (PI, 0.5, claims.REPRODUCED),
        (PI, 10, claims.PARTLY),  # too slow for kws_b's inference, not for kws_c in total
        (PI, 100, claims.NOT_REPRODUCED),
        ("host", 0.5, claims.INCONCLUSIVE),
    ],
)
def test_latency(tmp_path: Path, kind: str, milliseconds: float, verdict: str) -> None:
    entry = {metric: {"mean": milliseconds} for metric in ("inference_ms", "total_ms")}
    models = {card.sha256: entry for card in read_results(PUBLISHED).cards.values()}
    store = ResultStore(PUBLISHED.models, tmp_path)
    store.latency.mkdir()
    content = {"device": {"kind": kind}, "protocol": {}, "models": models}
    (store.latency / "device.json").write_text(json.dumps(content))
    assert claims.latency(read_results(store)).verdict == verdict
    assert f"{reported('kws_b')['inference_ms']:.2f} ms" in claims.latency(read_results(store)).claim


def verdict_of_th_a(met: int, runs: int) -> str:
    """With so many runs that keep all limits."""
    errors = [0.4 + seed / 1000 if seed < met else 0.7 for seed in range(runs)]
    made = [run("th_a", seed, t_mae_c=error, rh_mae_pct=1.7) for seed, error in enumerate(errors)]
    return claims.version_claim("th_a", made).verdict


def test_a_version_is_judged_by_the_interval_of_its_share() -> None:
    assert verdict_of_th_a(10, 10) == claims.REPRODUCED
    assert verdict_of_th_a(6, 10) == claims.PARTLY
    assert verdict_of_th_a(0, 10) == claims.NOT_REPRODUCED
    assert claims.version_claim("th_a", []).verdict == claims.INCONCLUSIVE


def test_one_run_within_all_limits_is_told_of_the_single_techniques() -> None:
    rows = [row_name(network, "sparsity 0.8") for network in ("mlp", "cnn")]
    large = [run(row, seed, 20_000, t_mae_c=0.4, rh_mae_pct=1.7) for row in rows for seed in range(5)]
    assert claims.single_techniques(large).verdict == claims.REPRODUCED
    assert claims.single_techniques([*large, run(rows[0], 6, 1_000, t_mae_c=0.4, rh_mae_pct=1.7)]).verdict == (
        claims.PARTLY
    )
    combined = run(row_name("mlp", "width 0.5 + sparsity 0.8"), 1, 1_000, t_mae_c=0.4, rh_mae_pct=1.7)
    assert claims.single_techniques([*large, combined]).verdict == claims.REPRODUCED


def spotters(**means: float) -> list[dict[str, Any]]:
    return [
        run(f"{name}_{features}", seed, accuracy_pct=mean + seed / 10)
        for name, mean in means.items()
        for features in ("mfcc", "stft")
        for seed in range(3)
    ]


def test_the_best_spotter_must_lead_by_more_than_chance() -> None:
    assert claims.spotter_networks(spotters(ds_cnn=92, cnn=90, mlp=80)).verdict == claims.REPRODUCED
    assert claims.spotter_networks(spotters(ds_cnn=90, cnn=92, mlp=80)).verdict == claims.NOT_REPRODUCED
    assert claims.spotter_networks(spotters(ds_cnn=90.05, cnn=90, mlp=80)).verdict == claims.INCONCLUSIVE
    assert claims.spotter_networks(spotters(ds_cnn=90, cnn=90)).verdict == claims.INCONCLUSIVE


def rates(high: float, low: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    report = [run("kws_b", seed, accuracy_pct=high + seed / 10) for seed in range(10)]
    others = [
        run(f"kws_b_rate_{rate}", seed, accuracy_pct=low + seed / 10) for rate in (0.01, 0.001) for seed in range(10)
    ]
    return report, others


def test_a_learning_rate_must_pass_and_be_better() -> None:
    assert claims.learning_rate(*rates(92, 88)).verdict == claims.REPRODUCED
    assert claims.learning_rate(*rates(92, 93)).verdict == claims.PARTLY
    assert claims.learning_rate(*rates(85, 84)).verdict == claims.NOT_REPRODUCED
