"""Progress where no bar can be drawn: in a log, and of processes side by side."""

from collections.abc import Iterator

import pytest

from underbudget.progress import progress_bar


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test moves on."""
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def epochs(seconds: list[float], each: float, count: int) -> Iterator[int]:
    with progress_bar(range(1, count + 1), "training", "epoch") as progress:
        for epoch in progress:
            seconds[0] += each
            progress.set_postfix({"loss": f"{1 / epoch:.4g}"}, refresh=False)
            yield epoch


def test_a_process_among_others_prints_lines_ten_seconds_apart_with_its_name(
    seconds: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDE_BY_SIDE", "kws_c")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    list(epochs(seconds, 4, 8))
    assert capsys.readouterr().err.splitlines() == [
        "kws_c: training: epoch 3 of 8, loss 0.3333",  # 12 s
        "kws_c: training: epoch 6 of 8, loss 0.1667",  # 24 s
        "kws_c: training: epoch 8 of 8, loss 0.125",
    ]


def test_a_log_has_lines_without_a_name_and_none_of_what_is_quick(
    seconds: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    list(epochs(seconds, 0.1, 50))
    assert capsys.readouterr().err == ""
    with progress_bar(None, "augmenting", "clips", 24000) as progress:
        for _ in range(3):
            seconds[0] += 11
            progress.update(8000)
    with progress_bar(None, "reading", "clips") as progress:  # nobody knows how many
        seconds[0] += 11
        progress.update(5)
    assert capsys.readouterr().err.splitlines() == [
        "augmenting: clips 8,000 of 24,000",
        "augmenting: clips 16,000 of 24,000",
        "augmenting: clips 24,000 of 24,000",
        "reading: clips 5",
    ]


def test_a_terminal_of_its_own_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    list(progress_bar(range(3), "training", "epoch"))
    assert "training: 100%|" in capsys.readouterr().err
