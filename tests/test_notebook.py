"""The notebook: its form, and what its cells find out on tiny synthetic data."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, clean_environment

NOTEBOOK = ROOT / "examples" / "pipeline.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
REAL = "ub.load_speech()"


def test_it_is_small_and_says_why_before_each_step_and_holds_no_data() -> None:
    kinds = [cell["cell_type"] for cell in CELLS]
    assert len(CODE) <= 16
    assert kinds == ["markdown", *["markdown", "code"] * len(CODE), "markdown"]
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    assert max(code.count("\n") for code in CODE) < 11
    assert NOTEBOOK.stat().st_size < 16_000
    for cell in CELLS:  # outputs would show clips of the data set, and figures that grow old
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
        assert not cell.get("outputs") and cell.get("execution_count") is None
    for link in [part.split(")")[0] for text in CELLS for part in "".join(text["source"]).split("](")[1:]]:
        assert (NOTEBOOK.parent / link).exists(), link


CHECKS = """
from ai_edge_litert.interpreter import Interpreter

def puts_out(file, inputs):  # without any code of ours
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    at, to = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for x in inputs:
        interpreter.set_tensor(at, x[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(to)[0])
    return np.array(outputs)

def accuracy(outputs):
    return round(100 * float((outputs.argmax(axis=1) == speech.labels("test")).mean()), 3)

assert speech.identity.description.startswith("SYNTHETIC")
assert list(steps) == ["float", "pruned", "int8", "slimmed"]
whole, compressed, accuracies = zip(*steps.values())
assert compressed[0] > compressed[1] > compressed[2] > compressed[3] == len(small.file), steps
assert abs(whole[1] - whole[0]) < 100 and whole[1] > 2 * whole[2] > 2 * whole[3], steps
test = np.stack([ub.features(clip, front_end) for clip in speech.clips("test")])
expected, found = pruned.predict(test, verbose=0), puts_out(zlib.decompress(small.file), test)
assert 0 < np.abs(found - expected).mean() < 0.05 * expected.std()
assert accuracies[0] == accuracy(model.predict(test, verbose=0)) > 50  # of eight words
assert accuracies[1] == accuracy(expected)
assert accuracies[2] == accuracies[3] == result.metrics["accuracy_pct"] == accuracy(found)
zeros = [float((layer.kernel.numpy() == 0).mean()) for layer in pruned.layers if hasattr(layer, "kernel")]
# of 9 steps an epoch, pruning takes the first alone, at 30 %: it follows its schedule every 100 steps
np.testing.assert_allclose(zeros, 0.3, atol=0.002)
frames = (47, 24, 12)  # 49 less the first kernel's border, halved twice
assert ub.costs(small.file).macs == 47 * 3 * 24 * 64 + sum(frames) * (9 * 64 + 64 * 64) + 64 * 8
assert [found.word for found in spotter.listen([sound])] == ["yes"]
"""


def test_its_cells_run_and_what_they_show_is_right(project: Path, tmp_path: Path) -> None:
    """As in Jupyter: one after the other, in one process, in the notebook's folder."""
    shutil.copytree(project / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(project / "data", tmp_path / "data")
    shutil.copytree(NOTEBOOK.parent, tmp_path / "examples")
    assert sum(code.count(REAL) for code in CODE) == 1
    without_real_data = [code.replace(REAL, "ub.load_speech('no such folder')") for code in CODE]
    environment = {**clean_environment(), "MPLBACKEND": "agg", "PYTHONPATH": str(tmp_path / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", "\n\n".join([*without_real_data, CHECKS])],
        cwd=tmp_path / "examples",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no such folder" in done.stdout
    left = {path.name for path in (tmp_path / "examples").iterdir()}
    assert left == {path.name for path in NOTEBOOK.parent.iterdir()}
