"""A recipe with changed fields, as a student tries it: built, compared, kept apart from the recipe itself."""

import csv
import json
from pathlib import Path

import numpy as np
import scipy.stats
from helpers import SYNTHETIC, Run

SHORT = "epochs=1 batch_size=512"


def test_a_changed_recipe_lies_apart_and_its_card_says_what_was_changed(run: Run, project: Path) -> None:
    models = project / "models" / "synthetic" / "report"
    before = {path: path.read_bytes() for path in models.glob("*")} if models.exists() else {}
    done = run("04_th_b.py", *SYNTHETIC, "--set", f"batch_size=512 {SHORT[:8]} pruning=none", "--seed", "3")
    assert done.returncode == 0, done.stderr
    folder = models / "pruning=none+epochs=1+batch_size=512"
    card = json.loads((folder / "th_b.json").read_text())
    assert card["made_from"]["recipe_name"] == "report/pruning=none+epochs=1+batch_size=512"
    fit = card["made_from"]["recipe"]["fit"]
    assert (fit["epochs"], fit["batch_size"], fit["pruning"]) == (1, 512, None)
    assert len(card["curve"]["loss"]) == 1
    assert card["made_with"] == "make th_b RECIPE=report SET='pruning=none epochs=1 batch_size=512' SEED=3"
    assert (
        "is up to date"
        in run("04_th_b.py", *SYNTHETIC, "--set", "epochs=1 batch_size=512 pruning=none", "--seed=3").stdout
    )
    assert {path: path.read_bytes() for path in models.glob("*") if path.is_file()} == before
    refused = run("04_th_b.py", *SYNTHETIC, "--set", "width=2")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("error: width=2: network.width is 2.0")
    impossible = run("07_kws_c.py", *SYNTHETIC, "--set", "strides=8,8 epochs=1")
    assert impossible.returncode == 1 and "Traceback" not in impossible.stderr
    assert "it can't take inputs of shape (32, 32, 1)" in impossible.stderr


def test_a_comparison_resumes_and_says_what_the_runs_say(run: Run, project: Path) -> None:
    sides = (f"th_b {SHORT}", f"th_b {SHORT} width=0.5")
    assert run("25_compare.py", *sides, "--seeds", "1", *SYNTHETIC).returncode == 0
    done = run("25_compare.py", *sides, "--seeds", "3", *SYNTHETIC)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1 of 3 runs are up to date") == 2
    runs = project / "results" / "synthetic" / "runs"
    found = [
        [json.loads(line) for line in (runs / "report" / f"{name}.jsonl").read_text().splitlines()]
        for name in ("epochs=1+batch_size=512", "width=0.5+epochs=1+batch_size=512")
    ]
    ours, theirs = ([line["test"]["t_mae_c"] for line in side] for side in found)
    low, high = scipy.stats.ttest_rel(theirs, ours).confidence_interval()
    text = f"{np.mean(np.subtract(theirs, ours)):+.3f} ({low:+.3f} to {high:+.3f})"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("T MAE, °C ")]
    assert line.endswith(text)
    # by hand: kernels of 3 x 2 x units at 4 places, 4 x units x units, units x 12; of 7 and 32 units
    macs = [4 * 3 * 2 * units + 4 * units * units + units * 12 for units in (7, 32)]
    (table,) = (project / "results" / "synthetic" / "compare").glob("*.csv")
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows[-1][2:5] == [str(macs[0]), str(macs[1]), str(macs[1] - macs[0])]
    assert {path.name for path in table.parent.iterdir()} == {table.name, f"{table.stem}.md"}
    assert done.stdout.splitlines()[-2:] == [
        f"to hand in: {path.relative_to(project)}" for path in (table, table.with_suffix(".md"))
    ]
    # the page of results and what is published read runs/*.jsonl
    assert not any("epochs=1" in path.name for path in runs.glob("*.jsonl"))
    assert found[0][2]["made_with"] == f"make th_b RECIPE=report SET='{SHORT}' SEED=3"
