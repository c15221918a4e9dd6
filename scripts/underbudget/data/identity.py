"""The identity of the data that a result was made from."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SYNTHETIC_SOURCE = "synthetic"
OWN_SOURCE = "own"
SPLITS = ("train", "validation", "test")  # arrays hold a place in it for each row or clip


@dataclass(frozen=True)
class Identity:
    """Identity of a data set, written to every card made from it.

    Attributes:
        source: "official", "local" (a mirror's), "own" (the user's, unless the content is the official one) or
            "synthetic"; of other sounds also "mirror" or "made".
        description: for a person.
        digest: SHA-256 of the content, whatever container it came in.
        split: the rule that split it.
    """

    source: str
    description: str
    digest: str
    split: str

    @property
    def synthetic(self) -> bool:
        return self.source == SYNTHETIC_SOURCE

    @property
    def name(self) -> str:
        """The name of the file or folder that it came from."""
        return self.description.partition(", ")[0].removesuffix(" (the user's own)")

    @property
    def folder(self) -> str:
        """A name for a folder of what is made from it: another one for other data."""
        name = re.sub(r"\W+", "_", Path(self.name).stem)
        return f"{name[:40]}-{self.digest[:8]}"

    @property
    def own(self) -> bool:
        return self.source == OWN_SOURCE


def digest_arrays(*arrays: NDArray[Any]) -> str:
    """Compute a SHA-256 over shape, type and bytes of each array."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
