"""The files of latencies and listeners: the conditions of measurement, and an entry for each model."""

import json
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.device.errors import UserError


class MeasuredModels:
    """A result file that keeps earlier measurements as long as they were made under the same conditions.

    Args:
        path: of the file.
        under: what comparable entries share, as JSON has it: how they were measured, on what, with what.

    Attributes:
        models: an entry for each model, by the SHA-256 of its file.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(self, path: Path, **under: Any) -> None:
        self.path, self.under = path, under
        before = read_result(path)
        same = all(before.get(key) == value for key, value in under.items())
        self.models: dict[str, Any] = before["models"] if same else {}

    def keep(self, sha256: str, entry: dict[str, Any]) -> None:
        """Write the entry of a model, beside those before it."""
        self.models[sha256] = entry
        files.write_json(self.path, {**self.under, "models": self.models})


def read_result(path: Path) -> dict[str, Any]:
    """Read a result, without any model if there is none.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {"models": {}}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {**content, "models": dict(content["models"])}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged: remove it and measure again") from None
