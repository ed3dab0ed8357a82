"""The layers of a network, as frozen dataclasses that check themselves.

``synaptic``: Dense and Conv2d, whose weights events meet; ``piecewise``, ``curves``, ``scaling`` and ``threshold``:
what is done to one number at a time; ``wiring`` and ``arrangement``: where numbers and their bits stand; ``pooling``:
windows of numbers; ``joining``: several signals. Layout: a frame is (C, H, W) or (n,), flattened in C order; a Dense
weight is (n_in, n_out), a Conv2d weight (C_out, C_in / groups, kH, kW).

A class statement registers a layer (`Layer`), and ``file_forms`` says how its fields stand in model folders. Whatever a
family's file defines is a name here, too.
"""

from typing import TYPE_CHECKING

from hwsim.network.layers.arrangement import *
from hwsim.network.layers.curves import *
from hwsim.network.layers.functions import *
from hwsim.network.layers.gathering import *
from hwsim.network.layers.joining import *
from hwsim.network.layers.layer import *
from hwsim.network.layers.layer import shipped_layer_types
from hwsim.network.layers.piecewise import *
from hwsim.network.layers.pooling import *
from hwsim.network.layers.scaling import *
from hwsim.network.layers.synaptic import *
from hwsim.network.layers.threshold import *
from hwsim.network.layers.weight import *
from hwsim.network.layers.window import *
from hwsim.network.layers.wiring import *

_OTHERS = (
    "Axis",
    "ElementWise",
    "Joining",
    "Layer",
    "Pairing",
    "Synaptic",
    "Weight",
    "Window",
    "Wiring",
    "unless_zero",
)

if not TYPE_CHECKING:  # which reads no list that is made
    __all__ = sorted([*_OTHERS, *(layer.__name__ for layer in shipped_layer_types().values())])
