"""The listener's settings, chosen on validation sounds: smoothing and gate, and a threshold for each sensitivity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from underbudget.beyond.listening.figures import Point
from underbudget.beyond.listening.scores import CLEAN, NOISY
from underbudget.device.artifact import SENSITIVITIES
from underbudget.device.listen import Settings

SMOOTHINGS, LEVEL_RATIOS = (0.48, 0.64, 0.8, 0.96), (1.5, 3.0)  # what is tried


@dataclass(frozen=True)
class Unwanted:
    """What a sensitivity allows: other words accepted, in %, and triggers per hour of speech and noise."""

    others_pct: float
    per_hour: float

    def excess(self, point: Point) -> float:
        """Return how many times as much of either a listener has; what there are no sounds of does not count."""
        found = (point.others_pct, self.others_pct), (point.per_hour, self.per_hour)
        return max((value / most for value, most in found if value is not None), default=0.0)

    def allows(self, point: Point) -> bool:
        """Tell whether a listener keeps to it."""
        return self.excess(point) <= 1


# Four an hour are what people bear all day long, fifteen what they bear while they use the listener, sixty what a
# program bears that asks back. In half an hour of validation sounds these are 2, 8 and 30 triggers: fewer tell nothing.
MOST = {"low": Unwanted(4, 4), "middle": Unwanted(8, 15), "high": Unwanted(20, 60)}
# The share of words that must still be detected, in %: a model that meets the above only by detecting next to nothing
# is of more use to those who bear its triggers.
LEAST_DETECTED_PCT = {"low": 50.0, "middle": 70.0, "high": 85.0}


def choose(curves: Mapping[tuple[float, float], Sequence[Point]]) -> dict[str, Settings]:
    """Choose the settings of each sensitivity from what a listener does on validation sounds.

    Of smoothing and gate those are taken with which most words are detected at the middle sensitivity, in quiet and in
    noise, of those that keep to MOST. Where none does, those that come nearest to it are taken: all detect about
    LEAST_DETECTED_PCT of the words then.

    Args:
        curves: by smoothing and level ratio, points by rising threshold.
    """

    def worth(pair: tuple[float, float]) -> tuple[bool, float]:
        point = _point(curves[pair], "middle")
        kept = MOST["middle"].allows(point)
        return kept, _heard(point) if kept else -MOST["middle"].excess(point)

    smoothing, ratio = pair = max(curves, key=worth)
    points = {sensitivity: _point(curves[pair], sensitivity) for sensitivity in SENSITIVITIES}
    return {s: Settings(point.threshold, smoothing, level_ratio=ratio) for s, point in points.items()}


def _heard(point: Point) -> float:
    """Return the share of words detected, in %: the mean over quiet and noise, where there is noise."""
    found = [point.heard_pct[condition] for condition in (CLEAN, NOISY) if condition in point.heard_pct]
    return sum(found) / len(found)


def _point(points: Sequence[Point], sensitivity: str) -> Point:
    """Return the point of the lowest threshold from which on all keep to MOST.

    If fewer than LEAST_DETECTED_PCT of the words in quiet are detected at it, or none keeps to it, it is the highest
    that detects so many; and if none does, the one that detects most.
    """
    bearable = min(LEAST_DETECTED_PCT[sensitivity], max(point.heard_pct[CLEAN] for point in points))
    highest = max((p for p in points if p.heard_pct[CLEAN] >= bearable), key=lambda p: p.threshold)
    too_many = [p.threshold for p in points if not MOST[sensitivity].allows(p)]
    few = [p for p in points if p.threshold > max(too_many, default=0.0)]
    return min([highest, *few[:1]], key=lambda p: p.threshold)
