"""docs/machines.md: its tables of keys are those of the classes, its machine loads, its hand examples are right."""

import pathlib
import re
import typing

import numpy as np
import pydantic
import pytest
import yaml

import hwsim
from hwsim.files import catalogue
from hwsim.machine import (
    Array,
    Lanes,
    LanesByLayer,
    Level,
    Machine,
    MachineTiming,
    Memory,
    Overhead,
    PiecewiseLinear,
    Port,
    Split,
    Tile,
    UnaryUpTo,
)
from hwsim.machine.level import Memories
from hwsim.machine.timing import CyclesOf
from hwsim.network.number_format import integer

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")


def tables():
    """Every table of the page: its heads, and its rows as lists of cells."""
    for found in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        heads, _, *rows = ([cell.strip() for cell in line.strip("|\n").split(" | ")] for line in found.splitlines())
        yield [head.strip("| ") for head in heads], [[cell.strip("| ") for cell in row] for row in rows]


KEYS = [rows for heads, rows in tables() if heads[0] == "key"]
CLASSES = (
    *(Machine, UnaryUpTo, PiecewiseLinear, LanesByLayer, Lanes, Array, Split, Level, Tile, Memories, Memory, Overhead),
    *(MachineTiming, CyclesOf, Port),
)
"""In the order of the page."""


def options(annotation):
    """What a key may be where that is one of a few words."""
    if typing.get_origin(annotation) is typing.Literal:
        return {str(each) for each in typing.get_args(annotation)}
    return set().union(*map(options, typing.get_args(annotation)))


def test_every_class_has_its_table():
    assert len(KEYS) == len(CLASSES)


@pytest.mark.parametrize(
    ("model", "rows"), [pytest.param(*each, id=each[0].__name__) for each in zip(CLASSES, KEYS, strict=False)]
)
def test_keys_defaults_and_options_are_those_of_the_class(model, rows):
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert sorted(row[0] for row in rows) == sorted(f"`{key}`" for key in fields)
    for key, values, default, effect in rows:
        field = fields[key.strip("`")]
        if field.is_required():
            assert default == "required", key
        else:
            written = None if default == "none" else yaml.safe_load(default.strip("`"))
            shown = field.default.model_dump() if isinstance(field.default, pydantic.BaseModel) else field.default
            assert written == (list(shown) if isinstance(shown, tuple) else shown), key
        assert {f"`{each}`" for each in options(field.annotation)} <= set(re.findall(r"`[^`]*`", values)), key
        assert effect


def test_options_are_found_in_unions_and_lists():
    assert options(Machine.model_fields["execution"].annotation) == {"dense", "sparse", "delta"}
    assert options(Machine.model_fields["working_store"].annotation) == {"registers"}
    assert "pointers" in options(Level.model_fields["holds"].annotation)
    assert options(Level.model_fields["fit"].annotation) == {"network", "layer"}


def test_its_machine_loads(tmp_path):
    (text,) = re.findall(r"<!-- by_hand.yaml -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "by_hand.yaml"
    path.write_text(text)
    machine = hwsim.load_machine(path)
    assert [level.name for level in machine.holding("weights")] == ["dram", "buffer", "weight buffer"]
    assert machine.tile == Tile(channels=4, rows=2)
    for execution in ("dense", "delta"):  # the page counts it in other executions too
        held = "[weights, codes, state]"
        path.write_text(text.replace("execution: sparse", f"execution: {execution}").replace("[weights, codes]", held))
        assert hwsim.load_machine(path).execution == execution


def test_every_preset_has_a_row():
    (rows,) = (rows for heads, rows in tables() if heads[0] == "preset")
    assert sorted(row[0] for row in rows) == sorted(f"`{name}`" for name in catalogue.machine_names())
    assert all(all(row) for row in rows)


# -------------------------------------------------------------------- the hand examples, piece by moved piece

SIDE, KERNEL = 4, 3  # rows and columns of outputs; taps a side
CONVOLUTION = {  # events (channel, row, column) of the two frames
    "dense": [{(c, y, x) for c in range(2) for y in range(6) for x in range(6)}] * 2,
    "sparse": [{(0, 0, 0), (0, 2, 3), (1, 5, 1)}, {(0, 0, 0), (0, 2, 3)}],
    "delta": [{(0, 0, 0), (0, 2, 3), (1, 5, 1)}, {(1, 5, 1)}],
}
DENSE = {  # inputs as channels of one place
    "dense": [{(c, 0, 0) for c in range(4)}] * 2,
    "sparse": [{(0, 0, 0), (2, 0, 0)}, {(0, 0, 0), (1, 0, 0)}],
    "delta": [{(0, 0, 0), (2, 0, 0)}, {(1, 0, 0), (2, 0, 0)}],
}


class Levels:
    """Two buffers, as sets of the pieces in them; a piece is one word everywhere here."""

    def __init__(self, keeps_layer):
        self.keeps_layer = keeps_layer  # whether the nearer one has room for all pieces of the layer
        self.moved = dict.fromkeys(("dram read", "buffer written", "buffer read", "near written", "near read"), 0)
        self.buffer, self.near = set(), set()

    def need(self, piece, times):
        if piece not in self.near:
            if piece not in self.buffer:
                self.moved["dram read"] += 1
                self.moved["buffer written"] += 1
                self.buffer.add(piece)
            self.moved["buffer read"] += 1
            self.moved["near written"] += 1
            self.near.add(piece)
        self.moved["near read"] += times


def walk(frames, channels, tile_channels, tile_rows, batch, side=SIDE, kernel=KERNEL, keeps_layer=False):
    """Work on two frames tile by tile, output by output; how many inputs each strip sees is counted beside."""
    levels, seen = Levels(keeps_layer), [0, 0]
    n_tile = -(-channels // tile_channels)
    strips = [range(top, min(top + tile_rows, side)) for top in range(0, side, tile_rows)]
    for first in range(0, 2, batch):
        levels.buffer.clear()
        levels.near.clear()
        for channel_tile in range(n_tile):
            for frame in range(first, first + batch):
                for strip in strips:
                    strip_of_tile(levels, frames[frame], channel_tile, strip, side, kernel)
                    if channel_tile == 0:
                        rows = range(strip[0], strip[-1] + kernel)
                        seen[frame] += sum(y in rows for _, y, _ in frames[frame])
    return levels.moved, seen


def strip_of_tile(levels, events, channel_tile, strip, side, kernel):
    for channel in sorted({c for c, _, _ in events}):
        if not levels.keeps_layer:
            levels.near.clear()
        for tap_y in range(kernel):
            for tap_x in range(kernel):
                met = sum((channel, y + tap_y, x + tap_x) in events for y in strip for x in range(side))
                if met:
                    levels.need((channel_tile, channel, tap_y, tap_x), -(-met // 2))


def between(mark):
    text = PAGE.split(f"<!-- {mark}: begin -->\n")[1].split(f"<!-- {mark}: end -->")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("row", between("by hand"), ids=lambda row: f"{row[0]}, {row[1]}")
def test_the_convolution(row):
    channels, rows = map(int, re.findall(r"\d+", row[0]))
    moved, seen = walk(CONVOLUTION[row[1]], 4, channels, rows, batch=1)
    told = [int(number) for cell in row[2:5] for number in cell.split(", ")]
    assert told == list(moved.values())
    assert [int(number) for number in row[5].split(", ")] == seen


@pytest.mark.parametrize("row", between("batches"), ids=lambda row: f"{row[0]}, {row[1]}")
def test_batches(row):
    for execution, told in zip(("dense", "sparse", "delta"), row[2:], strict=True):
        if row[0] == "Dense":
            moved, _ = walk(DENSE[execution], 6, 4, 1, int(row[1]), side=1, kernel=1, keeps_layer=True)
            assert {moved[each] for each in ("dram read", "buffer written", "near written")} == {int(told)}
        else:
            moved, _ = walk(CONVOLUTION[execution], 4, 4, 2, int(row[1]))
            assert moved["dram read"] == int(told)


def test_tables_of_examples_are_whole():
    assert len(between("by hand")) == 9
    assert len(between("batches")) == 4


# --------------------------------------------------------------------------- the same, as the package counts them

INT8 = integer(8)


def ones(*shape):
    return (hwsim.Weight(np.ones(shape, int), INT8),)


HAND = {  # each before a layer that leaves no room to keep both
    "convolution": (
        hwsim.Conv2d("layer", terms=ones(4, 2, 3, 3)),
        hwsim.Quantize("codes", bit_width=8),
        hwsim.Flatten("flat"),
        hwsim.Dense("rest", terms=ones(64, 100)),
    ),
    "Dense": (
        hwsim.Dense("layer", terms=ones(4, 6)),
        hwsim.Quantize("codes", bit_width=8),
        hwsim.Dense("rest", terms=ones(6, 1000)),
    ),
}


def counted(layer, execution, tmp_path, **changed):
    """Words of the first layer's weights, by what is done to which memory."""
    (text,) = re.findall(r"<!-- by_hand.yaml -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = yaml.safe_load(text) | {"execution": execution} | changed
    document["levels"][0]["holds"].append("state")
    path = tmp_path / "by_hand.yaml"
    path.write_text(yaml.safe_dump(document))
    shape, events = ((2, 6, 6), CONVOLUTION) if layer == "convolution" else ((4, 1, 1), DENSE)
    frames = np.zeros((2, *shape), np.int8)
    for frame, present in enumerate(events["sparse"]):
        for place in present:
            frames[(frame, *place)] = 1
    frames = frames if layer == "convolution" else frames.reshape(2, 4)
    network = hwsim.Network("hand", frames.shape[1:], HAND[layer], input_format=INT8)
    counts = hwsim.count(hwsim.simulate(network, frames, machines=[path]).activity, path)
    return {
        f"{key.operation.memory} {key.operation.kind.split('_')[1]}": int(number.sum())
        for key, number in counts.entries.items()
        if (key.layer, key.operation.operand) == ("layer", "weights")
    }


@pytest.mark.parametrize("row", between("by hand"), ids=lambda row: f"{row[0]}, {row[1]}")
def test_the_package_counts_the_convolution_so(row, tmp_path):
    channels, rows = map(int, re.findall(r"\d+", row[0]))
    moved = counted("convolution", row[1], tmp_path, tile={"channels": channels, "rows": rows})
    places = ("dram read", "buffer write", "buffer read", "weight buffer write", "weight buffer read")
    told = [int(number) for cell in row[2:5] for number in cell.split(", ")]
    assert moved == dict(zip(places, told, strict=True))


@pytest.mark.parametrize("row", between("batches"), ids=lambda row: f"{row[0]}, {row[1]}")
def test_the_package_counts_batches_so(row, tmp_path):
    for execution, told in zip(("dense", "sparse", "delta"), row[2:], strict=True):
        moved = counted(row[0], execution, tmp_path, batch=int(row[1]))
        filled = ("dram read", "buffer write", "weight buffer write")
        assert {moved[each] for each in (filled if row[0] == "Dense" else filled[:1])} == {int(told)}
