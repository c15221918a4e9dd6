"""What the README says in sentences is true of the published results, by another way of counting."""

import json
import re
import zlib
from dataclasses import replace

from helpers import ROOT, study_run

from underbudget.recipes import ARITHMETIC
from underbudget.reproduction.results import read_results
from underbudget.results_page import listening_tables, sentences, speaker_tables, tables, version_tables
from underbudget.store import PUBLISHED

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 8_000  # what comes on top belongs to docs


def test_the_five_versions_in_one_line_each() -> None:
    """The report's figures and ours, from its own text and from the files."""
    lines = [line.strip("| ").split(" | ") for line in version_tables.five(read_results(PUBLISHED)).splitlines()[2:]]
    assert [line[0] for line in lines] == [f"`{name}`" for name in ("th_a", "th_b", "kws_a", "kws_b", "kws_c")]
    assert lines[0][1:3] == ["< 0.5 °C, < 1.8 %, < 2 kB", "0.44, 1.75, 1.95"]
    test = json.loads((ROOT / "models/report/kws_c.json").read_text())
    size = test["file"]["converted_compressed_bytes"] / 1024
    missed = f"**{test['test']['accuracy_pct']:.2f}**"
    assert lines[4][3] == f"{missed}, {size:.2f}, open"


def test_two_files_meet_every_limit_of_all_five() -> None:
    """The limits are written out here once more, as the homework states them."""
    text = sentences.headline(read_results(PUBLISHED))
    assert text in README
    limits: dict[str, dict[str, float]] = {
        "forecaster": {"t_mae_c": 0.5, "rh_mae_pct": 1.8, "bytes": 1.7 * 1024},
        "spotter": {"accuracy_pct": 90, "bytes": 25 * 1024},
    }
    others = r"\(.*?stripped like ours: ([\d,]+) or more\)"
    found = re.findall(rf"\[([\d,]+) bytes\]\(models/(\S+)\.json\) meets .*?(\w+)s {others}", text)
    for size, name, what, other in found:
        file = (ROOT / "models" / f"{name}.tflite.zlib").read_bytes()
        test = json.loads((ROOT / "models" / f"{name}.json").read_text())["test"]
        assert size == f"{len(file):,}"
        assert len(zlib.decompress(file)) > len(file)
        asked = limits.pop(what)
        # read by eye from the files of others
        assert other == {"forecaster": "781", "spotter": "14,263"}[what]
        assert len(file) < asked.pop("bytes")
        for metric, limit in asked.items():
            assert test[metric] > limit if metric == "accuracy_pct" else test[metric] < limit
    assert not limits  # both are named


def test_what_the_listeners_do_is_said() -> None:
    text = listening_tables.listeners(read_results(PUBLISHED))
    assert text in README
    for name in ("live/kws_a", "live/kws_c"):
        (entry,) = [e for e in PUBLISHED.listening()["models"].values() if e["model"] == name]
        found = entry["test"]["middle"]
        (line,) = [line for line in text.splitlines() if f"`{name}`" in line]
        assert f" | {100 * found['quiet']['heard'] / found['quiet']['said']:.0f} % | " in line
        assert f" | {found['speech']['triggers'] / found['speech']['hours']:.0f} (" in line


def test_strangers_are_set_beside_the_course_s_split() -> None:
    """The means are taken here from the files of results, in another way."""
    text = speaker_tables.strangers(read_results(PUBLISHED))
    assert text in (ROOT / "docs" / "smaller.md").read_text(encoding="utf-8")
    for recipes, who in ((("report",), "the report's recipes"), (("improved", "smallest"), "ours")):
        spans = []
        for suffix in ("-by-speaker", ""):
            means = []
            for recipe in recipes:
                both = [PUBLISHED.study_runs(recipe + end) for end in ("-by-speaker", "")]
                for name in ("kws_a", "kws_b", "kws_c"):
                    numbers = {run["arithmetic"] for runs in both for run in runs if run["version"] == name}
                    seen = [
                        run["test"]["accuracy_pct"]
                        for run in PUBLISHED.study_runs(recipe + suffix)
                        if run["version"] == name
                    ]
                    if seen and len(numbers) == 1:
                        means.append(sum(seen) / len(seen))
            spans.append(f"{min(means):.1f} to {max(means):.1f} %")
        assert f"{spans[0]} by {who} (by the course's split {spans[1]})" in text


def test_forecasters_that_learnt_one_output_only_are_counted() -> None:
    results = read_results(PUBLISHED)
    runs = [study_run("th_b", seed, t_mae_c=t, rh_mae_pct=rh) for seed, (t, rh) in enumerate(
        [(0.5, 1.8), (0.9, 1.8), (0.5, 3.6), (2.5, 15.6), (0.4, 1.7)])]  # fmt: skip
    runs += [study_run("th_a", seed, t_mae_c=0.5, rh_mae_pct=1.8) for seed in range(3)]
    text = tables.failed_runs(replace(results, runs={"report": runs}))
    assert text.startswith("Runs that did not learn one output: 2 of 5 of `th_b`. ")
    assert tables.failed_runs(replace(results, runs={"report": runs[5:]})) == ""


def test_studies_of_earlier_code_are_named() -> None:
    now = {**study_run("kws_a", accuracy_pct=90.0), "seconds": 1, "arithmetic": ARITHMETIC["keyword_spotting"]}
    of_kernels = study_run("kws_a, float", accuracy_pct=90.0)  # is no training: it has no arithmetic
    made = {"report": [now], "rates": [now, {**now, "arithmetic": 1}], "kernels": [of_kernels]}
    text = tables.provenance(replace(read_results(PUBLISHED), runs=made))
    assert text.endswith("\nSome runs of these studies are of earlier code: rates.\n")
    assert "earlier code" not in tables.provenance(replace(read_results(PUBLISHED), runs={"report": [now]}))


def test_means_leave_out_runs_that_did_not_learn() -> None:
    runs = [
        {**study_run("th_a_2009", seed, t_mae_c=t, rh_mae_pct=1.8), "seconds": 1}
        for seed, t in enumerate((0.4, 0.5, 2.5))
    ]
    text = tables.studies(replace(read_results(PUBLISHED), runs={"years": runs}))
    assert "| years | `th_a_2009` | 0.450 (" in text and "| 2 of 3 |" in text


def test_the_naive_forecasts_are_judged_as_the_models_are() -> None:
    results = read_results(PUBLISHED)
    text = sentences.naive(results)
    assert text in README
    assert "0.466 °C and 2.088 % and meets 2 of the 4 limits on error" in text
    assert "4 are met by *last reading and the usual change at this month and time* (0.356 °C and 1.767 %) and" in text
    assert "by *least squares, 12 inputs and a constant* (0.359 °C and 1.735 %)." in text
    error = json.loads((PUBLISHED.models / "report" / "th_b.json").read_text())["test"]["t_mae_c"]
    runs = [run["test"]["t_mae_c"] for run in PUBLISHED.study_runs("report") if run["version"] == "th_b"]
    others = f"so are {sum(each > 0.466 for each in runs)} of its {len(runs)} trainings.\n"
    assert text.endswith(f"`report/th_b` ({error:.3f} °C) is worse than repeating the last reading; {others}")
    perfect = {name: {**f, "t_mae_c": 0.6} for name, f in results.naive_forecasts().items()}
    turned = sentences.naive(replace(results, naive={"forecasts": perfect}))
    assert "meets 0 of the 4" in turned
    assert "is worse" not in turned
