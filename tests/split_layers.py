"""Layers that lie on several cores: random ones, and what each core has of every row, walked through one by one."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

import hwsim
from hwsim.machine import Machine
from hwsim.network.number_format import NumberFormat, integer

TERNARY, INT4 = NumberFormat("ternary", 2), integer(4)


@dataclass(frozen=True)
class Case:
    """A network of one layer, and frames for it. A Dense layer is written as a convolution of one place."""

    network: hwsim.Network
    frames: np.ndarray  # (n_frame, channels, height, width)
    kernels: tuple[np.ndarray, ...]  # of each term (outputs, inputs of the group, rows, columns)
    groups: int = 1
    stride: int = 1
    padding: int = 0

    @property
    def is_depthwise(self):
        return 1 < self.groups == self.frames.shape[1]

    @property
    def n_out(self):
        return len(self.kernels[0])

    def events(self, execution):
        """Of each frame: the codes that are presented, by place."""
        before = np.zeros_like(self.frames[0])
        for frame in self.frames:
            shown = frame - before if execution == "delta" else frame
            before = frame
            yield {
                place: int(shown[place]) for place in np.ndindex(*shown.shape) if execution == "dense" or shown[place]
            }

    def windows(self):
        """Places at which the kernel is laid on the image, and the place of the image under each of its taps."""
        taps = list(np.ndindex(*self.kernels[0].shape[2:]))
        height, width = self.frames.shape[2:]
        n_y, n_x = (
            (size + 2 * self.padding - taps[-1][k] - 1) // self.stride + 1 for k, size in enumerate((height, width))
        )
        for y, x in product(range(n_y), range(n_x)):
            under = {
                tap: (y * self.stride + tap[0] - self.padding, x * self.stride + tap[1] - self.padding) for tap in taps
            }
            yield {tap: (v, u) for tap, (v, u) in under.items() if 0 <= v < height and 0 <= u < width}

    def meetings(self, events):
        """Magnitudes of the events that each input channel meets with each tap."""
        met = defaultdict(list)
        for window, channel in product(self.windows(), range(self.frames.shape[1])):
            for tap, (y, x) in window.items():
                if (channel, y, x) in events:
                    met[channel, tap].append(abs(events[channel, y, x]))
        return met

    def rows(self, term):
        """Of each row of weights (output channel, tap, weight) in the order of storage, by what it serves."""
        kernel = self.kernels[term]
        n_in, n_out = kernel.shape[1], self.n_out // self.groups
        found = defaultdict(list)
        for channel in range(self.frames.shape[1]):
            first = channel // n_in * n_out
            for out, tap in product(range(first, first + n_out), np.ndindex(*kernel.shape[2:])):
                served = (channel, None) if self.is_depthwise else (channel, tap)
                found[served].append((out, tap, int(kernel[(out, channel % n_in, *tap)])))
        return found


def core_of(out, n_out, split):
    """The core of an output channel."""
    ((way, n),) = split.items()
    return out % n if way == "interleaved" else out // -(-n_out // n)


def stored(slice_, run_bits):
    """What is stored of the elements of a slice: weights, and zeros where a run is as long as its bits can say."""
    entries, waiting, run = [], [], 0
    for element in slice_:
        if element[2]:
            entries += [*waiting, element]
            waiting, run = [], 0
        elif run == 2**run_bits - 1:
            waiting.append(element)
            run = 0
        else:
            run += 1
    return entries


def slices(case, term, split, run_bits):
    """What each core holds of each row: all of its elements, or what is stored of them."""
    ((_, n),) = split.items()
    for served, row in case.rows(term).items():
        own = [[each for each in row if core_of(each[0], case.n_out, split) == core] for core in range(n)]
        yield served, own if run_bits is None else [stored(each, run_bits) for each in own]


def deliveries(case, served, met, n_position):
    """How often a row is delivered; one of all taps as often as the busiest of them asks for it."""
    channel, tap = served
    meeting = [len(met[key]) for key in list(met) if key[0] == channel and tap in (None, key[1])]
    return -(-max(meeting, default=0) // n_position)


# --------------------------------------------------------------------------------------------------------- random


def _weights(generator, shape, format, density):
    code = generator.integers(format.lowest, format.highest + 1, shape)
    return np.where(generator.random(shape) < density, code, 0)


@st.composite
def cases(draw, kinds=("dense", "plain", "grouped", "depthwise")):
    kind = draw(st.sampled_from(kinds))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from((0.2, 0.05, 0.6, 1.0)))
    formats = draw(st.sampled_from(((INT4,), (INT4,), (TERNARY, INT4))))
    groups = {"grouped": 2, "depthwise": draw(st.integers(2, 3))}.get(kind, 1)
    n_in = 1 if kind == "depthwise" else draw(st.integers(1, 3))
    n_out = groups * draw(st.integers(1, 8))
    size, kernel, stride, padding = (1, 1), (1, 1), 1, 0
    if kind == "dense":
        n_in = draw(st.integers(1, 6))
    else:
        size, kernel = (
            draw(st.tuples(st.integers(3, 4), st.integers(3, 5))),
            draw(st.sampled_from(((2, 3), (1, 2), (3, 3)))),
        )
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    shapes = [(n_out, n_in, *kernel)] * len(formats)
    kernels = tuple(_weights(generator, *each, density) for each in zip(shapes, formats, strict=True))
    codes = generator.integers(-4, 5, (draw(st.integers(1, 3)), groups * n_in, *size))
    codes = np.where(generator.random(codes.shape) < draw(st.sampled_from((0.4, 0.8))), codes, 0).astype(np.int8)
    return made(codes, kernels, formats, kind == "dense", groups=groups, stride=stride, padding=padding)


def made(codes, kernels, formats, is_dense, **geometry):
    """The network of a layer."""
    scales = [1.0, 0.5][: len(kernels)]
    if is_dense:
        terms = [hwsim.Weight(k[:, :, 0, 0].T, f, s) for k, f, s in zip(kernels, formats, scales, strict=True)]
        layer, shape = hwsim.Dense("layer", terms=tuple(terms), accumulator=32), (codes.shape[1],)
    else:
        terms = [hwsim.Weight(*each) for each in zip(kernels, formats, scales, strict=True)]
        layer, shape = hwsim.Conv2d("layer", terms=tuple(terms), accumulator=32, **geometry), codes.shape[1:]
    network = hwsim.Network("split", shape, (layer,), input_format=integer(8))
    return Case(network, codes, kernels, **geometry)


def splits():
    return st.builds(lambda way, n: {way: n}, st.sampled_from(("interleaved", "channels")), st.integers(2, 5))


def machine_of(split, execution="sparse", run_bits=None, channels=1, positions=1, timing=False, **changes):
    """A machine whose memories are made to measure."""
    lanes = {"channels": channels, "positions": positions}
    kept = ["codes", "state"] if execution == "delta" else ["codes"]
    levels = [
        {"name": "weights", "kind": "sram", "fit": "network", "word_length": 16, "holds": ["weights"]},
        {"name": "codes", "kind": "sram", "fit": "network", "word_length": 16, "holds": kept},
        {"name": "accumulators", "kind": "registers", "holds": ["sums"]},
    ]
    said = {"schema": 1, "name": "split", "description": "for a test", "execution": execution, "split": split}
    said |= {"event_arithmetic": "multiply", "lanes": {"dense": lanes, "convolution": lanes}, "levels": levels}
    if run_bits is not None:
        said |= {"weights": "compressed", "run_bits": run_bits}
        levels.insert(1, {"name": "ends", "kind": "sram", "fit": "network", "word_length": 8, "holds": ["pointers"]})
    if timing:
        ports = {level["name"]: {"bits": 64} for level in levels[:-1]}
        said["timing"] = {"clock": 1e9, "levels": ports, "neuron_lanes": 1, "encode_lanes": 1}
    return Machine.model_validate(said | changes)


def run_of(case, machine, **options):
    """The network's run, told of the machine."""
    frames = case.frames.reshape(len(case.frames), *case.network.input_shape)
    return hwsim.simulate(case.network, frames, machines=[machine], **options)
