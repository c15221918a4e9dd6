"""Commands that are run when a word is detected: never through a shell, and listening goes on meanwhile."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence

from underbudget.device.errors import UserError
from underbudget.device.listen import Detection
from underbudget.device.meter import say


class Commands:
    """Runs commands, each when its word is detected, unless it still runs.

    Args:
        asked: words, each with its command as a shell would take it.
        words: those that can be detected.

    Raises:
        UserError: a word that can't be, or what is no command.
    """

    def __init__(self, asked: Iterable[Sequence[str]], words: Sequence[str]) -> None:
        self._commands = [(word, f"--on {word} {shlex.quote(text)}", text) for word, text in asked]
        for word, name, text in self._commands:
            if word not in words:
                raise UserError(f"{name}: the model has no such word: take one of {', '.join(words)}")
            try:
                parts = shlex.split(text)
            except ValueError as error:
                raise UserError(f"{name}: {error}: correct its quotes") from None
            if not parts:
                raise UserError(f"{name}: no command: give one, such as 'aplay yes.wav'")
            if shutil.which(parts[0]) is None:
                raise UserError(f"{name}: no program {parts[0]!r} that can be run: correct its name, or install it")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, found: Detection) -> None:
        """Run the commands of a word; say it of one that can't be."""
        self.reap()
        environment = {**os.environ, **{key.upper(): str(value) for key, value in vars(found).items()}}
        for name, text in [(name, text) for word, name, text in self._commands if word == found.word]:
            if name in self._running:
                say(f"{name}: it still runs, so it is not started again")
                continue
            try:
                self._running[name] = subprocess.Popen(
                    shlex.split(text),
                    stdin=subprocess.DEVNULL,  # ours may be the sound
                    stdout=sys.stderr or subprocess.DEVNULL,  # ours is for the words
                    env=environment,
                )
            except OSError as error:
                say(f"{name}: can't be started ({error.strerror}): correct it")

    def reap(self) -> None:
        """Let go of those that have ended; say it of one that failed."""
        for name, process in [*self._running.items()]:
            if process.poll() is not None:
                del self._running[name]
                if process.returncode:
                    say(f"{name}: it failed, with status {process.returncode}")

    def wait(self) -> None:
        """Wait for those that still run."""
        self.reap()
        for name, process in self._running.items():
            say(f"{name}: it still runs; Ctrl-C ends it")
            process.wait()
        self.reap()
