"""Keras' and PyTorch's training steps, as any user's program does them: timed beside ours by the bench.

This runs as a process of its own and imports nothing of this project, whose settings (portable sums) would slow them.
It reads one JSON object per line and answers each with one: {"prepare": "keras" or "torch", …} once, then {} for each
epoch to time, answered by {"seconds": …}. What is trained comes in files: features and labels as .npz, for Keras its
model, for PyTorch a description of the network.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Epoch = Callable[[], None]


def keras_epoch(model_path: str, data: Any, batch_size: int, learning_rate: float) -> Epoch:
    """Return an epoch by `fit`, which reads a tf.data pipeline."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import tf_keras as keras

    model = keras.models.load_model(model_path, compile=False)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss)
    samples = tf.data.Dataset.from_tensor_slices((data["features"][0].astype(np.float32), data["label"]))
    batches = samples.cache().shuffle(len(data["label"])).batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return lambda: model.fit(batches, epochs=1, verbose=0)


def torch_epoch(network: dict[str, Any], data: Any, batch_size: int, learning_rate: float) -> Epoch:
    """Return an epoch in channels_last, with fused Adam: what is fastest on a CPU.

    With more than one copy of the features, each sample draws one, masks frames and mixes in another clip. With a grid
    step, weights are rounded in each step, and exact ones beside them updated.
    """
    import torch
    from torch import nn

    copies = torch.from_numpy(data["features"])  # [copies, clips, rows, columns]
    targets = nn.functional.one_hot(torch.from_numpy(data["label"]).long(), 8).float()
    model = _torch_network(nn, network, copies.shape[3]).to(memory_format=torch.channels_last).train()
    trained = list(model.parameters())
    grids = [network["grid"] * float(p.detach().square().mean().sqrt()) + 1e-8 for p in trained]
    exact = [nn.Parameter(p.detach() / g) for p, g in zip(trained, grids, strict=True)] if network["grid"] else trained
    optimizer = torch.optim.Adam(exact, learning_rate, fused=True)
    frames = torch.arange(copies.shape[2])

    def batch(chosen: Any) -> tuple[Any, Any]:
        drawn = torch.rand(4, len(chosen), 1)
        x, y = copies[(drawn[0, :, 0] * len(copies)).long(), chosen].float(), targets[chosen]
        if len(copies) > 1:
            start, length = drawn[1] * len(frames), drawn[2] * network["time_mask"]
            x = x * ~((frames >= start) & (frames < start + length))[:, :, None]
            other = drawn[3] * network["mixup"]
            x, y = torch.lerp(x, x.flip(0), other[:, :, None]), torch.lerp(y, y.flip(0), other)
        return x[:, None].to(memory_format=torch.channels_last), y

    def step(chosen: Any) -> None:
        x, y = batch(chosen)
        model.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(x), y).backward()
        if network["grid"]:
            for precise, p in zip(exact, trained, strict=True):
                precise.grad = p.grad
        optimizer.step()
        if network["grid"]:
            with torch.no_grad():
                for precise, p, g in zip(exact, trained, grids, strict=True):
                    p.copy_(precise.round().clamp(-127, 127) * g)

    def epoch() -> None:
        for chosen in torch.randperm(len(targets)).split(batch_size):
            step(chosen)

    return epoch


def _torch_network(nn: Any, network: dict[str, Any], columns: int) -> Any:
    """Build "ds_cnn" or "ds_tc_resnet" as pipeline/train/networks.py describes them."""
    filters, stride = network["filters"], tuple(network["stride"])
    folded = bool(network["grid"])  # batch normalisation is part of the weights by then

    def convolution(*arguments: Any, relu: bool = True, **options: Any) -> list[Any]:
        layers = [nn.Conv2d(*arguments, bias=folded, **options)]
        layers += [] if folded else [nn.BatchNorm2d(arguments[1], eps=1e-3, momentum=network["momentum"])]
        return [*layers, nn.ReLU()] if relu else layers

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            depthwise = nn.Conv2d(filters, filters, (9, 1), padding=(4, 0), groups=filters, bias=False)
            self.branch = nn.Sequential(depthwise, *convolution(filters, filters, 1, relu=False))

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(x + self.branch(x))

    if network["architecture"] == "ds_cnn":
        layers = convolution(1, filters, 3, stride=stride)
        for _ in range(2):
            layers += [nn.Conv2d(filters, filters, 3, groups=filters, bias=False), *convolution(filters, filters, 1)]
    else:
        layers, channels = [], 1
        for width in network["stem"]:
            layers += convolution(channels, width, 3, stride=(1, 2))
            channels, columns = width, (columns - 3) // 2 + 1
        layers += convolution(channels, filters, (1 if network["stem"] else 3, columns), stride=stride)
        for group, blocks in enumerate(network["blocks"]):
            layers += [nn.MaxPool2d((2, 1), ceil_mode=True)] if group else []
            layers += [Block() for _ in range(blocks)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, 8))


def main() -> None:
    """Answer the bench, line by line, until it closes standard input."""
    asked = json.loads(sys.stdin.readline())
    make: dict[str, Callable[..., Epoch]] = {"keras": keras_epoch, "torch": torch_epoch}
    with np.load(asked["data"]) as data:
        arrays = {name: data[name] for name in data.files}
    epoch = make[asked["prepare"]](asked["network"], arrays, asked["batch_size"], asked["learning_rate"])
    epoch()  # builds what it builds once
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        epoch()
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
