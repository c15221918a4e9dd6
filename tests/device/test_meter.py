"""The level under the words: its bar, and that it disturbs nothing, on a terminal or elsewhere."""

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, clean_environment, wav_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.device.meter import level_line

LISTEN = [sys.executable, str(ROOT / "scripts" / "10_listen.py"), "--json", "--wav"]
YES = ROOT / "examples" / "yes.wav"


@pytest.mark.parametrize(
    ("level", "columns", "line"),
    [
        (1.0, 80, "   0 dB " + 40 * "#" + " 0.25 yes"),
        (0.1, 80, " -20 dB " + 27 * "#" + 13 * " " + " 0.25 yes"),  # two thirds of 60 dB
        (1e-3, 80, " -60 dB " + 40 * " " + " 0.25 yes"),
        (0.0, 80, "-100 dB " + 40 * " " + " 0.25 yes"),  # digital silence
        (0.1, 45, " -20 dB " + 10 * "#" + 5 * " " + " 0.25 yes"),
        (0.1, 12, " -20 dB  0."),
    ],
)
def test_a_level_is_a_bar(level: float, columns: int, line: str) -> None:
    assert level_line(level, "yes", 0.25, columns) == line


@given(level=st.floats(0, 10), columns=st.integers(1, 300), word=st.text(min_size=1, max_size=40))
def test_it_is_never_as_long_as_a_line(level: float, columns: int, word: str) -> None:
    assert len(level_line(level, word, 1.0, columns)) < columns


def on_terminal(
    columns: int = 80, terminal: str = "xterm", with_words: bool = True, sound: Path = YES
) -> tuple[str, bytes]:
    """What the listener sends to a terminal of so many columns, and its standard output where that is another."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    output = its if with_words else subprocess.PIPE
    with subprocess.Popen(
        [*LISTEN, str(sound)], stdout=output, stderr=its, env={**clean_environment(), "TERM": terminal}
    ) as process:
        os.close(its)
        sent = b""
        try:
            while part := os.read(ours, 1 << 16):
                sent += part
        except OSError:  # all have closed the terminal
            pass
        os.close(ours)
        return sent.decode(), b"" if process.stdout is None else process.stdout.read()


def shown(sent: str) -> list[str]:
    """The lines that stay on a wide terminal."""
    lines = []
    for line in sent.split("\n"):
        cells = ""
        for drawn in line.split("\r"):
            text, erased, after = drawn.partition("\x1b[K")
            cells = text + (after if erased else cells[len(text) :])
        lines.append(cells)
    return lines


LEVEL = re.compile(r"-?\d+ dB")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 30])
@pytest.mark.parametrize("with_words", [True, False])
def test_a_terminal_shows_it_until_a_line_comes(columns: int, with_words: bool) -> None:
    sent, words = on_terminal(columns, with_words=with_words)
    assert LEVEL.search(sent)
    drawn = re.findall(r"\r([^\r\n]*dB[^\r\n]*)\x1b\[K", sent)
    assert drawn and all(len(line) < columns for line in drawn)
    started, *found, last = shown(sent)
    assert started.startswith("live/kws_a: listening to") and last == ""
    lines = found if with_words else words.decode().splitlines()
    assert [json.loads(line)["word"] for line in lines] == ["yes"]
    assert len(found) == with_words


@pytest.mark.slow
def test_what_is_said_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav_bytes(np.zeros(6 * 16_000)))
    said = [line.split(":")[0] for line in shown(on_terminal(sound=path)[0])]
    assert said == ["live/kws_a", "no sound at all for 5 s", "no word was detected", ""]


@pytest.mark.slow
def test_elsewhere_there_is_none() -> None:
    done = subprocess.run([*LISTEN, str(YES)], capture_output=True, text=True, env=clean_environment())
    assert json.loads(done.stdout)["word"] == "yes"
    assert len(done.stderr.splitlines()) == 1 and not re.search(r"[\r\x1b]| dB", done.stdout + done.stderr)
    assert not re.search(r"\x1b| dB", on_terminal(terminal="dumb")[0])
