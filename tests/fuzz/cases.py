"""Inputs for the scripts: good ones, as they are published or made here, with random damage."""

import gzip
import hashlib
import io
import json
import lzma
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from helpers import ROOT, wav_bytes

from fuzz.mutate import damage, damage_json, damage_text
from underbudget.data.speech import LABELS

MODELS = sorted((ROOT / "models").glob("*/*.tflite.zlib"))
PUBLISHED = [path for path in MODELS if path.parent.name in ("report", "improved", "smallest")]


@dataclass(frozen=True)
class Case:
    """A command on damaged input: a script, its arguments (the input's files lie in one folder), standard input."""

    script: str
    arguments: tuple[str, ...]
    stdin: bytes = b""


def make_case(rng: random.Random, folder: Path, good: Path) -> Case:
    """Write one damaged input to `folder`; `good` is a folder of good data, see write_good."""
    kinds, weights = zip(*KINDS.items(), strict=True)
    (kind,) = rng.choices(kinds, weights)
    return kind(rng, folder, good)


def write_good(folder: Path) -> None:
    """Write good data, beside which one damaged file is read."""
    (folder / "weather.csv").write_text(good_log(random.Random(0), 600))
    (folder / "sound.wav").write_bytes(good_wav(random.Random(0)))
    (folder / "words.zip").write_bytes(_zip(_words(random.Random(0))))


def _model(rng: random.Random, folder: Path, good: Path) -> Case:
    """A model file, damaged as it is kept or inside; its card describes the damaged file, or the good one."""
    path = rng.choice(PUBLISHED)
    card = json.loads(path.with_name(path.name.split(".")[0] + ".json").read_bytes())
    data = path.read_bytes()
    inside = rng.random() < 0.8
    damaged = damage(rng, zlib.decompress(data) if inside else data)
    plain = inside and rng.random() < 0.2
    packed = damaged if plain or not inside else zlib.compress(damaged)
    if rng.random() < 0.9:
        card["file"]["sha256"] = hashlib.sha256(packed).hexdigest()
    return _with_model(rng, folder, good, json.dumps(card).encode(), packed, card["task"] == "keyword_spotting")


def _card(rng: random.Random, folder: Path, good: Path) -> Case:
    path = rng.choice(PUBLISHED)
    card = json.loads(path.with_name(path.name.split(".")[0] + ".json").read_bytes())
    spotter = card["task"] == "keyword_spotting"
    return _with_model(rng, folder, good, damage_json(rng, card), path.read_bytes(), spotter)


def _with_model(rng: random.Random, folder: Path, good: Path, card: bytes, model: bytes, spotter: bool) -> Case:
    (folder / "m.json").write_bytes(card)
    path = folder / "m.tflite.zlib"
    path.write_bytes(model)
    if rng.random() < 0.03:  # it takes seconds, where the others take a fraction of one
        task = () if rng.random() < 0.5 else ("--task", "keyword_spotting" if spotter else "forecasting")
        return Case("12_evaluate.py", (str(path), "--data", "synthetic", "--json", *task))
    if spotter:
        return Case("10_listen.py", ("--model", str(path), "--wav", str(good / "sound.wav"), "--json"))
    return Case("11_forecast.py", ("--model", str(path), str(good / "weather.csv"), "--json"))


def _recording(rng: random.Random, folder: Path, good: Path) -> Case:
    sound = damage(rng, good_wav(rng))
    if rng.random() < 0.1:
        return Case("10_listen.py", ("--raw",), sound)
    (folder / "sound.wav").write_bytes(sound)
    return Case("10_listen.py", ("--wav", str(folder / "sound.wav")))


def _sensor_log(rng: random.Random, folder: Path, good: Path) -> Case:
    log = damage_text(rng, good_log(rng, rng.choice((7, 30))))
    if rng.random() < 0.3:
        return Case("11_forecast.py", ("-", "--json"), log)
    (folder / "log.csv").write_bytes(log)
    return Case("11_forecast.py", (str(folder / "log.csv"),))


def _weather(rng: random.Random, folder: Path, good: Path) -> Case:
    """A CSV for training, damaged inside or as it is packed."""
    pack = rng.choice((_plain, _gzip, lzma.compress, lambda data: _zip({"w.csv": data})))
    log = good_log(rng, 200)
    data = pack(damage_text(rng, log)) if rng.random() < 0.5 else damage(rng, pack(log.encode()))
    (folder / "weather.any").write_bytes(data)
    return Case("01_download.py", ("--jena", str(folder / "weather.any"), "--speech", str(good / "words.zip")))


def _archive(rng: random.Random, folder: Path, good: Path) -> Case:
    """Spoken words, one of them damaged, or its name, or the archive."""
    words, pack = _words(rng), rng.choice((_zip, _tar_xz, _tar_gz))
    name = rng.choice(sorted(words))
    kind = rng.randrange(3)
    if kind == 0:
        words[name] = damage(rng, words[name])
    elif kind == 1:
        words[damage_text(rng, name).decode(errors="replace")[:100]] = words.pop(name)
    data = pack(words)
    (folder / "words.any").write_bytes(damage(rng, data) if kind == 2 else data)
    return Case("01_download.py", ("--jena", str(good / "weather.csv"), "--speech", str(folder / "words.any")))


KINDS: dict[Callable[[random.Random, Path, Path], Case], float] = {  # with how many of 100 are of each
    _model: 30,
    _card: 20,
    _recording: 15,
    _sensor_log: 15,
    _weather: 10,
    _archive: 10,
}


def good_wav(rng: random.Random) -> bytes:
    """A recording of noise, of any usual rate, width and number of channels."""
    rate, width, channels = rng.choice((8000, 16_000, 44_100)), rng.choice((1, 2, 3, 4)), rng.choice((1, 2))
    noise = np.random.default_rng(rng.randrange(2**32)).uniform(-0.3, 0.3, (2 * rate, channels))
    return wav_bytes(noise[: rng.choice((rate // 4, 2 * rate))], rate, width, channels)


def good_log(rng: random.Random, rows: int) -> str:
    """A log of readings ten minutes apart."""
    start = datetime(2024, 2, 28, 20)
    lines = ["Date Time,T (degC),rh (%)"]
    for row in range(rows):
        time = start + row * timedelta(minutes=10)
        lines.append(f"{time:%d.%m.%Y %H:%M:%S},{rng.uniform(-20, 40):.2f},{rng.uniform(0, 100):.1f}")
    return "\n".join(lines) + "\n"


def good_archives(rng: random.Random) -> list[bytes]:
    """Spoken words, packed in each way."""
    return [pack(_words(rng)) for pack in (_zip, _tar, _tar_xz, _tar_gz)]


def _words(rng: random.Random) -> dict[str, bytes]:
    noise = np.random.default_rng(rng.randrange(2**32)).uniform(-0.3, 0.3, (8, 1600))
    return {
        f"mini/{word}/{rng.getrandbits(32):08x}_nohash_0.wav": wav_bytes(sound)
        for word, sound in zip(LABELS, noise, strict=True)
    }


def _plain(data: bytes) -> bytes:
    return data


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _tar_xz(members: dict[str, bytes]) -> bytes:
    return lzma.compress(_tar(members), preset=0)


def _tar_gz(members: dict[str, bytes]) -> bytes:
    return _gzip(_tar(members))
