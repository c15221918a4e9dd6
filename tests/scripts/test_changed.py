"""A recipe with changed fields, as a student tries it: built, compared, kept apart from the recipe itself."""

import csv
import json
import re
from pathlib import Path

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
    sides = (f"th_b {SHORT}", "th_b improved")
    assert run("25_compare.py", *sides, "--seeds", "1", *SYNTHETIC).returncode == 0
    done = run("25_compare.py", *sides, "--seeds", "2", *SYNTHETIC)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\d) of 2 runs are up to date", done.stdout)[0] == "1"
    runs = project / "results" / "synthetic" / "runs"
    found = [
        [line for line in map(json.loads, (runs / name).read_text().splitlines()) if line["seed"] < 3]
        for name in ("report/epochs=1+batch_size=512.jsonl", "improved.jsonl")
    ]
    ours, theirs = ([line["test"]["t_mae_c"] for line in side] for side in found)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("T MAE, °C ")]
    assert line.endswith(f"{(theirs[0] - ours[0] + theirs[1] - ours[1]) / 2:+.3f}")
    assert "fewer than 3 give no interval" in done.stdout
    # by hand: kernels of 3 x 2 x 7 at 4 places, 28 x 7, 7 x 12; and one matrix, 12 x 12
    (table,) = (project / "results" / "synthetic" / "compare").glob("*.csv")
    assert list(csv.reader(table.read_text().splitlines()))[-1][2:5] == ["448", "144", "-304"]
    assert done.stdout.splitlines()[-2:] == [
        f"to hand in: {path.relative_to(project)}" for path in (table, table.with_suffix(".md"))
    ]
    # the page of results and what is published read runs/*.jsonl
    assert not any("epochs=1" in path.name for path in runs.glob("*.jsonl"))
    assert found[0][1]["made_with"] == f"make th_b RECIPE=report SET='{SHORT}' SEED=2"
