"""--on of 10_listen.py: a command per word, without a shell, while listening goes on."""

import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, clean_environment, wav_bytes

from underbudget.device.audio import RATE, read_wav

LISTEN = [sys.executable, str(ROOT / "scripts" / "10_listen.py"), "--json", "--wav"]
YES = ROOT / "examples" / "yes.wav"

pytestmark = pytest.mark.slow


def listen(*arguments: str, sound: Path = YES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LISTEN, str(sound), *arguments], capture_output=True, text=True, env=clean_environment(), timeout=120
    )


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """The word of YES, said twice."""
    with YES.open("rb") as file:
        sound = read_wav(file, YES.name)
    path = tmp_path / "twice.wav"
    path.write_bytes(wav_bytes(np.concatenate([sound, np.zeros(RATE, np.float32), sound])))
    return path


def test_a_command_gets_what_was_heard_and_its_output_is_apart(twice: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with_shell = shlex.join(["sh", "-c", f'echo hello; echo "$WORD $CONFIDENCE $TIME" >> {shlex.quote(str(heard))}'])
    done = listen("--on", "yes", with_shell, "--on", "no", f"touch {tmp_path}/no", sound=twice)
    found = [json.loads(line) for line in done.stdout.splitlines()]  # nothing else
    assert done.returncode == 0
    assert [each["word"] for each in found] == ["yes", "yes"]
    assert heard.read_text().splitlines()[0] == "yes {confidence} {time}".format(**found[0])
    assert "hello" in done.stderr.splitlines()
    assert not (tmp_path / "no").exists()


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    arguments = ["two words", "$HOME", "*", ";", "|", "`id`", ">", "x"]
    code = f"import json, sys; json.dump(sys.argv[1:], open({str(tmp_path / 'got')!r}, 'w'))"
    done = listen("--on", "yes", f"{shlex.join([sys.executable, '-c', code])} 'two words' $HOME * ; | `id` > x")
    assert (done.returncode, json.loads((tmp_path / "got").read_text())) == (0, arguments)


def test_a_slow_command_stops_nothing_and_is_waited_for_at_the_end(twice: Path, tmp_path: Path) -> None:
    """It ends only after all words are heard, when a line is written to a pipe that it reads."""
    pipe, log = tmp_path / "pipe", tmp_path / "log"
    os.mkfifo(pipe)
    slow = shlex.join(["sh", "-c", f"cat {pipe} >> {log}; sleep 0.5; exit 3"])
    command = [*LISTEN, str(twice), "--on", "yes", slow]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()) as process:
        assert process.stdout is not None and process.stderr is not None
        late = threading.Timer(60, process.kill)
        late.start()
        assert [json.loads(process.stdout.readline())["word"] for _ in range(2)] == ["yes", "yes"]
        started, again, waiting = (process.stderr.readline().decode() for _ in range(3))
        pipe.write_text("ended\n")
        ended = process.stderr.read().decode()
        assert (process.stdout.read(), process.wait()) == (b"", 0)
        late.cancel()
    assert "listening to" in started
    assert again.startswith("--on yes ") and again.endswith("it still runs, so it is not started again\n")
    assert waiting.endswith("it still runs; Ctrl-C ends it\n")
    assert ended.endswith("it failed, with status 3\n")  # only who waits knows
    assert log.read_text() == "ended\n"  # once


def test_what_can_not_be_started_or_fails_is_one_line_and_listening_goes_on(twice: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"no program")
    program.chmod(0o755)
    done = listen("--on", "yes", "false", "--on", "yes", str(program), sound=twice)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    said = done.stderr.splitlines()[1:]
    assert said.count(f"--on yes {program}: can't be started (Exec format error): correct it") == 2
    failed = said.count("--on yes false: it failed, with status 1")
    refused = said.count("--on yes false: it still runs, so it is not started again")  # sound of a file comes fast
    assert (failed + refused, len(said)) == (2, 4)


@pytest.mark.parametrize(
    ("word", "command", "message"),
    [
        ("off", "true", "--on off true: the model has no such word: take one of down, go, left, no, right, stop, up"),
        ("_other_", "true", "--on _other_ true: the model has no such word"),
        ("yes", " ", "--on yes ' ': no command"),
        ("yes", "/no/such program", "--on yes '/no/such program': no program '/no/such' that can be run"),
        ("yes", "/tmp", "--on yes /tmp: no program '/tmp' that can be run"),
        ("yes", 'say "yes', "No closing quotation: correct its quotes"),
    ],
)
def test_what_is_no_word_or_no_command_is_an_error(word: str, command: str, message: str) -> None:
    done = listen("--on", word, command)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and message in line
