"""Words of two small layers on a machine with three levels, worked out by hand, through the whole package.

The convolution's events are the same as in the examples of the mover, where the sums are explained.
"""

import numpy as np
import pytest

import hwsim
from hwsim.network.number_format import integer

INT8 = integer(8)
MACHINE = """
schema: 1
name: by-hand
description: three levels for weights, and one of single bits for codes
execution: {execution}
event_arithmetic: multiply
lanes: {{dense: {{channels: 2, positions: 2}}, convolution: {{channels: 2, positions: 2}}}}
levels:
  - {{name: dram, kind: dram, word_length: 64, holds: [weights, state]}}
  - {{name: frames, kind: dram, word_length: 1, holds: [codes]}}
  - {{name: buffer, kind: sram, capacity: 4096, word_length: 32, holds: [weights]}}
  - {{name: weight-buffer, kind: sram, capacity: 36, word_length: 32, holds: [weights]}}
  - {{name: accumulators, kind: registers, holds: [sums]}}
order: {order}
tile: {tile}
batch: {batch}
"""
EVENTS = [[(0, 0, 0), (0, 2, 3), (1, 5, 1)], [(0, 0, 0), (0, 2, 3)]]
INPUTS = [[0, 2], [0, 1]]
ORDERS = "weight-stationary", "code-stationary"


def weight(*shape):
    return (hwsim.Weight(np.full(shape, 3), INT8),)


def frames(shape, places):
    codes = np.zeros((len(places), *shape), np.int8)
    for frame, some in zip(codes, places, strict=True):
        for place in some:
            frame[place] = 7
    return codes


# neither of the last layers fits the buffer beside the first
CONVOLUTION = (
    hwsim.Network(
        "convolution",
        (2, 6, 6),
        (
            hwsim.Conv2d("first", terms=weight(4, 2, 3, 3)),
            hwsim.Quantize("quantize", bit_width=8),
            hwsim.Flatten("flatten"),
            hwsim.Dense("last", terms=weight(64, 100)),
        ),
        input_format=INT8,
    ),
    frames((2, 6, 6), EVENTS),
)
DENSE = (
    hwsim.Network(
        "dense",
        (4,),
        (
            hwsim.Dense("first", terms=weight(4, 6)),
            hwsim.Quantize("quantize", bit_width=8),
            hwsim.Dense("last", terms=weight(6, 1000)),
        ),
        input_format=INT8,
    ),
    frames((4,), INPUTS),
)


@pytest.fixture
def counted(tmp_path):
    """Words of the first layer of a network by level, operand and way, in both frames."""

    def count(network, data, **said):
        path = tmp_path / "by-hand.yaml"
        path.write_text(MACHINE.format(**said), encoding="utf-8")
        run = hwsim.simulate(network, data, machines=[path], per_frame=True)
        words = {}
        for key, number in hwsim.count(run.activity, path).entries.items():
            what = key.operation
            if key.layer == "first" or (key.layer == "input" and what.kind.endswith("read")):
                place = what.memory, what.operand, what.kind.removeprefix("dram_").removeprefix("sram_")
                words[place] = words.get(place, 0) + number
        return words

    return count


def weight_totals(words):
    """DRAM read; buffer written, read; weight buffer written, read."""
    ways = [("dram", "read")] + [(name, way) for name in ("buffer", "weight-buffer") for way in ("write", "read")]
    return tuple(int(words[name, "weights", way].sum()) for name, way in ways)


TABLE = [
    ("{channels: 4, rows: 2}", "dense", (36, 36, 72, 72, 288), (96, 96)),
    ("{channels: 4, rows: 2}", "sparse", (20, 20, 22, 22, 22), (4, 3)),
    ("{channels: 4, rows: 2}", "delta", (13, 13, 14, 14, 14), (4, 1)),
    ("{channels: 4, rows: 3}", "dense", (36, 36, 72, 72, 288), (96, 96)),
    ("{channels: 4, rows: 3}", "sparse", (20, 20, 20, 20, 20), (3, 2)),
    ("{channels: 4, rows: 3}", "delta", (13, 13, 13, 13, 13), (3, 1)),
    ("{channels: 3, rows: 3}", "dense", (72, 72, 144, 144, 576), (96, 96)),
    ("{channels: 3, rows: 3}", "sparse", (40, 40, 40, 40, 40), (3, 2)),
    ("{channels: 3, rows: 3}", "delta", (26, 26, 26, 26, 26), (3, 1)),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("tile", "execution", "words", "events"), TABLE)
def test_a_convolution(counted, order, tile, execution, words, events):
    found = counted(*CONVOLUTION, order=order, tile=tile, execution=execution, batch=1)
    assert weight_totals(found) == words
    # two lanes go through four channels twice, through three and one three times; an event among 72 has an index of
    # seven bits, a difference of bytes has nine
    readings = 3 if "channels: 3" in tile else 2
    bits = {"dense": 8, "sparse": 8 + 7, "delta": 9 + 7}[execution]
    # raw frames serve a dense machine as codes; events of the others were written by the input
    assert found["frames", "codes", "read"].tolist() == expected_reads(execution, readings, bits, events)


def expected_reads(execution, readings, bits, events):
    raw = 0 if execution == "dense" else 8 * 72  # which the input looks at
    return [readings * bits * number + raw for number in events]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("execution", "words"), [("dense", 18), ("sparse", 11), ("delta", 11)])
@pytest.mark.parametrize("tile", ["{channels: 4, rows: 2}", "{channels: 4, rows: 3}", "{channels: 4}"])
def test_a_convolution_in_a_batch_of_two(counted, order, tile, execution, words):
    found = counted(*CONVOLUTION, order=order, tile=tile, execution=execution, batch=2)
    assert found["dram", "weights", "read"].tolist() == [words, 0]
    assert found["buffer", "weights", "write"].tolist() == [words, 0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("execution", "batch", "words"),
    [("dense", 1, 16), ("sparse", 1, 8), ("delta", 1, 8), ("dense", 2, 8), ("sparse", 2, 6), ("delta", 2, 6)],
)
def test_a_dense_layer(counted, order, execution, batch, words):
    # a piece of four weights and one of two, a word each
    found = counted(*DENSE, order=order, tile="{channels: 4}", execution=execution, batch=batch)
    assert weight_totals(found) == (words,) * 5
