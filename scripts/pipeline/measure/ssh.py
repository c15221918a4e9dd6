"""Commands on another machine, through the user's own OpenSSH: its configuration, agent, jump hosts and keys."""

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
REMEDIES = {
    r"Host key verification failed|REMOTE HOST ID": "its host key is not known: run ssh {host} once by hand",
    r"Permission denied": "it refuses the login: install your key with ssh-copy-id {host}",
    r"Could not resolve hostname": "no such host: check the name, or use its address",
    r"[Cc]onnection refused": "no SSH server answers: enable SSH on it",
    r"timed out|No route to host|Network is unreachable": "it does not answer: check its power, network and address",
    r"No space left on device|Disk quota exceeded": "its disk is full: free some space on it and run again",
}
LOST = 255  # ssh's own exit status; any other is the command's


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
        program, *arguments = shlex.split(command)
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
        """Run a shell script there; return its standard output.

        Raises:
            LostError: the connection broke off, or the script outlasted `timeout` seconds.
            UserError: the script failed.
        """
        try:
            done = subprocess.run(
                [*self._ssh, self.host, script], input=stdin, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise LostError(f"{self.host}: no end after {timeout:.0f} s: check the device and run again") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise self._error(said, LostError if done.returncode == LOST else UserError)
        return done.stdout

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """Start a script that runs there until its standard input is closed."""
        return subprocess.Popen(
            [*self._ssh, self.host, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def _error(self, said: str, kind: type[UserError]) -> UserError:
        for pattern, remedy in REMEDIES.items():
            if re.search(pattern, said):
                return kind(f"{self.host}: {remedy.format(host=self.host)}")
        last = next(
            (line for line in reversed(said.splitlines()) if line and not line.startswith("INFO")), "no message"
        )
        return kind(f"{self.host}: {last.removeprefix('error: ')}")


def private_folder(connection: Connection, name: str) -> str:
    """Create a folder under the home there that only its owner may read; return its path, quoted for a shell."""
    script = f'mkdir -p "$HOME"/{name} && chmod 700 "$HOME"/{name} && cd "$HOME"/{name} && pwd'
    return shlex.quote(connection.run(script, timeout=60).decode().strip())
