"""One model in words, tables and charts: what its card and its file say."""

from collections.abc import Mapping, Sequence

from underbudget.device.artifact import SPOTTING, Card
from underbudget.export.costs import Layer, layers
from underbudget.metrics import KB, METRICS, TASK_METRICS
from underbudget.results_page.curve_charts import curve_chart
from underbudget.results_page.markdown import literal, markdown_table
from underbudget.results_page.model_charts import bytes_chart, confusion_chart
from underbudget.results_page.page import document, figures
from underbudget.results_page.style import Chart

Section = tuple[str, str]  # a title, and a Markdown table


def sections(card: Card, content: bytes) -> list[Section]:
    """Return what is known of a model, in sections.

    Args:
        content: its TFLite file, inflated.
    """
    parts = [("What it is", _about(card)), ("How well it does", _scores(card)), ("What it takes", _costs(card))]
    parts.append(("Layers with weights", _layers(layers(content))))
    if card.task == SPOTTING:
        parts.append(("Word said (rows) and word detected, clips of the test", _confusion(card)))
    return [*parts, ("How it was made", _made(card))]


def model_page(title: str, card: Card, content: bytes) -> str:
    """Return a page of a model."""
    parts = card.content["file"]
    bars = {when: found for when in ("converted", "slimmed") if (found := parts.get(f"{when}_parts_bytes"))}
    drawn: dict[str, Sequence[Chart]] = {
        "curve": curve_chart(title, {card.name: card}),
        "bytes": [bytes_chart(title, bars)] if bars else [],
        "confusion": [confusion_chart(title, card)] if card.task == SPOTTING else [],
    }
    text = "\n".join(f"## {name}\n\n{table}" for name, table in sections(card, content))
    charts = {name: figures(name, found) for name, found in drawn.items() if found}
    places = "".join(f"\ncharts:{name}\n" for name in charts)
    return document(title, f"{text}\n## Charts\n{places}" if charts else text, charts)


def _table(rows: Mapping[str, str]) -> str:
    return markdown_table(["", ""], rows.items())


def _about(card: Card) -> str:
    content = card.content
    rows = {"task": card.task.replace("_", " "), **content.get("use", {})}
    if card.task == SPOTTING:
        rows["labels"] = ", ".join(card.labels)
        rows["front end"] = ", ".join(f"{key} {value}" for key, value in content["front_end"].items())
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


def _layers(found: Sequence[Layer]) -> str:
    total = sum(layer.macs for layer in found) or 1
    lines = [
        [
            str(number),
            layer.operator,
            " x ".join(map(str, layer.kernel)),
            " x ".join(map(str, layer.output)),
            layer.weights,
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
            f"{100 * layer.macs / total:.0f}",
        ]
        for number, layer in enumerate(found, 1)
    ]
    return markdown_table(
        ["", "operator", "kernel", "output", "stored as", "weights and biases", "MACs", "% of MACs"], lines
    )


def _confusion(card: Card) -> str:
    rows = zip(card.labels, card.content["test"]["confusion"], strict=True)
    return markdown_table(["", *card.labels], [[label, *(str(n) if n else "" for n in row)] for label, row in rows])


def _made(card: Card) -> str:
    made = card.content["made_from"]
    rows = {
        "recipe": f"{made['recipe_name']}, seed {made['seed']}",
        "data": "{source}: {description}; {split}".format(**made["data"]),
        "command": card.content["made_with"],
        "commit": card.content.get("commit") or "none",
        "time, memory": f"{card.content['wall_seconds']:.0f} s, {card.content['peak_memory_mib']:,} MiB",
    }
    return _table({key: literal(value) for key, value in rows.items()})
