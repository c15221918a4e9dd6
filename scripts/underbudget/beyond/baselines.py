"""Keras' and PyTorch's training steps, as any user's program does them: timed beside ours by the bench.

This runs as a process of its own and imports nothing of this project, whose settings (portable sums) would slow them.
It reads a recipe, as on a card, as a line of JSON, with the peer and a folder: in it lie data.npz, the features
[copies, samples, ...] and the targets, and the untrained network.keras. It answers that line and each further one with
the seconds of an epoch.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

RunEpoch = Callable[[], Any]


def keras_epoch(recipe: dict[str, Any], copies: Any, labels: Any) -> RunEpoch:
    """Return an epoch by `fit`, which reads a tf.data pipeline, without pruning and augmentation."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import tf_keras as keras

    model = keras.models.load_model(f"{recipe['folder']}/network.keras", compile=False)
    fit = recipe["fit"]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True) if fit["loss"] == "cross_entropy" else fit["loss"]
    model.compile(keras.optimizers.Adam(fit["learning_rate"]), loss)
    samples = tf.data.Dataset.from_tensor_slices((copies[0].astype(np.float32), labels))
    batches = samples.cache().shuffle(len(labels)).batch(fit["batch_size"]).prefetch(tf.data.AUTOTUNE)
    return lambda: model.fit(batches, epochs=1, verbose=0)


def torch_epoch(recipe: dict[str, Any], copies: Any, labels: Any) -> RunEpoch:
    """Return an epoch of a spotter in channels_last, with fused Adam: what is fastest on a CPU.

    With augmentation, each sample draws a copy, masks frames and mixes in another clip. In quantisation-aware training,
    weights are rounded in each step, and exact ones beside them updated.
    """
    import torch
    from torch import nn

    copies, targets = torch.from_numpy(copies[..., 0]), torch.from_numpy(labels)  # [copies, clips, rows, columns]
    fit, scale = recipe["fit"], recipe["relative_scale"]  # a scale of 0: no quantisation-aware training
    model = _torch_network(nn, recipe, copies.shape[3]).to(memory_format=torch.channels_last).train()
    trained = list(model.parameters())
    grids = [scale * float(p.detach().square().mean().sqrt()) + 1e-8 for p in trained]
    exact = [nn.Parameter(p.detach() / g) for p, g in zip(trained, grids, strict=True)] if scale else trained
    optimizer = torch.optim.Adam(exact, fit["learning_rate"], fused=True)
    frames = torch.arange(copies.shape[2])

    def batch(chosen: Any) -> tuple[Any, Any]:
        drawn = torch.rand(4, len(chosen), 1)
        x, y = copies[(drawn[0, :, 0] * len(copies)).long(), chosen].float(), targets[chosen]
        if augmentation := fit["augmentation"]:
            start, length = drawn[1] * len(frames), drawn[2] * augmentation["time_mask"]
            x = x * ~((frames >= start) & (frames < start + length))[:, :, None]
            other = drawn[3] * augmentation["mixup"]
            x, y = torch.lerp(x, x.flip(0), other[:, :, None]), torch.lerp(y, y.flip(0), other)
        return x[:, None].to(memory_format=torch.channels_last), y

    def epoch() -> None:
        for chosen in torch.randperm(len(targets)).split(fit["batch_size"]):
            x, y = batch(chosen)
            model.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(x), y).backward()
            for precise, p in zip(exact, trained, strict=True):
                precise.grad = p.grad
            optimizer.step()
            if scale:
                with torch.no_grad():
                    for precise, p, g in zip(exact, trained, grids, strict=True):
                        p.copy_(precise.round().clamp(-127, 127) * g)

    return epoch


def _torch_network(nn: Any, recipe: dict[str, Any], columns: int) -> Any:
    """Build a DsCnn or a DsTcResnet as underbudget/networks/ does."""
    network, filters = recipe["network"], recipe["filters"]
    folded = bool(recipe["relative_scale"])  # batch normalisation is part of the weights by then

    def convolution(*arguments: Any, relu: bool = True, **options: Any) -> list[Any]:
        layers = [nn.Conv2d(*arguments, bias=folded, **options)]
        layers += [] if folded else [nn.BatchNorm2d(arguments[1], eps=1e-3)]
        return [*layers, nn.ReLU()] if relu else layers

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            depthwise = nn.Conv2d(filters, filters, (9, 1), padding=(4, 0), groups=filters, bias=False)
            self.branch = nn.Sequential(depthwise, *convolution(filters, filters, 1, relu=False))

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(x + self.branch(x))

    if network["kind"] == "DsCnn":
        layers = convolution(1, filters, 3, stride=network["strides"])
        for _ in range(2):
            layers += [nn.Conv2d(filters, filters, 3, groups=filters, bias=False), *convolution(filters, filters, 1)]
    else:
        layers, channels = [], 1
        for width in (stem := network["stem"]):
            layers += convolution(channels, width, 3, stride=(1, 2))
            channels, columns = width, (columns - 3) // 2 + 1
        layers += convolution(channels, filters, (1 if stem else 3, columns), stride=(network["stride"], 1))
        for group, blocks in enumerate(network["blocks"]):
            layers += [nn.MaxPool2d((2, 1), ceil_mode=True)] if group else []
            layers += [Block() for _ in range(blocks)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, 8))


def main() -> None:
    """Answer the bench, line by line, until it closes standard input."""
    recipe = json.loads(sys.stdin.readline())
    with np.load(f"{recipe['folder']}/data.npz") as data:
        epoch = {"keras": keras_epoch, "torch": torch_epoch}[recipe["peer"]](recipe, data["copies"], data["targets"])
    while True:
        started = time.perf_counter()
        epoch()  # the first builds what is built once
        print(time.perf_counter() - started, flush=True)
        if not sys.stdin.readline():
            break


if __name__ == "__main__":
    main()
