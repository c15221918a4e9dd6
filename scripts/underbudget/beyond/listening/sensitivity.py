"""The listener's three sensitivities: which threshold each takes, by what is measured on validation sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.device.artifact import SENSITIVITIES

# Triggers per hour of speech that each sensitivity allows: two are what people bear all day long, ten what they bear
# while they use the listener, sixty what a program bears that asks back.
MOST_PER_HOUR = {"low": 2.0, "middle": 10.0, "high": 60.0}
# The share of words that must still be detected, in %: a model that meets the above only by detecting next to nothing
# is of more use to those who bear its triggers.
LEAST_DETECTED_PCT = {"low": 50.0, "middle": 70.0, "high": 85.0}


@dataclass(frozen=True)
class Point:
    """Of the DET curve: a threshold, words missed at it in %, triggers per hour of speech (None: no speech)."""

    threshold: float
    not_heard_pct: float
    per_hour: float | None


def choose(points: Sequence[Point]) -> dict[str, float]:
    """Choose a threshold for each of SENSITIVITIES from the DET curve on validation sounds.

    It is the lowest from which on all meet MOST_PER_HOUR. If fewer than LEAST_DETECTED_PCT of the words are detected
    at it, or none meets it, it is the highest that detects so many; and if none does, the one that detects most.

    Args:
        points: one or more, by rising threshold.
    """
    return {s: _threshold(points, MOST_PER_HOUR[s], 100 - LEAST_DETECTED_PCT[s]) for s in SENSITIVITIES}


def _threshold(points: Sequence[Point], most_per_hour: float, most_lost: float) -> float:
    bearable = max(most_lost, min(point.not_heard_pct for point in points))
    highest = max(point.threshold for point in points if point.not_heard_pct <= bearable)
    too_many = [p.threshold for p in points if p.per_hour is None or p.per_hour > most_per_hour]
    few = [p.threshold for p in points if p.threshold > max(too_many, default=0.0)]
    return min([highest, *few[:1]])
