"""Passes of several models in turn, by a clock that only models and pauses move."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from underbudget.device import passes as timed
from underbudget.device.passes import COURSE, TimingProtocol, latencies, passes

Log = list[tuple[str, float, float]]  # name, seconds at the start of an inference and at its end


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Slow:
    """A model whose inference takes a while."""

    input_shape = (6, 2)

    def __init__(self, name: str, seconds: float, clock: Clock, log: Log) -> None:
        self.name, self.seconds, self.clock, self.log = name, seconds, clock, log

    def set(self, x: Any) -> None:
        assert x.shape == self.input_shape

    def invoke(self) -> None:
        start = self.clock.now
        self.clock.now += self.seconds
        self.log.append((self.name, start, self.clock.now))

    def get(self) -> None:
        self.clock.now += 0.001


def time_models(monkeypatch: pytest.MonkeyPatch, protocol: TimingProtocol, *seconds: float) -> tuple[list[Any], Log]:
    clock, log = Clock(), Log()
    monkeypatch.setattr(timed, "time", clock)
    opened: Any = [(Slow(f"model {i}", s, clock, log), None) for i, s in enumerate(seconds)]
    return passes(opened, protocol), log


@pytest.mark.parametrize("models", [1, 2, 5])
def test_each_model_has_its_pause_between_its_own_passes(monkeypatch: pytest.MonkeyPatch, models: int) -> None:
    _, log = time_models(monkeypatch, COURSE, *(0.002 * (i + 1) for i in range(models)))
    assert [name for name, *_ in log[: 2 * models]] == [f"model {i}" for i in range(models)] * 2
    for name in {name for name, *_ in log}:
        own = [(start, end) for other, start, end in log if other == name]
        assert len(own) == 110
        assert min(start - end for (_, end), (start, _) in pairwise(own)) >= COURSE.pause_s
    rests = [start - end for (*_, end), (_, start, _) in pairwise(log)]
    assert min(rests) == pytest.approx(0.001 + COURSE.pause_s / models)  # before every pass of any model


def test_each_model_has_its_own_times_without_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = time_models(monkeypatch, TimingProtocol(passes=7, warm_up_passes=3, pause_s=0.1), 0.002, 0.030)
    for stages, milliseconds in zip(found, (2, 30), strict=True):
        assert list(stages) == ["set", "invoke", "get"]  # forecasters hear nothing
        np.testing.assert_allclose(stages["invoke"], np.full(7, milliseconds))
        np.testing.assert_allclose(latencies(stages)["total_ms"], np.full(7, milliseconds + 1))
