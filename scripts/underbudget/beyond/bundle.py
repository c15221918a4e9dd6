"""Pack a model with all that it needs on a Raspberry Pi: unpack the archive, `sh install.sh`, run."""

import gzip
import re
import tarfile
from pathlib import Path

from underbudget import files
from underbudget.beyond.raspberry_pi import DEVICE_FILES, add_file
from underbudget.device import artifact
from underbudget.store import LOCAL

TEMPLATES = Path(__file__).with_name("bundled")  # @NAME@ and the like stand for what is filled in
SPOTTER = {
    "DOOR": "10_listen.py",
    "START": "arecord -q -f S16_LE -r 16000 -c 1 -t raw | ./run --raw",
    "ONCE": "./run --wav recording.wav",
    "MORE": " --on WORD COMMAND runs a command for each word that is detected; the\n"
    "service does so, too, if you add it after --raw in the .service file here, and then install it.\n"
    "If arecord takes the wrong microphone: arecord -l lists them, arecord -D plughw:1 takes card 1.",
    "LOG": "",
    "ARGUMENTS": "1",  # with --service
}
FORECASTER = {
    "DOOR": "11_forecast.py",
    "START": "./run LOG --follow",
    "ONCE": "./run LOG",
    "MORE": "",
    "LOG": " LOG",
    "ARGUMENTS": "2",
}


def bundle(path: Path) -> Path:
    """Write the archive of a model with a card, whose bytes depend on what is packed alone; return its path.

    Raises:
        UserError: the model or its card is bad.
    """
    card, _ = artifact.load_file(path)
    # what others have named must fit into a shell, a path and a systemd unit
    folder, name = (re.sub(r"[^A-Za-z0-9_]", "_", part) for part in (path.resolve().parent.name, path.name[:-12]))
    title, model = f"{folder}-{name}", f"models/{folder}/{name}"
    fields = {**(SPOTTER if card.front_end else FORECASTER), "TITLE": title, "MODEL": f"{model}.tflite.zlib"}
    fields["WHAT"] = f"a spotter of {', '.join(card.words)}" if card.words else "a forecaster of the next hour"
    sources = [*DEVICE_FILES, files.SCRIPTS / fields["DOOR"], files.ROOT / "requirements-pi-32bit.txt"]
    packed = {str(source.relative_to(files.ROOT)): source.read_bytes() for source in sources}
    packed[f"{model}.tflite.zlib"], packed[f"{model}.json"] = path.read_bytes(), artifact.card_path(path).read_bytes()
    packed["requirements-pi.txt"] = _with_hashes("requirements-pi.txt").encode()
    for template in TEMPLATES.iterdir():
        filled = re.sub("@([A-Z]+)@", lambda found: fields[found[1]], template.read_text(encoding="utf-8"))
        packed[f"{title}.service" if template.name == "service" else template.name] = filled.encode()
    archive = LOCAL.results / "bundles" / f"{title}.tar.gz"
    with (
        files.atomic_write(archive) as partial,
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for member, content in sorted(packed.items()):
            add_file(tar, f"{title}/{member}", content, 0o755 if member in ("run", "install.sh") else 0o644)
    return archive


def _with_hashes(name: str) -> str:
    """Return a list of packages as requirements.lock has them: with the hashes of their files."""
    locked = re.findall(r"^\S+==.*(?:\n    .*)*\n", (files.ROOT / "requirements.lock").read_text("utf-8"), re.M)
    by_pin = {package.split()[0]: package for package in locked}
    pins = re.findall(r"^([\w.-]+)==(\S+)", (files.ROOT / name).read_text("utf-8"), re.M)
    return "".join(by_pin[f"{package.replace('.', '-')}=={version}"] for package, version in pins)
