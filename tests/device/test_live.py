"""The two live programs, on recordings with known words and logs with known gaps."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, clean_environment, wav_bytes
from numpy.typing import NDArray

from underbudget.data.sources import Sources, load_speech, load_weather
from underbudget.data.speech import LABELS
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.listen import HOP, KeywordDetector, Settings
from underbudget.device.log import Log, Notice, Reading

PUBLISHED = ROOT / "models" / "report"
RATE = 16_000


def run(script: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=clean_environment(), timeout=120)


def recording(sources: Sources, clips: int) -> tuple[NDArray[np.float32], list[tuple[float, str]]]:
    """Test clips at random gaps in faint noise, and the second at which each begins with its word."""
    speech = load_speech(sources)
    audio, label = list(speech.clips("test")), speech.labels("test")
    rng = np.random.default_rng(7)
    parts, words, at = [np.zeros(RATE, np.float32)], [], RATE
    for i in rng.choice(len(audio), clips, replace=False):
        gap = int(rng.uniform(0.5, 2) * RATE)
        words.append((at / RATE, LABELS[label[i]]))
        parts += [audio[i], np.zeros(gap, np.float32)]
        at += RATE + gap
    sound = np.concatenate(parts)
    return sound + rng.normal(0, 3e-4, len(sound)).astype(np.float32), words


def count(heard: list[tuple[float, str]], words: list[tuple[float, str]]) -> dict[str, int]:
    """Hits, wrong words, misses, false alarms: a word counts from 0.2 s after its clip begins to 1.7 s."""
    left, counts = list(heard), {"hit": 0, "wrong": 0, "missed": 0, "false": 0}
    for start, word in words:
        near = [h for h in left if start + 0.2 <= h[0] <= start + 1.7]
        if near:
            left.remove(near[0])
        counts["missed" if not near else "hit" if near[0][1] == word else "wrong"] += 1
    return {**counts, "false": len(left)}


@pytest.mark.parametrize("name", ["report/kws_a", "report/kws_b", "report/kws_c", "improved/kws_a", "smallest/kws_a"])
def test_hears_the_words_of_a_long_recording(name: str, real_data: Sources) -> None:
    sound, words = recording(real_data, 100)
    listener = KeywordDetector(*artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib"), Settings())
    heard = [h for c in sound[: len(sound) // HOP * HOP].reshape(-1, HOP) if (h := listener.process(c))]
    counts = count([(h.time, h.word) for h in heard], words)
    print(name, f"{len(sound) / RATE:.0f} s", counts)
    assert counts["hit"] >= 70
    assert counts["wrong"] <= 12  # a model at 90 % takes one word in ten for another
    assert counts["false"] <= 12


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.05])
def test_hears_nothing_in_silence_and_steady_noise(level: float) -> None:
    listener = KeywordDetector(*artifact.load(PUBLISHED, "kws_a"), Settings())
    noise = np.random.default_rng(0).normal(0, level, 30 * RATE).astype(np.float32)
    assert not [h for c in noise.reshape(-1, HOP) if (h := listener.process(c))]


@pytest.mark.slow
def test_wav_and_raw_are_heard_alike(tmp_path: Path, real_data: Sources) -> None:
    sound, words = recording(real_data, 6)
    (tmp_path / "long.wav").write_bytes(wav_bytes(np.clip(sound, -1, 0.999)))
    from_wav = run("10_listen.py", "--wav", str(tmp_path / "long.wav"), "--json")
    assert from_wav.returncode == 0
    heard = [json.loads(line) for line in from_wav.stdout.splitlines()]
    assert count([(h["time"], h["word"]) for h in heard], words)["hit"] >= 4
    raw = np.round(np.clip(sound, -1, 0.999) * 32767).astype("<i2").tobytes() + bytes(4 * RATE)
    from_raw = [json.loads(line) for line in run("10_listen.py", "--raw", "--json", stdin=raw).stdout.splitlines()]
    assert [(h["time"], h["word"]) for h in from_raw] == [(h["time"], h["word"]) for h in heard]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--wav", "/no/such.wav"), "/no/such.wav: can't be read"),
        (("--wav", __file__), "not a WAV file"),
        (("--model", __file__), "give a NAME.tflite.zlib"),
        (("--model", str(PUBLISHED / "th_a.tflite.zlib")), "not a keyword spotter"),
        (("--model", "/no/kws.tflite.zlib"), "/no/kws.tflite.zlib: no such model"),
    ],
)
def test_listening_errors_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = run("10_listen.py", *arguments)
    assert done.returncode == 1
    (line,) = [s for s in done.stderr.decode().splitlines() if not s.startswith("INFO")]
    assert line.startswith("error: ") and message in line


HEADER = "Date Time,T (degC),rh (%)\n"


def log(minutes: list[int], temperature: float = 5.0) -> str:
    start = np.datetime64("2026-01-01T00:00", "m")
    times = [(start + m).astype(object).strftime("%d.%m.%Y %H:%M:%S") for m in minutes]
    return HEADER + "".join(f"{t},{temperature + i / 10},{80 - i}\n" for i, t in enumerate(times))


@pytest.mark.slow
def test_the_readme_shows_what_the_examples_say() -> None:
    _, commands, shown = re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[:3]
    said = ""
    for name, arguments in re.findall(r"/tmp/try/bin/python scripts/(\S+) (.*)", commands):
        done = run(name, *(str(ROOT / part) if "/" in part else part for part in arguments.split()))
        assert done.returncode == 0
        said += done.stdout.decode()
    first, last = shown.split("  …\n")
    assert said.startswith(first)
    without_latency = re.compile(r"[\d.]+ ms$", re.MULTILINE)  # it is another each time
    assert without_latency.sub("", said).endswith(without_latency.sub("", last))


@pytest.mark.parametrize("name", ["report/th_a", "improved/th_a", "improved/th_b"])
def test_forecasts_as_the_pipeline_does(name: str, real_data: Sources) -> None:
    """The live program's forecast for test windows against the pipeline's outputs for them."""
    from underbudget.evaluation import prepare_for

    card, content = artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib")
    weather = load_weather(real_data)
    start = int(weather.windows("test")[1234])
    from underbudget.device.runtime import Model

    expected = Model(content, name).predict(prepare_for(card, weather).inputs("test")[1234:1235])[0].reshape(6, 2)
    forecaster = Forecaster(card, content)
    said: list[Any] = []
    for row in range(start, start + 6):
        t, h = map(float, weather.values[row])
        said = list(forecaster.read(Reading(weather.time[row].astype(object), t, h)))
    (forecast,) = said
    np.testing.assert_allclose([(s.temperature, s.humidity) for s in forecast.steps], expected, atol=1e-4)
    assert [s.temperature_mae for s in forecast.steps] == card.content["test"]["t_mae_c_by_step"]


def test_a_gap_is_said_and_starts_over() -> None:
    forecaster = Forecaster(*artifact.load(PUBLISHED, "th_a"))
    minutes = [0, 10, 20, 30, 40, 50, 60, 90, 100, 110, 120, 130, 140]
    said = [list(forecaster.read(r)) for r in Log(log(minutes).splitlines(True), "log")]
    made = [any(isinstance(s, Forecast) for s in each) for each in said]
    assert made == [False] * 5 + [True] * 2 + [False] * 5 + [True]
    assert isinstance(said[7][0], Notice) and "0:30:00 after the last reading" in said[7][0].text
    assert isinstance(said[7][1], Notice) and "1 of 6" in said[7][1].text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("01.01.2026 01:00:00,,70\n", "T (degC) is ''"),
        ("01.01.2026 01:00:00,warm,nan\n", "T (degC) is 'warm' and rh (%) is 'nan'"),
        ("2026-01-01,5,70\n", "'2026-01-01' is no time"),
        ("01.01.2026 00:50:00,5,70\n", "not after"),
    ],
)
def test_bad_readings_are_said(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "log.csv").write_text(log([0, 10, 20, 30, 40, 50]) + line)
    done = run("11_forecast.py", str(tmp_path / "log.csv"))
    assert message in done.stderr.decode()
    assert done.stdout == run("11_forecast.py", "-", stdin=log([0, 10, 20, 30, 40, 50]).encode()).stdout
    assert b"Forecast from 2026-01-01 00:50 " in done.stdout
    (tmp_path / "log.csv").write_text(log([0, 10, 20, 30, 40, 50]) + 3 * "01.01.2026 01:10:00,,70\n")
    done = run("11_forecast.py", str(tmp_path / "log.csv"))
    assert done.returncode == 1
    assert "no forecast for its end" in done.stderr.decode().splitlines()[-1]


@pytest.mark.slow
def test_forecast_of_a_good_log(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(log([0, 10, 20, 30, 40, 50]))
    done = run("11_forecast.py", str(tmp_path / "log.csv"), "--json")
    forecast = json.loads(done.stdout)
    assert forecast["time"] == "2026-01-01 00:50:00"
    assert [step["time"][11:16] for step in forecast["steps"]] == ["01:00", "01:10", "01:20", "01:30", "01:40", "01:50"]
    assert run("11_forecast.py", "-", "--json", stdin=log([0, 10, 20, 30, 40, 50]).encode()).stdout == done.stdout


def follow(rows: str) -> tuple[list[str], list[str]]:
    """Return the forecasts, and what is said beside them, of a log on standard input."""
    done = run("11_forecast.py", "-", "--follow", "--json", stdin=rows.encode())
    assert done.returncode == 0
    return done.stdout.decode().splitlines(), done.stderr.decode().splitlines()


@pytest.mark.slow
def test_of_a_log_with_a_reading_an_hour_it_is_said_how_often_they_come() -> None:
    forecasts, said = follow(log([60 * hour for hour in range(24)]))
    assert not forecasts
    assert len(said) < 17
    assert said[-1] == "readings come every 60 minutes: give some that come every 10, or more often"


@pytest.mark.slow
def test_what_keeps_recurring_is_said_six_times_a_day() -> None:
    rows = log([17 * 60 + 10 * n for n in range(80)]).splitlines(keepends=True)  # beyond midnight
    forecasts, said = follow(rows[0] + "".join(row + "broken\n" for row in rows[1:]))
    assert len(forecasts) == 80 - 5
    broken = [line for line in said if "waiting: " not in line]
    assert len(broken) == 2 * (6 + 1)
    assert "no more of these are shown until there is a forecast of another day" in broken[6]


@pytest.mark.slow
def test_readings_at_another_cadence_are_interpolated_without_many_words() -> None:
    forecasts, said = follow(log([7 * n for n in range(80)]))
    assert len(forecasts) > 45 and len(said) < 10


@pytest.mark.slow
def test_follows_a_growing_log(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    whole = log([0, 10, 20, 30, 40, 50, 60])
    path.write_text(whole[:-5])  # the last line is not finished yet
    command = [sys.executable, str(ROOT / "scripts" / "11_forecast.py"), str(path), "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["time"].endswith("00:50:00")
        time.sleep(0.5)
        path.write_text(whole)
        assert json.loads(process.stdout.readline())["time"].endswith("01:00:00")
        process.kill()


@pytest.mark.slow
def test_follows_the_name_of_a_log(tmp_path: Path) -> None:
    """A log that is not there yet, is renamed, begun anew, deleted and made again: no reading is missed."""
    path = tmp_path / "log.csv"
    header, *rows = log([10 * i for i in range(14)]).splitlines(True)
    command = [sys.executable, str(ROOT / "scripts" / "11_forecast.py"), str(path), "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None

        def made() -> str:
            return str(json.loads(process.stdout.readline())["time"][11:16])  # type: ignore[union-attr]

        while "no such file yet; waiting for it" not in process.stderr.readline():
            pass
        path.write_text(header + "".join(rows[:6]))
        assert made() == "00:50"
        path.rename(tmp_path / "log.csv.1")
        path.write_text(header + rows[6])
        assert made() == "01:00"
        path.write_text(rows[7])  # begun anew, without a header
        assert made() == "01:10"
        path.unlink()
        path.write_text(header + "".join(rows[8:10]))
        assert [made(), made()] == ["01:20", "01:30"]
        with path.open("a") as file:  # by half lines
            for half in (rows[10][:9], rows[10][9:] + rows[11][:30], rows[11][30:]):
                file.write(half)
                file.flush()
                time.sleep(0.2)
        assert [made(), made()] == ["01:40", "01:50"]
        process.kill()


def test_a_log_without_its_columns() -> None:
    with pytest.raises(UserError, match=r"column 'rh \(%\)' is missing"):
        Log(["Date Time,T (degC)\n"], "log")


@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "scripts" / "underbudget" / "device").glob("*.py")),
        *sorted((ROOT / "scripts").glob("1[01]_*.py")),
    ],
    ids=lambda path: path.stem,
)
def test_the_device_side_imports_numpy_and_the_runtime_alone(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "underbudget", "numpy", "ai_edge_litert", "tflite_runtime", "sounddevice"}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in allowed
