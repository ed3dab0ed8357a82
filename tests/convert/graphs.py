"""Networks with branches for the conversions, and their forward pass in plain float64, with or without rounding."""

import numpy as np

from hwsim.datasets import Dataset
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    MaxPool2d,
    ReLU,
    Weight,
)


def drawn_conv(name, generator, shape, inputs=(), **geometry):
    """Weights and biases are multiples of 1/64, so that sums of whole inputs are exact in any arithmetic."""
    weight, bias = generator.integers(-60, 61, shape) / 64, generator.integers(-64, 65, shape[0]) / 64
    return Conv2d(name, inputs, terms=(Weight(weight),), bias=bias, **geometry)


def branching_network(*before, seed=0):
    """A fire module, a residual connection and both kinds of pooling; reads (2, 9, 8)."""
    generator = np.random.default_rng(seed)
    layers = (
        *before,
        drawn_conv("stem", generator, (4, 2, 3, 3)),
        ReLU("stem_relu"),
        MaxPool2d("pool", kernel=3, stride=2, padding=1),
        drawn_conv("squeeze", generator, (3, 4, 1, 1)),
        ReLU("squeezed"),
        drawn_conv("left", generator, (2, 3, 1, 1)),
        ReLU("left_relu"),
        drawn_conv("right", generator, (4, 3, 3, 3), ("squeezed",), padding=1),
        ReLU("right_relu"),
        Concat("fire", ("left_relu", "right_relu")),
        drawn_conv("inner", generator, (6, 3, 3, 3), padding=1, groups=2),
        Add("sum", ("inner", "fire")),
        ReLU("sum_relu"),
        AvgPool2d("mean", kernel=2, stride=2),
        Flatten("flat"),
        Dense(
            "out", terms=(Weight(generator.integers(-60, 61, (12, 5)) / 64),), bias=generator.integers(-9, 9, 5) / 64
        ),
    )
    return Network("branching", (2, 9, 8), layers)


def frames_for(network, n_frame=12, seed=1, step=1 / 32, name="drawn"):
    inputs = np.random.default_rng(seed).integers(0, 256, (n_frame, *network.input_shape)).astype(np.uint8)
    return Dataset(inputs, step, name=name, split="train")


def forward(network, values, scale=None):
    """Every signal in float64; what layers with weights and Concat read is rounded to multiples of 1/scale, half up."""
    signals = {INPUT: np.asarray(values, np.float64)}
    for layer in network.layers:
        read = [signals[name] for name in layer.inputs]
        if scale and isinstance(layer, Dense | Conv2d | Concat):
            read = [np.floor(scale * each + 0.5) / scale for each in read]
        signals[layer.name] = made(layer, *read)
    return signals


def made(layer, *read):
    """What a layer makes of what it reads."""
    x = read[0]
    if isinstance(layer, Dense):
        return x @ layer.terms[0].value + (0 if layer.bias is None else layer.bias)
    if isinstance(layer, Conv2d):
        return convolved(layer, x)
    if isinstance(layer, MaxPool2d | AvgPool2d):
        inner = isinstance(layer, AvgPool2d)
        windows = sliding(x, layer.kernel, layer.stride, layer.padding, 0 if inner else -np.inf)
        return windows.mean(axis=(4, 5)) if inner else windows.max(axis=(4, 5))
    if isinstance(layer, GlobalAvgPool):
        return x.mean(axis=(2, 3), keepdims=True)
    if isinstance(layer, Add):
        return sum(read)
    if isinstance(layer, Concat):
        return np.concatenate(read, axis=1)
    if isinstance(layer, Affine):
        along = (slice(None), *(None,) * (x.ndim - 2))
        scale, offset = (np.atleast_1d(each)[along] for each in (layer.scale, layer.offset))
        return x * scale + offset
    if isinstance(layer, HardTanh):
        return np.clip(x, layer.lowest, layer.highest)
    return {ReLU: lambda: np.maximum(x, 0), Flatten: lambda: x.reshape(len(x), -1)}[type(layer)]()


def sliding(x, kernel, stride, padding, filler):
    """Windows. (n_frame, channels, height, width, kernel height, kernel width)"""
    padded = np.pad(x, ((0, 0), (0, 0), *padding), constant_values=filler)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]


def convolved(layer, x):
    windows = sliding(x, layer.kernel, layer.stride, layer.padding, 0)
    parts = zip(np.split(windows, layer.groups, axis=1), np.split(layer.terms[0].value, layer.groups), strict=True)
    sums = [np.einsum("ncyxij,ocij->noyx", window, weight) for window, weight in parts]
    return np.concatenate(sums, axis=1) + (0 if layer.bias is None else layer.bias[:, None, None])
