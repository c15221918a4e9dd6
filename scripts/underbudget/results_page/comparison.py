"""Two recipes side by side, seed by seed: a table for the terminal, and the same to hand in."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from underbudget import files
from underbudget.intervals import mean_interval
from underbudget.metrics import KB, METRICS, TASK_METRICS, Metric, all_met
from underbudget.overrides import in_words
from underbudget.recipes import Version
from underbudget.reproduction.runs import Run, failed, metric_values, size
from underbudget.results_page.markdown import literal, markdown_table
from underbudget.store import NO_VERDICT

LEAST_PAIRS = 3  # the interval of two differences says nothing
COSTS = {"bytes": Metric("size", "bytes", 0), "macs": Metric("multiply-accumulates", "per inference", 0)}


@dataclass(frozen=True)
class Side:
    """A version by one of its recipes, with its runs, in the order of their seeds."""

    version: Version
    recipe_name: str
    runs: Sequence[Run]

    def __str__(self) -> str:
        return f"{self.version.name} {in_words(self.recipe_name)}"

    def figures(self) -> list[tuple[Metric, list[float]]]:
        """Return each figure of a model, with its value in each run."""
        quality = [(METRICS[name], metric_values(self.runs, name)) for name in TASK_METRICS[self.version.task]]
        costs = [(cost, [float(run[key]) for run in self.runs]) for key, cost in COSTS.items()]
        return [*quality, *costs]

    def within_limits(self) -> int:
        """Return how many runs meet all limits but those on latency, by the bytes of the file itself, as cards do."""
        found = ({**run["test"], "size_kb": run["bytes"] / KB} for run in self.runs)
        return sum(all_met(self.version.offline_limits, figures) for figures in found)


@dataclass(frozen=True)
class Row:
    """A figure of both sides, mean over seeds; B less A, with its 95 % interval unless the seeds are too few."""

    figure: Metric
    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Comparison:
    """Two sides with runs of the same seeds.

    Attributes:
        judged: whether limits mean anything: on synthetic data none is met or missed.
    """

    a: Side
    b: Side
    judged: bool

    def rows(self) -> list[Row]:
        """Compare each figure; the interval is Student's, of the differences seed by seed."""
        result = []
        for (figure, ours), (_, theirs) in zip(self.a.figures(), self.b.figures(), strict=True):
            difference, low, high = mean_interval(np.subtract(theirs, ours).tolist())
            interval = (low, high) if len(ours) >= LEAST_PAIRS else None
            result.append(Row(figure, float(np.mean(ours)), float(np.mean(theirs)), difference, interval))
        return result

    def table(self) -> str:
        """Return the comparison as a Markdown table."""
        lines = []
        for row in self.rows():
            digits = row.figure.digits
            cells = [f"{row.figure.title}, {row.figure.unit}", f"{row.a:,.{digits}f}", f"{row.b:,.{digits}f}"]
            low, high = row.interval or (0, 0)
            spread = f" ({low:+,.{digits}f} to {high:+,.{digits}f})" if low < high else ""  # none where no seed differs
            lines.append([*cells, f"{row.difference:+,.{digits}f}{spread}"])
        lines += [[title, f"{a} of {count}", f"{b} of {count}", ""] for title, a, b, count in self._within_limits()]
        return markdown_table(["mean over seeds", f"A: {self.a}", f"B: {self.b}", "B less A (95 %)"], lines)

    def notes(self) -> list[str]:
        """Say how to read the table."""
        seeds = [run["seed"] for run in self.a.runs]
        told = f"{len(seeds)} runs a side, seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else "1 run a side"
        if len(seeds) < LEAST_PAIRS:
            told += f": fewer than {LEAST_PAIRS} give no interval, and chance alone may make such a difference"
        else:
            told += "; in brackets Student's 95 % interval of the differences seed by seed: where it includes 0, these"
            told += " runs do not tell A and B apart"
        notes = [told]
        if any(size(run) != run["bytes"] for side in (self.a, self.b) for run in side.runs):
            notes.append("sizes are of the files that are made; tables of the report's recipes have them as converted")
        for side in (self.a, self.b):
            if lost := failed(side.runs):
                notes.append(f"{side}: seed {', '.join(str(run['seed']) for run in lost)} did not learn one output")
        return notes if self.judged else [NO_VERDICT, *notes]

    def as_csv(self) -> str:
        """Return the comparison as CSV, with all digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["figure", "unit", f"A: {self.a}", f"B: {self.b}", "B less A", "95 % low", "95 % high"])
        for row in self.rows():
            values = [row.a, row.b, row.difference, *(row.interval or ())]
            writer.writerow([row.figure.title, row.figure.unit, *(f"{value:.8g}" for value in values)])
        writer.writerows([title, f"of {count} runs", a, b] for title, a, b, count in self._within_limits())
        return text.getvalue()

    def __str__(self) -> str:
        return "_and_".join(f"{side.version.name}-{side.recipe_name.replace('/', '-')}" for side in (self.a, self.b))

    def _within_limits(self) -> list[tuple[str, int, int, int]]:
        """Return a title, the runs of each side that meet all limits, and the runs of each; nothing if not judged."""
        if not self.judged:
            return []
        title = f"runs that meet all limits{self.a.version.but_latency or self.b.version.but_latency}"
        return [(title, self.a.within_limits(), self.b.within_limits(), len(self.a.runs))]


def compared(a: Side, b: Side, judged: bool) -> Comparison | None:
    """Compare two sides on the seeds that both have; None if there are none."""
    runs = [{run["seed"]: run for run in side.runs} for side in (a, b)]
    seeds = sorted(runs[0].keys() & runs[1].keys())
    left, right = ([of[seed] for seed in seeds] for of in runs)
    sides = Side(a.version, a.recipe_name, left), Side(b.version, b.recipe_name, right)
    return Comparison(*sides, judged) if seeds else None


def write(comparison: Comparison, folder: Path, made_with: str) -> list[Path]:
    """Write a comparison as CSV and as Markdown, which also says how to read it; return the paths."""
    notes = "".join(f"- {literal(note)}\n" for note in (*comparison.notes(), made_with))
    texts = {"csv": comparison.as_csv(), "md": f"{comparison.table()}\n{notes}"}
    paths = [folder / f"{comparison}.{kind}" for kind in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        files.write_text(path, text)
    return paths
