"""Limits: what is written is what is read, and what can't be kept is refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.beyond.search.limits import format_limits, metrics_of, parse_limits
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.errors import UserError
from underbudget.metrics import Limit, violation

TASKS = st.sampled_from([FORECASTING, SPOTTING])


@given(data=st.data(), task=TASKS)
def test_limits_are_read_as_they_are_written(data: st.DataObject, task: str) -> None:
    names = data.draw(st.lists(st.sampled_from(metrics_of(task)), min_size=1, unique=True))
    numbers = st.floats(1, 100, exclude_max=True)
    limits = tuple(Limit(name, data.draw(numbers)) for name in names)
    assert parse_limits(format_limits(limits), task) == limits
    assert parse_limits(format_limits(limits).replace(" ", " , ").replace("<", " < "), task) == limits


@given(text=st.text() | st.from_regex(r"[a-z_]+[<>][0-9.e-]+"), task=TASKS)
def test_any_text_gives_limits_or_one_line(text: str, task: str) -> None:
    try:
        assert parse_limits(text, task)
    except UserError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'nothing' is no limit: write them as 'size_kb<8 accuracy_pct>94'"),
        ("size_kb<8 please", "'please' is no limit"),
        ("size_kb<=8", "size_kb<=8: limits are strict: write size_kb<8"),
        ("bytes<8", "bytes: no metric of keyword_spotting: limit one of accuracy_pct, size_kb, inference_ms, total_ms"),
        ("t_mae_c<0.5", "t_mae_c is of forecasting: TASK=forecasting, or limit one of accuracy_pct, size_kb"),
        ("accuracy_pct>0.94", "accuracy_pct>0.94: that is 0.94 %: do you mean 94?"),
        ("accuracy_pct>-5", "every model meets that"),
        ("size_kb<1e999", "too large a number"),
        ("size_kb<8kB", "'8kB' is no number, in kB"),
        ("accuracy_pct≥94", "limits are strict: write accuracy_pct>94"),
        ("size_kb=8", "limits are strict: write size_kb<8"),
        ("accuracy_pct<=94", "of accuracy more is better: write accuracy_pct>94"),
        ("size_kb < 0,5", "'0,5': write 0.5"),
        ("size_b<2000", "size_b: do you mean size_kb? limit one of"),
        ("size_kb<2000", "a limit in kB: do you mean size_kb<1.95, in bytes 2000?"),
        ("total_ms<10 total_ms>20", "less is better"),
        ("8>size_kb", "is no limit"),
        ("accuracy>94", "accuracy: do you mean accuracy_pct? limit one of accuracy_pct"),
        ("size_kb>8", "less is better: write size_kb<8"),
        ("accuracy_pct<94", "more is better: write accuracy_pct>94"),
        ("size_kb<8 size_kb<9", "two on size_kb: keep one"),
        ("accuracy_pct>100", "no model can meet that: accuracy goes to 100 %"),
        ("size_kb<0", "no model can meet that"),
        ("size_kb<1e", "is no number"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_limits(text, SPOTTING)
    assert said in str(caught.value)


def test_capitals_and_semicolons_are_read() -> None:
    limits = (Limit("size_kb", 8), Limit("accuracy_pct", 94))
    assert parse_limits("SIZE_KB < 8; accuracy_pct>94", SPOTTING) == limits


def test_an_error_as_a_share_of_one_is_no_limit() -> None:
    with pytest.raises(UserError, match=r"rh_mae_pct<0.018: that is 0.018 %: do you mean 1.8\?"):
        parse_limits("rh_mae_pct<0.018", FORECASTING)


def test_a_limit_of_the_other_task_is_told_as_such() -> None:
    with pytest.raises(UserError, match="accuracy_pct is of keyword_spotting: TASK=keyword_spotting, or limit one of"):
        parse_limits("accuracy_pct>94", FORECASTING)


@given(limit=st.floats(0.1, 99), value=st.floats(0, 100))
def test_a_limit_that_is_met_is_not_broken(limit: float, value: float) -> None:
    for metric in ("accuracy_pct", "size_kb"):
        constraint = Limit(metric, limit)
        assert constraint.met_by(value) == (violation([constraint], {metric: value}) == 0)
        assert violation([constraint], {}) == 0
    assert violation([Limit("size_kb", 8), Limit("accuracy_pct", 90)], {"size_kb": 10, "accuracy_pct": 81}) == (
        pytest.approx(0.25 + 0.1)
    )
