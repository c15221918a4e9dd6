"""Where models and results are kept: the published ones, and beside them those of this machine's runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import artifact
from device.artifact import Card
from pipeline import files
from pipeline.data.identity import Identity


@dataclass(frozen=True)
class ResultStore:
    """A folder of models, with one folder per recipe, and one of results, with one folder per kind of result."""

    models: Path
    results: Path

    @property
    def runs(self) -> Path:
        """One file per study, with one JSON line per run; the bench; and how well the spotters listen."""
        return self.results / "runs"

    @property
    def latency(self) -> Path:
        """One file per device."""
        return self.results / "latency"

    @property
    def derived(self) -> Path:
        """What is computed from models and runs: claims, the table of versions, examples."""
        return self.results / "derived"

    @property
    def page(self) -> Path:
        """The page and its plots."""
        return self.results / "page"

    @property
    def bench_path(self) -> Path:
        """The result of `make bench`."""
        return self.runs / "bench.json"

    def bench(self) -> dict[str, Any]:
        """Return the result of `make bench`, empty if there is none."""
        return _read_json(self.bench_path)

    @property
    def naive_path(self) -> Path:
        """The errors of forecasts that need no network, a result of `make baselines`."""
        return self.runs / "naive.json"

    def naive(self) -> dict[str, Any]:
        """Return the errors of forecasts that need no network, empty if there are none."""
        return _read_json(self.naive_path)

    @property
    def listening_path(self) -> Path:
        """The result of `make listening`."""
        return self.runs / "listening.json"

    def listening(self) -> dict[str, Any]:
        """Return the result of `make listening`, empty if there is none."""
        return _read_json(self.listening_path)

    @property
    def engine_path(self) -> Path:
        """The result of `make engine`."""
        return self.runs / "engine.json"

    def engine(self) -> dict[str, Any]:
        """Return the result of `make engine`, empty if there is none."""
        return _read_json(self.engine_path)

    def search_path(self, name: str) -> Path:
        """Return the result file of a search."""
        return self.runs / "search" / f"{name}.json"

    def searches(self) -> list[dict[str, Any]]:
        """Return the results of all searches, by task and from the smallest limit on size; none if there are none."""
        found = [_read_json(path) for path in sorted(self.search_path("*").parent.glob("*.json"))]
        return sorted(found, key=lambda search: (search["task"], size_limit(search)))

    def card(self, recipe: str, name: str) -> Card | None:
        """Return the card of a version by a recipe, if there is one.

        Raises:
            UserError: the model does not match its card.
        """
        folder = self.models / recipe
        return artifact.load(folder, name)[0] if (folder / f"{name}.json").exists() else None

    def trials_path(self, study: str) -> Path:
        """Return the file of a study."""
        return self.runs / f"{study}.jsonl"

    def trials(self, study: str) -> list[dict[str, Any]]:
        """Return the trials of a study; none if there are none."""
        return files.read_json_lines(self.trials_path(study))


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content


PUBLISHED = ResultStore(files.MODELS, files.RESULTS)
LOCAL = ResultStore(files.MODELS / "local", files.RESULTS / "local")
SYNTHETIC = ResultStore(files.MODELS / "synthetic", files.RESULTS / "synthetic")


def store_of(identity: Identity) -> ResultStore:
    """Return where this machine keeps what it makes from data."""
    return SYNTHETIC if identity.synthetic else LOCAL


def latest_path(name: str, data: str) -> Path | None:
    """Return the file of this machine's run of a version by the report's recipe, on the data that DATA asks for."""
    stores = {"auto": (LOCAL, SYNTHETIC), "real": (LOCAL,), "synthetic": (SYNTHETIC,)}[data]
    paths = (store.models / "report" / f"{name}.tflite.zlib" for store in stores)
    return next((path for path in paths if path.exists()), None)


def latest(name: str, data: str) -> Card | None:
    """Return the card of `latest_path`.

    Raises:
        UserError: the model does not match its card.
    """
    path = latest_path(name, data)
    return artifact.load_file(path)[0] if path else None


def size_limit(search: Mapping[str, Any]) -> float:
    """Return the limit on size, in kB, that a search was given, or infinity."""
    return limits_of(search).get("size_kb", float("inf"))


def limits_of(search: Mapping[str, Any]) -> dict[str, float]:
    """Return the limits that a search was given, by metric."""
    return {limit["metric"]: limit["limit"] for limit in search["limits"]}
