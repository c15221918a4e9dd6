"""A claim of the report with our verdict on it, and the rules that give verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.intervals import Difference, wilson
from underbudget.metrics import METRICS, Limit
from underbudget.reproduction.runs import format_p

VERDICTS = REPRODUCED, PARTLY, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "partly", "not reproduced", "inconclusive"
ALPHA = 0.05  # significance level


@dataclass(frozen=True)
class Claim:
    """What the report says, what we found, and how the two fit."""

    claim: str
    evidence: str
    verdict: str


def judged(parts: Sequence[bool]) -> str:
    """Judge a claim of several parts by how many of them hold: all, some or none."""
    return REPRODUCED if all(parts) else PARTLY if any(parts) else NOT_REPRODUCED


def agreed(verdicts: Sequence[str]) -> str:
    """Judge a claim tried in several ways, by the one verdict that they agree on.

    Otherwise it is "partly" if it, or a part of it, holds in one of them; if it fails in one and is not clear in
    another, it is inconclusive.
    """
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return PARTLY if {REPRODUCED, PARTLY} & set(verdicts) else INCONCLUSIVE


def often(count: int, runs: int) -> str:
    """Judge a success rate by its 95 % Wilson interval: whether that lies above 0.5, below it, or on both sides."""
    low, high = wilson(count, runs)
    return REPRODUCED if low > 0.5 else NOT_REPRODUCED if high < 0.5 else INCONCLUSIVE


def one_run_decides(count: int, runs: int) -> str:
    """Say what a success rate would be judged if one run had ended otherwise, where that is another verdict."""
    others = {often(c, runs) for c in (count - 1, count + 1) if 0 <= c <= runs} - {often(count, runs)}
    return f" (with one run more or fewer, {' or '.join(sorted(others))})" if others else ""


def p_text(probability: float) -> str:
    """Format a probability with its name."""
    text = format_p(probability)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def signed(d: Difference, unit: str, digits: int) -> str:
    """Format a difference with its 95 % interval."""
    value, low, high = (round(part, digits) + 0 for part in (d.value, d.low, d.high))  # no -0.00
    return f"{value:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f}) {unit}"


def figure(limit: Limit, value: float) -> str:
    """Format a value of a limit's metric with its unit."""
    return f"{value:g} {METRICS[limit.metric].unit}"
