"""Commands on another machine, through the user's own OpenSSH: its configuration, agent, jump hosts and keys."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from types import TracebackType

from device.errors import UserError

OPTIONS = {
    "BatchMode": "yes",  # never ask for a password
    "ConnectTimeout": "15",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ControlMaster": "auto",
    "ControlPersist": "60",
}
SSH_REMEDIES = {
    r"Host key verification failed|REMOTE HOST ID": "its host key is not known: run ssh {host} once by hand",
    r"Permission denied": "it refuses the login: install your key with ssh-copy-id {host}",
    r"Could not resolve hostname": "no such host: check the name, or use its address",
    r"[Cc]onnection refused": "no SSH server answers: enable SSH on it",
    r"timed out|No route to host|Network is unreachable": "it does not answer: check its power, network and address",
}
REMEDIES = {
    r"No space left on device|Disk quota exceeded": "its disk is full: free some space on it and run again",
    r"certificate is not yet valid|certificate has expired": "its clock is wrong: set it with date -s, and run again",
}
LOST = 255  # ssh's own exit status; any other is the command's

BEGIN = b"models-under-budget: begin"  # what the start-up files of a login shell may print comes before this line


class LostError(UserError):
    """The connection could not be made, or broke off."""


class Connection:
    """One multiplexed connection.

    Args:
        host: any destination that ssh takes, such as pi@raspberrypi.local or a name from ~/.ssh/config.
        command: the ssh command, with options if need be.

    Raises:
        LostError: no connection.
        UserError: no OpenSSH here.
    """

    def __init__(self, host: str, command: str = "ssh") -> None:
        if host.startswith("-"):
            raise UserError(f"{host}: not a host: give one such as pi@raspberrypi.local")
        try:
            program, *arguments = shlex.split(command)
        except ValueError:  # nothing, or a quote that is not closed
            raise UserError(f"{command!r}: not a command: give one such as 'ssh -p 2222'") from None
        if shutil.which(program) is None:
            raise UserError(f"{program}: not found: install OpenSSH (on Debian and Ubuntu: apt install openssh-client)")
        self.host = host
        self._folder = tempfile.TemporaryDirectory(prefix="ssh")
        options = {**OPTIONS, "ControlPath": f"{self._folder.name}/s"}
        self._ssh = [program, *arguments, "-T", *(part for k, v in options.items() for part in ("-o", f"{k}={v}"))]

    def __enter__(self) -> "Connection":
        try:
            self.run("true", timeout=60)
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run([*self._ssh, "-O", "exit", self.host], capture_output=True, check=False)
        self._folder.cleanup()

    def run(self, script: str, timeout: float, stdin: bytes = b"") -> bytes:
        """Run a POSIX shell script there, whatever the login shell is; return its standard output.

        Raises:
            LostError: the connection broke off, or the script outlasted `timeout` seconds.
            UserError: the script failed.
        """
        try:
            done = subprocess.run(
                [*self._ssh, self.host, _command(script)],
                input=stdin,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LostError(f"{self.host}: no end after {timeout:.0f} s: check the device and run again") from None
        before, begun, output = done.stdout.partition(BEGIN + b"\n")
        if done.returncode or not begun:
            said = (done.stderr.strip() or before.strip()).decode(errors="replace")
            raise self._error(said, LostError if done.returncode == LOST else UserError)
        return output

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """Start a POSIX shell script that runs there until its standard input is closed."""
        command = [*self._ssh, self.host, _command(script)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        while (line := process.stdout.readline()) and not line.rstrip().endswith(BEGIN):
            pass
        return process

    def _error(self, said: str, kind: type[UserError]) -> UserError:
        for pattern, remedy in (SSH_REMEDIES if kind is LostError else REMEDIES).items():
            if re.search(pattern, said):
                return kind(f"{self.host}: {remedy.format(host=self.host)}")
        last = next(
            (line for line in reversed(said.splitlines()) if line and not line.startswith("INFO")), "no message"
        )
        return kind(f"{self.host}: {last.removeprefix('error: ')}")


def _command(script: str) -> str:
    """Return a command that every login shell understands: it runs `script` in a POSIX shell, in English."""
    return f"exec sh -c {shlex.quote(f'echo {BEGIN.decode()!r}; LC_ALL=C; export LC_ALL; {script}')}"


def private_folder(connection: Connection, name: str) -> str:
    """Create a folder under the home there that only its owner may read; return its path, quoted for a shell."""
    script = f'mkdir -p "$HOME"/{name} && chmod 700 "$HOME"/{name} && cd "$HOME"/{name} && pwd'
    return shlex.quote(os.fsdecode(connection.run(script, timeout=60).removesuffix(b"\n")))
