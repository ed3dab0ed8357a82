"""The layers of a network, as frozen dataclasses that check themselves.

``synaptic``: Dense and Conv2d, whose weights events meet; ``elementwise`` and ``threshold``: what is done to one number
at a time; ``arrangement``: where numbers stand; ``pooling``: windows of numbers; ``joining``: several signals. Layout:
a frame is (C, H, W) or (n,), flattened in C order; a Dense weight is (n_in, n_out), a Conv2d weight (C_out, C_in /
groups, kH, kW).
"""

from hwsim.network.layers.arrangement import Pad2d, Rearrange
from hwsim.network.layers.elementwise import (
    ELU,
    Affine,
    Flatten,
    HardTanh,
    LeakyReLU,
    Quantize,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Wrap,
)
from hwsim.network.layers.joining import Add, Concat, Divide, Joining, Multiply, Pairing
from hwsim.network.layers.layer import ElementWise, Layer
from hwsim.network.layers.pooling import AvgPool2d, GlobalAvgPool, MaxPool2d
from hwsim.network.layers.synaptic import Conv2d, Dense, Synaptic, unless_zero
from hwsim.network.layers.threshold import MultiThreshold
from hwsim.network.layers.weight import Weight
from hwsim.network.layers.window import Axis, Window

__all__ = [
    "ELU",
    "Add",
    "Affine",
    "AvgPool2d",
    "Axis",
    "Concat",
    "Conv2d",
    "Dense",
    "Divide",
    "ElementWise",
    "Flatten",
    "GlobalAvgPool",
    "HardTanh",
    "Joining",
    "Layer",
    "LeakyReLU",
    "MaxPool2d",
    "MultiThreshold",
    "Multiply",
    "Pad2d",
    "Pairing",
    "Quantize",
    "ReLU",
    "Rearrange",
    "Sigmoid",
    "Sign",
    "Softmax",
    "Synaptic",
    "Tanh",
    "Weight",
    "Window",
    "Wrap",
    "unless_zero",
]
