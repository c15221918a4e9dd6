"""Where models and results stand: what is published, and what this machine made beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import artifact
from device.artifact import Card
from pipeline import files


@dataclass(frozen=True)
class Place:
    """A folder of models, with a folder a recipe in it; one of results; one of latencies, with a file a device."""

    models: Path
    results: Path
    latency: Path

    def card(self, recipe: str, name: str) -> Card | None:
        """The card of a version by a recipe, if it stands here.

        Raises:
            UserError: the model does not match its card.
        """
        folder = self.models / recipe
        return artifact.load(folder, name)[0] if (folder / f"{name}.json").exists() else None

    def trials_path(self, study: str) -> Path:
        return self.results / f"seeds-{study}.jsonl"

    def trials(self, study: str) -> list[dict[str, Any]]:
        """The trials of a study; none if there are none."""
        return files.read_json_lines(self.trials_path(study))


PUBLISHED = Place(files.MODELS, files.RESULTS, files.RESULTS / "latency")
HERE = Place(files.MODELS / "local", files.RESULTS / "local", files.RESULTS / "local" / "latency")
STAND_IN = Place(files.MODELS / "standin", files.RESULTS / "standin", HERE.latency)
