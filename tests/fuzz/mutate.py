"""Random damage to bytes, to text and to JSON. All of it comes from the generator that is given, so it repeats."""

import copy
import json
import random
import struct
from typing import Any

NUMBERS = (0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    "", " ", "nan", "NaN", "-inf", "1e999", "1e308", "-1", "0", "1_000", "٣", "true", "null", "9" * 5000, "x" * 70_000,
    "\0", "\ufeff", '"', "'", ",", ";", "\n", "\r", "\x1b[2J", "\u2028", "é", "[" * 2000, "../../x", "%s",
    "01.01.0001 00:00:00", "31.12.9999 23:59:59", "29.02.2025 12:00:00",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 640.5, 1e-300, 1e308, 10**400, float("nan"), float("inf"), "", "x", "\ud800", "\n",
    [], {}, [[]], [None], [1, 2], {"kind": "mfcc"}, "mfcc", "stft", "forecasting", "keyword_spotting", 8000, 2**32,
)  # fmt: skip


def damage(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one to a few changes, anywhere or near the start or the end, where headers are."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        data = _one_change(rng, data)
    return data


def _one_change(rng: random.Random, data: bytes) -> bytes:
    size = len(data)
    if not size:
        return rng.randbytes(rng.randrange(64))
    near = min(size, rng.choice((16, 64, 512, size, size)))
    at = rng.choice((rng.randrange(near), size - 1 - rng.randrange(near)))
    length = rng.choice((1, 2, 4, 8, rng.randint(1, 1 + size // 2)))
    kind = rng.randrange(8)
    if kind == 0:  # one bit
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + bytes([rng.choice(NUMBERS) & 255]) + data[at + 1 :]
    if kind == 2:  # a number of 16 or 32 bits
        number, code = rng.choice(NUMBERS), rng.choice(("<H", "<I", ">H", ">I"))
        packed = struct.pack(code, number & (0xFFFF if code[1] == "H" else 0xFFFFFFFF))
        return data[:at] + packed + data[at + len(packed) :]
    if kind == 3:
        return data[:at] + data[at + length :]
    if kind == 4:
        return data[:at] + data[at : at + length] * 2 + data[at + length :]
    if kind == 5:
        return data[:at] + rng.randbytes(length) + data[at + length :]
    if kind == 6:
        return data[:at]
    return data[:at] + rng.choice(WORDS).encode() + data[at:]


def damage_text(rng: random.Random, text: str) -> bytes:
    """Return a text with one of its words, or a line, replaced, removed or doubled; at times with damaged bytes."""
    if rng.random() < 0.3:
        return damage(rng, text.encode())
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(min(len(lines), rng.choice((1, 3, len(lines)))))
        kind = rng.randrange(4)
        if kind == 0:
            lines[at : at + 1] = []
        elif kind == 1:
            lines[at : at + 1] = [lines[at]] * 2
        else:
            cells = lines[at].split(",")
            cells[rng.randrange(len(cells))] = rng.choice(WORDS)
            lines[at : at + 1] = [",".join(cells)]
        lines = lines or [""]
    return "\n".join(lines).encode(errors="surrogatepass")


def damage_json(rng: random.Random, content: dict[str, Any]) -> bytes:
    """Return JSON with a value replaced, removed or doubled somewhere; at times with damaged bytes."""
    if rng.random() < 0.3:
        return damage(rng, json.dumps(content).encode())
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 1, 3))):
        holder: Any = content
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(holder[key], dict | list) and rng.random() < 0.8:
                holder = holder[key]
                continue
            kind = rng.randrange(6)
            if kind == 0:
                del holder[key]
            elif kind == 1 and isinstance(holder, list):
                holder.append(holder[key])
            elif kind == 2 and type(holder[key]) in (int, float):
                holder[key] = holder[key] * rng.choice((-1, 0, 0.5, 2, 1000)) + rng.choice((0, 1, 0.5))
            else:
                holder[key] = rng.choice(VALUES)
            break
    return json.dumps(content, ensure_ascii=False).encode(errors="surrogatepass")
