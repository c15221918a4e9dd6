"""One model in words, tables and charts: what its card and its file say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from underbudget.beyond.listening.scores import CLEAN
from underbudget.beyond.words import what_to_record
from underbudget.device.artifact import SPOTTING, Card
from underbudget.device.audio import Audio
from underbudget.device.frontend import extractor
from underbudget.device.listen import KeywordSpotter
from underbudget.export.costs import Layer, layers
from underbudget.export.layer_times import layer_microseconds
from underbudget.metrics import KB, METRICS, TASK_METRICS
from underbudget.results_page.curve_charts import curve_chart
from underbudget.results_page.listening_tables import det_chart, has_speech, listener_table
from underbudget.results_page.markdown import literal, markdown_table
from underbudget.results_page.model_charts import bytes_chart, confusion_chart
from underbudget.results_page.page import document, figures
from underbudget.results_page.style import Chart, chart

Image = NDArray[np.float32]

LISTENING = "How it listens"
Section = tuple[str, str, str]  # a title, a sentence or nothing, and a Markdown table
PERCENTILES = 2, 98  # of a picture's values: the darkest and the brightest that is drawn


def sections(card: Card, content: bytes, listening: dict[str, Any] | None) -> list[Section]:
    """Return what is known of a model, in sections; its layers are timed.

    Args:
        content: its TFLite file, inflated.
        listening: what its listener does, if that was measured (see beyond.listening.measure).
    """
    parts = [
        ("What it is", "", _about(card)),
        ("How well it does", "", _scores(card)),
        ("What it takes", "", _costs(card)),
        ("Layers with weights", LAYERS, _layers(layers(content), layer_microseconds(content))),
    ]
    if card.task == SPOTTING:
        parts.append(
            ("Confusion", "Clips of the test: a row for each word said, a column for each detected.", _confusion(card))
        )
    if listening:
        advice = "".join(f" {sentence[0].upper()}{sentence[1:]}." for sentence in what_to_record(listening))
        parts.append((LISTENING, f"Test sounds, at the middle sensitivity.{advice}", listener_table(listening)))
    return [*parts, ("How it was made", "", _made(card))]


def example(card: Card, content: bytes, second: Audio) -> tuple[str, Image]:
    """Return what a spotter makes of a second of sound, in words, and what its network sees of it [rows, frames].

    The first row is the top one: the highest frequency, or coefficient.
    """
    assert card.front_end is not None  # spotters alone have one
    heard = sorted(KeywordSpotter(card, content).predict(second).items(), key=lambda item: -item[1])
    image = extractor(card.front_end)(second)[..., 0].T[::-1]
    return "Probabilities: " + ", ".join(f"{word} {p:.2f}" for word, p in heard[:3]), image


def in_letters(image: Image) -> str:
    """Draw a picture in letters, for a terminal: the brighter, the denser."""
    letters = np.array(list(" .:-=+*#%@"))
    low, high = np.percentile(image, PERCENTILES)
    steps = ((image - low) / (high - low) * len(letters)).clip(0, len(letters) - 1).astype(int)
    return "".join("".join(row).rstrip() + "\n" for row in letters[steps[:: -(-len(steps) // 16)]])


def model_page(
    title: str,
    card: Card,
    parts: Sequence[Section],
    seen: tuple[str, str, Image] | None,
    listening: dict[str, Any] | None,
) -> str:
    """Return a page of a model.

    Args:
        parts: what `sections` returns.
        seen: a title, and what `example` returns.
        listening: as for `sections`.
    """
    size = card.content["file"]
    bars = {when: found for when in ("converted", "slimmed") if (found := size.get(f"{when}_parts_bytes"))}
    drawn: dict[str, Sequence[Chart]] = {
        "What it takes": [bytes_chart(title, bars)] if bars else [],
        "Confusion": [confusion_chart(title, card)] if card.task == SPOTTING else [],
        "How it was made": curve_chart(title, {card.name: card}),
        LISTENING: [det_chart({title: listening}, CLEAN, ())] if listening and has_speech(listening) else [],
    }
    if seen:
        name, words, image = seen
        parts = [*parts, (name, words, "")]
        drawn[name] = [_picture(name, words, image)]
    text, charts = "", {}
    for number, (name, words, table) in enumerate(parts):
        text += f"## {name}\n\n"
        if found := drawn.get(name):
            charts[f"c{number}"] = figures(f"c{number}", found)
            text += f"charts:c{number}\n\n"  # before the table, beside which it then is
        text += f"{words}\n\n{table}\n"
    return document(title, text, charts)


def _picture(title: str, words: str, image: Image) -> Chart:
    low, high = np.percentile(image, PERCENTILES)

    def fill(axis: Axes) -> None:
        axis.imshow(image, aspect="auto", vmin=low, vmax=high, extent=(0, 1, 0, len(image)))
        axis.set_xlabel("seconds")
        axis.set_ylabel("row")
        axis.grid(visible=False)

    return chart(title, words, (), 200, fill)


def _table(rows: Mapping[str, str]) -> str:
    return markdown_table(["", ""], rows.items())


def _about(card: Card) -> str:
    content = card.content
    rows = {"task": card.task.replace("_", " "), **content.get("use", {})}
    if card.task == SPOTTING:
        rows["labels"] = ", ".join(card.labels)
        kind, *given = (f"{key} {value}" for key, value in content["front_end"].items())
        rows["front end"] = f"{kind.removeprefix('kind ')}: {', '.join(given)} (samples at 16 kHz; Hz)"
    else:
        for key in ("mean", "std"):
            rows[f"normalisation, {key}"] = ", ".join(f"{value:.4g}" for value in getattr(card, key))
    return _table({key.replace("_", " "): literal(str(value)) for key, value in rows.items()})


def _scores(card: Card) -> str:
    content = card.content
    limits = {result["metric"]: result["limit"] for result in content["results"]}
    lines = []
    for name in TASK_METRICS[card.task]:
        metric = METRICS[name]
        sides = [content[split] for split in ("test", "validation")]
        scores = [metric.interval(side[name], *(side[f"{name}_95"] or ())) for side in sides]
        lines.append([metric.title, *scores, _limit(name, limits)])
    size = METRICS["size_kb"]
    lines.append(
        [size.title, f"{content['file']['compressed_bytes'] / KB:.2f} {size.unit}", "", _limit("size_kb", limits)]
    )
    return markdown_table(["", "test (95 % interval)", "validation (95 % interval)", "limit"], lines)


def _limit(name: str, limits: Mapping[str, float]) -> str:
    return METRICS[name].limit(limits[name]) if name in limits else ""


def _costs(card: Card) -> str:
    size, costs = card.content["file"], card.content["costs"]
    rows = {
        "compressed": f"{size['compressed_bytes']:,} bytes",
        "before it was stripped, compressed": f"{size['converted_compressed_bytes']:,} bytes",
        "not compressed": f"{size['slimmed_bytes']:,} bytes",
        "parameters": f"{costs['parameters']:,}",
        "multiply-accumulates": f"{costs['macs']:,}",
        "working memory, at least": f"{costs['peak_tensor_bytes']:,} bytes",
        "weights that are zero": f"{100 * card.content['sparsity']:.0f} %",
    }
    return _table(rows)


LAYERS = (
    "Kernel: filters × rows × columns × inputs, of a depthwise one 1 × rows × columns × channels. MACs:"
    " multiply-accumulates. µs: what the layer, with all up to the next one, adds to an inference on this machine, on"
    " one thread; the file was cut off behind each layer, and the pieces timed. Less than 2 µs is noise."
)


def _layers(found: Sequence[Layer], microseconds: Sequence[float] | NDArray[np.float64]) -> str:
    total = sum(layer.macs for layer in found) or 1
    lines = [
        [
            str(number),
            layer.operator,
            "×".join(map(str, layer.kernel)),
            "×".join(map(str, layer.output[1:])),
            layer.weights,
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
            f"{100 * layer.macs / total:.0f}",
            f"{taken:.0f}" if taken >= 2 else "< 2",
        ]
        for number, (layer, taken) in enumerate(zip(found, microseconds, strict=True), 1)
    ]
    lines.append(["", "all", "", "", "", "", f"{total:,}", "", f"{sum(microseconds):.0f}"])
    return markdown_table(
        ["", "operator", "kernel", "output", "stored as", "weights and biases", "MACs", "% of MACs", "µs"], lines
    )


def _confusion(card: Card) -> str:
    rows = zip(card.labels, card.content["test"]["confusion"], strict=True)
    return markdown_table(["", *card.labels], [[label, *(str(n) if n else "" for n in row)] for label, row in rows])


def _made(card: Card) -> str:
    made = card.content["made_from"]
    rows = {
        "recipe": f"{made['recipe_name']}, seed {made['seed']}",
        "data": "{source}: {description}; {split}".format(**made["data"]),
        **_curve(card),
        "command": card.content["made_with"],
        "commit": card.content.get("commit") or "none",
        "time, memory": f"{card.content['wall_seconds']:.0f} s, {card.content['peak_memory_mib']:,} MiB",
    }
    return _table({key: literal(value) for key, value in rows.items()})


def _curve(card: Card) -> dict[str, str]:
    """Return how the loss fell, if the card knows it."""
    curve = card.content.get("curve", {})
    losses = [curve[name] for name in ("loss", "quantised_loss") if curve.get(name)]
    if not losses:
        return {}
    fell = "; with weights on grids ".join(f"{values[-1]:.3g} after {len(values)} epochs" for values in losses)
    return {"training loss": f"{losses[0][0]:.3g} after the first epoch, {fell}"}
