"""What a listener did in a session: words detected, and what it took for a word, each with its 95 % interval.

The intervals are bootstraps of whole speakers, or of whole recordings of noise: clips of one are alike.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, LATE, Part, Session
from underbudget.device.listen import Frame, Settings
from underbudget.intervals import cluster_bootstrap, poisson_rate, wilson

LONG = ("speech", "untranscribed", "noise")  # of whose hours triggers are counted
LEAST_CLUSTERS = 5  # of fewer, or where all are alike, a bootstrap knows no interval
THRESHOLDS = tuple(round(float(t), 3) for t in (*np.arange(0.1, 0.995, 0.01), 0.995, 0.998, 0.999))


@dataclass(frozen=True)
class Point:
    """What a listener does at one threshold, in %, or per hour; None where there is no such sound.

    Attributes:
        heard_pct: words detected, by condition.
        twice_pct: words in quiet that are detected more than once.
        others_pct: clips of other words accepted.
        speech: false accepts per hour of transcribed speech.
        per_hour: these, and triggers, per hour of all speech and noise.
    """

    threshold: float
    heard_pct: dict[str, float]
    twice_pct: float
    others_pct: float | None
    speech: float | None
    per_hour: float | None


def curve(session: Session, settings: Sequence[Settings]) -> list[Point]:
    """Compute what a listener does at each of some settings, in a session that was smoothed before."""
    return [_point(session, each) for each in settings]


def _point(session: Session, settings: Settings) -> Point:
    heard = {c: _words(session[c], settings) for c in CONDITIONS if c in session}
    events = {kind: _events(session[kind], settings) for kind in ("others", *LONG)}
    others = [bool(found) for found in events["others"]]
    count = {kind: sum(map(len, events[kind])) for kind in LONG}
    hours = {kind: session[kind].hours for kind in LONG}
    per_hour = sum(count.values()) / sum(hours.values()) if sum(hours.values()) else None
    pct = {condition: round(100 * float((right == 1).mean()), 2) for condition, (right, _) in heard.items()}
    twice = round(100 * float(heard[CLEAN][1].mean()), 2)
    others_pct = 100 * sum(others) / len(others) if others else None
    speech = count["speech"] / hours["speech"] if hours["speech"] else None
    return Point(settings.threshold, pct, twice, others_pct, speech, per_hour)


def figures(session: Session, settings: Settings) -> dict[str, Any]:
    """Compute all figures of a session that was smoothed before, by part; a part without sounds is null."""
    return {name: _figures(name, part, settings) if part.items else None for name, part in session.items()}


def _figures(name: str, part: Part, settings: Settings) -> dict[str, Any]:
    speakers = np.array([item.speaker for item in part.items])
    if name in CONDITIONS:
        right, twice = _words(part, settings)
        counts = {"said": len(right), "heard": int((right == 1).sum()), "confused": int((right == -1).sum())}
        counts["twice"] = int(twice.sum())
        share = {**counts, **_share(right == 1, speakers)}
        return {**share, "twice_pct": round(100 * float(twice.mean()), 2), "by_word": _by_word(part, right)}
    events = _events(part, settings)
    taken = Counter(frame.word for found in events for frame in found)
    kinds = np.array([item.what for item in part.items])
    apart = sorted(set(kinds.tolist())) if any(kinds.tolist()) else []
    if name == "others":
        accepted = np.array([bool(found) for found in events])
        result = _accepted(accepted, speakers)
        by_kind = {kind: _accepted(accepted[kinds == kind], speakers[kinds == kind]) for kind in apart}
    else:
        hours = np.array([end - start for start, end in part.intervals]) / 3600
        counted = np.array([len(found) for found in events])
        result = _rate(counted, hours, speakers)
        by_kind = {k: _rate(counted[kinds == k], hours[kinds == k], speakers[kinds == k]) for k in apart}
    return {**result, "taken_for": dict(taken.most_common()), **({"by_kind": by_kind} if by_kind else {})}


def _accepted(accepted: NDArray[np.bool_], speakers: NDArray[np.str_]) -> dict[str, Any]:
    return {"clips": len(accepted), "accepted": int(accepted.sum()), **_share(accepted, speakers)}


def _by_word(part: Part, right: NDArray[np.int_]) -> dict[str, float]:
    words = np.array([item.what for item in part.items])
    return {word: round(100 * float((right[words == word] == 1).mean()), 1) for word in sorted(set(words.tolist()))}


def _words(part: Part, settings: Settings) -> tuple[NDArray[np.int_], NDArray[np.bool_]]:
    """Return for each word [n]: 1 if it was detected, -1 if only taken for another one, else 0; and if twice."""
    right, found = np.zeros(len(part.items), int), np.zeros(len(part.items), int)
    for frame in part.detected(settings):
        at = _item(part, frame)
        if at is not None:
            found[at] += 1
            right[at] = 1 if frame.word == part.items[at].what else max(right[at], 0) or -1
    return right, found > 1


def _events(part: Part, settings: Settings) -> list[list[Frame]]:
    """Return for each item the detections that should not be: in its time, and of no word that is said then."""
    found: list[list[Frame]] = [[] for _ in part.items]
    waiting = [list(item.said) for item in part.items]
    for frame in part.detected(settings):
        at = _item(part, frame)
        if at is None:
            continue
        time = frame.time - part.intervals[at][0]
        fitting = [s for s in waiting[at] if s.word == frame.word and s.start <= time <= s.end + LATE]
        if fitting:
            waiting[at].remove(fitting[0])  # what was said once may be detected once
        else:
            found[at].append(frame)
    return found


def _item(part: Part, frame: Frame) -> int | None:
    """Return the item during which, or at most LATE after which, the frame lies."""
    at = bisect(part.intervals, (frame.time, float("inf"))) - 1
    return at if at >= 0 and frame.time <= part.intervals[at][1] + LATE else None


def _share(chosen: NDArray[np.bool_], speakers: NDArray[np.str_]) -> dict[str, Any]:
    count, total = int(chosen.sum()), len(chosen)
    known = 0 < count < total and len(set(speakers.tolist())) >= LEAST_CLUSTERS
    low, high = cluster_bootstrap(chosen, speakers) if known else wilson(count, total)
    return {"pct": round(100 * count / total, 2), "pct_95": [round(100 * low, 2), round(100 * high, 2)]}


def _rate(events: NDArray[np.int_], hours: NDArray[np.float64], clusters: NDArray[np.str_]) -> dict[str, Any]:
    """Return a rate with its interval: the wider, at each end, of the exact one and of a bootstrap of clusters.

    The exact one takes events as independent; a bootstrap of few events is too narrow.
    """
    count, total = int(events.sum()), float(hours.sum())
    low, high = poisson_rate(count, total)
    if count > 0 and len(set(clusters.tolist())) >= LEAST_CLUSTERS:
        drawn = cluster_bootstrap(events, clusters, weights=hours)
        low, high = min(low, drawn[0]), max(high, drawn[1])
    per_hour = {"per_hour": round(count / total, 2), "per_hour_95": [round(low, 2), round(high, 2)]}
    return {"hours": round(total, 4), "triggers": count, **per_hour}
