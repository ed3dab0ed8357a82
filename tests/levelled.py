"""Hypothesis strategies for machines with levels and what runs on them, and what the mover makes of the same work."""

from collections import Counter
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from hypothesis import strategies as st
from reference.levels import ALL, HOME, PASSED_BY, Layer, Level, Mapping, cut_batches
from reference.mover import Moved, move
from small_layers import ORDERS, axes

import hwsim
from hwsim.machine import Machine
from hwsim.network.number_format import NumberFormat, integer

EXECUTIONS = "dense", "sparse", "delta"
WEIGHT_FORMATS = (integer(8),), (integer(3),), (NumberFormat("ternary", 2),), (NumberFormat("ternary", 2), integer(8))
HOLDS = ("weights",), ("codes",), ("weights", "codes"), ("codes",), ("weights", "codes", "state"), ("weights", "state")


@dataclass(frozen=True)
class Work:
    """A network whose first layer the mover can do, too, and frames for it."""

    layer: Layer
    network: hwsim.Network
    data: hwsim.Dataset

    def __repr__(self):
        codes = self.data.inputs.reshape(len(self.data), -1).tolist()
        return f"Work({self.layer}, {len(self.network.layers)} layers, {self.data.stream_start.tolist()}, {codes})"

    @property
    def starts(self):
        return self.data.stream_start[:-1].tolist()

    def events(self, execution):
        """Of each frame, worked out from the codes: all inputs, those that are not zero, those that changed."""
        codes = self.data.inputs.astype(int).reshape(len(self.data), self.layer.channels, *self.layer.image)
        if execution == "dense":
            return [self.layer.every_input() for _ in codes]
        if execution == "delta":
            before = [np.zeros_like(codes[0]) if k in self.starts else codes[k - 1] for k in range(len(codes))]
            codes = [now - then for now, then in zip(codes, before, strict=True)]
        return [list(zip(*(axis.tolist() for axis in np.nonzero(frame)), strict=True)) for frame in codes]


# ------------------------------------------------------------------------------------------------------- networks


@st.composite
def first_layers(draw):
    """Of one pixel: a Dense; with groups, with one input to a channel, or plain: a convolution."""
    formats = draw(st.sampled_from(WEIGHT_FORMATS))
    bits = tuple(each.bit_width for each in formats)
    kind = draw(st.sampled_from(("convolution", "dense", "depthwise", "convolution")))
    if kind == "dense":
        return Layer(draw(st.integers(1, 12)), draw(st.integers(1, 9)), weight_bits=bits), formats
    down, across = draw(axes(windows=(2, 6))), draw(axes())
    kernel, stride, padding, dilation, image, out = zip(down, across, strict=True)
    shape = 1, 1, draw(st.integers(2, 4))
    if kind == "convolution":
        groups = draw(st.sampled_from((1, 1, 2, 3)))
        # as many groups as channels are depthwise
        shape = draw(st.integers(1 if groups == 1 else 2, 3)), draw(st.integers(1, 5)), groups
    # where a window fits into rows that were to be left over, there is one
    out = tuple(n + (over(layer_axis) >= layer_axis[1]) for n, layer_axis in zip(out, (down, across), strict=True))
    geometry = kernel, stride, padding, dilation, image, out
    return Layer(*shape, *geometry, depthwise=kind == "depthwise", weight_bits=bits), formats


def is_dense(layer) -> bool:
    """Whether it is run as a Dense layer, and not as a convolution of one pixel."""
    return {layer.image, layer.kernel, layer.out} == {(1, 1)} and layer.groups == 1


def over(axis) -> int:
    """Rows behind the last window; below 0: those that have to be added."""
    kernel, stride, before, dilation, size, out = axis
    return before + size - ((out - 1) * stride + (kernel - 1) * dilation + 1)


def network_of(layer, formats, n_last, with_bias, generator):
    """It, a quantizer, and a Dense layer of so many outputs, if any."""

    def terms(shape, each_of):
        # no weight is zero, so that a bias of zero is the only thing left out
        low = {"ternary": (-1, 2)}
        found = []
        for k, each in enumerate(each_of):
            code = generator.integers(*low.get(each.kind, (each.lowest, each.highest + 1)), shape)
            found.append(hwsim.Weight(np.where(code == 0, 1, code), each, scale=1.0 + k))
        return tuple(found)

    n_out = layer.groups * layer.outputs
    bias = generator.integers(1, 50, n_out) if with_bias else None
    if is_dense(layer):
        shape = (layer.inputs,)
        first = hwsim.Dense("first", terms=terms((layer.inputs, layer.outputs), formats), bias=bias)
    else:
        shape = (layer.channels, *layer.image)
        axes = zip(layer.kernel, layer.stride, layer.padding, layer.dilation, layer.image, layer.out, strict=True)
        after = [max(0, -over(axis)) for axis in axes]
        first = hwsim.Conv2d(
            "first",
            terms=terms((n_out, layer.inputs, *layer.kernel), formats),
            bias=bias,
            stride=layer.stride,
            padding=tuple(zip(layer.padding, after, strict=True)),
            dilation=layer.dilation,
            groups=layer.groups,
        )
    layers = [first, hwsim.Quantize("quantize", scale=2.0**-5, bit_width=8)]
    if n_last:
        n_hidden = n_out * prod(layer.out)
        layers += [hwsim.Flatten("flatten")] * (len(shape) > 1)
        layers += [hwsim.Dense("last", terms=terms((n_hidden, n_last), (integer(8),)))]
    return hwsim.Network("random", shape, tuple(layers), input_format=integer(8))


@st.composite
def works(draw, largest_last=2000):
    layer, formats = draw(first_layers())
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_last = draw(st.sampled_from((largest_last, 0, 3, largest_last)))
    network = network_of(layer, formats, n_last, draw(st.booleans()), generator)
    n_frame = draw(st.integers(1, 5))
    density = draw(st.sampled_from((100, 10, 30, 60)))
    shape = n_frame, *network.input_shape
    codes = np.where(generator.integers(0, 100, shape) < density, generator.integers(1, 128, shape), 0)
    for k in range(1, n_frame):  # some of what was there stays
        stays = generator.integers(0, 100, shape[1:]) < draw(st.sampled_from((0, 50, 90)))
        codes[k] = np.where(stays, codes[k - 1], codes[k])
    cut = draw(st.integers(1, n_frame))
    starts = np.unique([0, cut, n_frame])
    return Work(layer, network, hwsim.Dataset(codes.astype(np.int8), stream_start=starts))


# ------------------------------------------------------------------------------------------------------- machines


@st.composite
def near_levels(draw, name, holds=HOLDS):
    level = {"name": name, "kind": "sram", "holds": list(draw(st.sampled_from(holds)))}
    level["word_length"] = draw(st.sampled_from((32, 8, 16, 128, 20)))
    level["prefetch"] = draw(st.integers(1, 4)) == 4
    if draw(st.integers(1, 8)) == 8:
        ways = ("network", "layer") if len(level["holds"]) == 1 else ("network",)  # layer measures one operand
        fit = {"fit": draw(st.sampled_from(ways)), "at_most": draw(st.integers(1, 5000))}
        return level | fit
    size = draw(st.one_of(st.integers(1, 30), st.integers(10, 100), st.integers(30, 600), st.integers(1, 10000)))
    return level | {"capacity": size, "banks": draw(st.sampled_from((1, 1, 3)))}


@st.composite
def cuts(draw):
    """Order and tile, where they are declared."""
    order = draw(st.sampled_from((*ORDERS, "best")))
    if order == "best" or draw(st.integers(1, 4)) == 4:
        return {"order": order}
    tile = {"channels": draw(st.integers(1, 6))}
    positions = {"rows": 1}, {"rows": 2}, {"rows": 3}, {"rows": 4}, {"frames": 1}, {"frames": 2}, {}
    return {"order": order, "tile": tile | draw(st.sampled_from(positions))}


@st.composite
def lanes(draw, is_dense):
    sizes = {"channels": draw(st.integers(1, 4)), "positions": draw(st.integers(1, 3))}
    if is_dense:
        sizes |= {"frames": draw(st.integers(1, 2)), "inputs": draw(st.integers(1, 2))}
    return sizes


@st.composite
def fields(draw, execution, holds=HOLDS, n_near=(1, 2)):
    """What the file of a machine of an execution says."""
    is_dense = execution == "dense"
    far = {"name": "dram", "kind": "dram", "holds": ["weights", "codes", "state"]}
    far["word_length"] = draw(st.sampled_from((64, 8, 32)))
    near = [draw(near_levels(name, holds)) for name in ("buffer", "near")[: draw(st.sampled_from(n_near))]]
    sums = {"name": "sums", "kind": "registers", "holds": ["sums"]}
    if draw(st.booleans()):
        sums["capacity"] = draw(st.one_of(st.integers(32, 200), st.integers(100, 2000)))
    sizes = draw(lanes(is_dense))
    return {
        "schema": 1,
        "name": "random",
        "description": "levels at random",
        "execution": execution,
        "event_arithmetic": "multiply",
        "events": "indexed" if is_dense else draw(st.sampled_from(("indexed", "bitmap"))),
        "batch": draw(st.sampled_from((1, 2, 1, 3, 4))),
        "lanes": {"dense": sizes, "convolution": sizes},
        "levels": [far, *near, sums],
        **draw(cuts()),
    }


def machine_of(fields, **changes):
    return Machine.model_validate(fields | changes)


# ------------------------------------------------------------------------------------------------------- words

WAYS = {f"{kind}_{way}": way for kind in ("sram", "dram") for way in ("read", "write")}


def words_of(counts, layers, operand=None):
    """Words by (frame or group, level, operand, way)."""
    found = Counter()
    for key, number in counts.entries.items():
        what = key.operation
        if key.layer in layers and what.kind in WAYS and operand in (None, what.operand):
            for k, each in enumerate(number.tolist()):
                found[k, what.memory, what.operand, WAYS[what.kind]] += each
    return +found


def moved_by_hand(work: Work, machine: Machine, planned, home: str) -> Moved:
    """What the mover moves if the layer is cut, and its levels stay, as planned; its codes live at a level."""
    layer = told(work.layer, machine)
    tiling, lanes = planned.tiling, planned.loops.lanes
    tile = {"frames": tiling.frames} if tiling.rows is None else {"rows": tiling.rows}
    mapping = Mapping(tiling.order, tiling.channels, **tile, **lane_sizes(lanes))
    batches = cut_batches(work.events(machine.execution), machine.batch, work.starts)
    return move(layer, mapping, batches, weight_levels(planned.weights), code_levels(machine, planned.codes, home))


def lane_sizes(lanes):
    return {"lane_channels": lanes.channels, "lane_positions": lanes.positions, "lane_frames": lanes.frames}


def told(layer: Layer, machine: Machine) -> Layer:
    """A layer whose codes are told as a machine tells them: bytes as codes, or a difference that is one bit wider."""
    if machine.execution == "dense":
        return layer
    value = {"sparse": 8, "delta": 9}[machine.execution]
    if machine.events == "bitmap":
        return replace(layer, code_bits=value, mark_bits=1)
    return replace(layer, code_bits=value + bits_that_tell_apart(len(layer.every_input())))


def bits_that_tell_apart(number: int) -> int:
    bits = 0
    while 2**bits < number:
        bits += 1
    return bits


def weight_levels(kept):
    """Levels as the mover knows them: one farther out stays at least as long as those nearer by."""
    levels, longest = [], PASSED_BY
    for each in reversed(kept):
        stay = {-1: PASSED_BY, 3: HOME}.get(each.stay, each.stay)
        if stay not in (PASSED_BY, HOME):
            longest = stay = stay if longest is PASSED_BY else max(stay, longest)
        levels.insert(0, Level(each.level.name, each.level.word_length, stay, each.level.prefetch))
        if stay == HOME:
            break
    return levels


def code_levels(machine: Machine, kept, home: str):
    """From where codes live to the lanes; one farther out stays at least as long as those nearer by."""
    levels, longest = [], PASSED_BY
    for each in reversed(kept):
        name, word_length = each.level.name, each.level.word_length
        if name == home:
            return [Level(name, word_length, HOME), *levels]
        if each.stay != -1:
            longest = each.stay if longest is PASSED_BY else max(each.stay, longest)
            levels.insert(0, Level(name, word_length, longest, prefetch=longest == ALL))  # frames come whole
    raise AssertionError(f"no level named {home} holds codes")
