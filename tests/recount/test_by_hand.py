"""The recount against numbers worked out by hand: two dense layers on two frames, and rows of small convolutions."""

import numpy as np
import pytest
import yaml

from .counter import Walk, recount
from .files import Frames, read_machine, read_model

DENSE = {"execution": "dense", "event_arithmetic": "multiply"}
SPARSE = {"execution": "sparse", "event_arithmetic": "unary"}
DELTA = {"execution": "delta", "event_arithmetic": "unary"}


def machine(tmp_path, **settings):
    text = {
        "lanes": {"dense": {"channels": 256, "positions": 1}, "convolution": {"channels": 16, "positions": 16}},
        "word_length": 32,
        "memories": {"weights": {"fit": "network"}, "state": {"fit": "network"}, "activations": {"fit": "layer"}},
        "on_chip_limit": None,
        **settings,
    }
    (tmp_path / "machine.yaml").write_text(yaml.safe_dump(text))
    return read_machine(tmp_path / "machine.yaml")


def model(tmp_path, shape, layers, **arrays):
    source = {"shape": list(shape), "format": "int8", "step": 1.0}
    (tmp_path / "network.yaml").write_text(yaml.safe_dump({"name": "hand", "input": source, "layers": layers}))
    np.savez(tmp_path / "weights.npz", **arrays)
    return read_model(tmp_path)


def convolution(shape, **settings):
    plain = {"stride": [1, 1], "padding": [[0, 0], [0, 0]], "dilation": [1, 1], "groups": 1}
    return {
        "name": "conv",
        "type": "conv2d",
        "shape": list(shape),
        "terms": [{"format": "int8"}],
        "accumulator": 32,
        **plain,
        **settings,
    }


def total(counts, layer=None, **parts):
    """Sum of the counts whose keys have these parts."""
    places = dict(zip(("layer", "phase", "operation", "format", "memory"), range(5), strict=True))
    wanted = {**parts, **({"layer": layer} if layer else {})}
    return sum(n for key, n in counts.items() if all(key[places[part]] == value for part, value in wanted.items()))


@pytest.fixture
def two_layers(tmp_path):
    """Dense 4 to 3, ReLU, Quantize, Dense 3 to 2; the second layer has no bias."""
    quantize = {
        "scale": 1.0,
        "bit_width": 8,
        "signed": True,
        "narrow_range": False,
        "zero_point": 0,
        "rounding": "half_up",
        "multiplier_bit_width": 16,
    }
    dense = {"type": "dense", "terms": [{"format": "int8"}], "accumulator": 32}
    layers = [
        {"name": "one", "shape": [4, 3], **dense},
        {"name": "relu", "type": "relu"},
        {"name": "codes", "type": "quantize", **quantize},
        {"name": "two", "shape": [3, 2], **dense},
    ]
    arrays = {
        "one.weight": np.array([[1, -1, 0], [2, 0, 1], [0, 3, -2], [1, 1, 1]], np.int8),
        "one.scale": np.array(1.0),
        "one.bias": np.array([0, 1, 0], np.int8),
        "two.weight": np.array([[1, -1], [0, 2], [1, 0]], np.int8),
        "two.scale": np.array(1.0),
    }
    return model(tmp_path, (4,), layers, **arrays)


FRAMES = np.array([[2, 0, 1, 0], [2, 1, 0, 0]], np.int8)

BY_HAND = {
    # what: dense, sparse, delta
    ("synapse", "multiplication", None, None): (36, 0, 0),
    ("synapse", "addition", None, None): (36, 36, 33),
    ("encode", "comparison", None, None): (0, 8, 8),
    ("encode", "addition", None, None): (0, 0, 8),
    ("neuron", "comparison", "int32", None): (6, 6, 6),
    ("neuron", "comparison", "int8", None): (0, 6, 6),
    ("neuron", "addition", "int8", None): (0, 0, 6),
    ("memory", "register_update", None, None): (36, 36, 33),
    ("memory", "addition", "int16", None): (14, 8, 9),
    ("memory", "sram_read", None, "weights"): (14 + 6, 8 + 6, 9 + 3),  # rows and biases
    ("memory", "sram_read", None, "activations"): (2 + 2, 2 + 4, 2 + 5),  # raw frames, then codes or events
    ("memory", "sram_write", None, "activations"): (2 + 4, 4 + 4, 5 + 4),  # codes or events, then outputs
    ("memory", "sram_read", None, "state"): (0, 0, 5 + 4),  # sums and last codes
    ("memory", "sram_write", None, "state"): (0, 0, 10 + 4),
}


@pytest.mark.parametrize(("place", "settings"), list(enumerate([DENSE, SPARSE, DELTA])))
def test_two_dense_layers(two_layers, tmp_path, place, settings):
    counts = recount(Walk(two_layers, Frames(FRAMES, 1.0), settings["execution"]), machine(tmp_path, **settings))
    for (phase, operation, form, memory), expected in BY_HAND.items():
        parts = {"phase": phase, "operation": operation, "format": form, "memory": memory}
        asked = {key: value for key, value in parts.items() if value is not None}
        assert total(counts, **asked) == expected[place], parts
    known = [dict(zip(("phase", "operation", "format", "memory"), key, strict=True)) for key in BY_HAND]
    seen = sum(total(counts, **{k: v for k, v in parts.items() if v is not None}) for parts in known)
    assert seen == sum(counts.values())  # nothing was counted that the table does not hold


def test_each_stream_begins_anew(two_layers, tmp_path):
    counts = recount(Walk(two_layers, Frames(FRAMES, 1.0, [0, 1]), "delta"), machine(tmp_path, **DELTA))
    assert total(counts, phase="synapse", operation="addition") == 9 + 9 + 8 + 10  # as if sparse
    assert total(counts, memory="weights") == 8 + 6
    assert total(counts, operation="sram_read", memory="state") == 4  # last codes, but no sums
    assert {key[7] for key in counts} == {"first"}


def counted(tmp_path, shape, layers, arrays, frames, **settings):
    walk = Walk(
        model(tmp_path, shape, layers, **arrays), Frames(np.asarray(frames, np.int8), 1.0), settings["execution"]
    )
    return recount(walk, machine(tmp_path, **settings))


PADDED = [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("size", "settings", "rows", "meetings"),
    [
        (6, {}, 9, 9 * 16),  # each tap meets 4 x 4 inputs: one group of 16
        (9, {"stride": [2, 2]}, 9, 9 * 16),  # the same, though a channel has 81 inputs
        (7, {}, 9 * 2, 9 * 25),  # 25 meetings: two groups
        (64, {"padding": PADDED}, 256 + 4 * 252 + 4 * 249, (63 + 64 + 63) ** 2),
        (8, {"padding": PADDED, "stride": [2, 2]}, 9, (3 + 4 + 4) ** 2),  # rows 1 3 5, 0 2 4 6 and 1 3 5 7
        (6, {"dilation": [2, 2]}, 9, 9 * 4),  # 2 x 2 outputs
    ],
)
def test_rows_of_a_convolution(tmp_path, size, settings, rows, meetings):
    arrays = {"conv.weight": np.ones((8, 1, 3, 3), np.int8), "conv.scale": np.array(1.0)}
    layers = [convolution((8, 1, 3, 3), **settings)]
    counts = counted(tmp_path, (1, size, size), layers, arrays, np.zeros((1, 1, size, size)), **DENSE)
    assert total(counts, operation="addition", format="int16") == rows
    assert total(counts, operation="multiplication") == 8 * meetings
    assert total(counts, memory="weights") == 2 * rows  # 64 bits: two words of 32
    assert {key[5] for key in counts if key[4] == "weights"} == {128}  # 72 bytes


def test_an_event_in_a_corner_meets_four_taps(tmp_path):
    arrays = {"conv.weight": np.ones((8, 1, 3, 3), np.int8), "conv.scale": np.array(1.0)}
    frame = np.zeros((1, 1, 4, 4))
    frame[0, 0, 0, 0] = 3
    layers = [convolution((8, 1, 3, 3), padding=PADDED)]
    counts = counted(tmp_path, (1, 4, 4), layers, arrays, frame, **SPARSE)
    assert total(counts, operation="addition", format="int16") == 4
    assert total(counts, phase="synapse", operation="addition") == 4 * 8 * 3


def test_a_depthwise_row_holds_the_kernel(tmp_path):
    arrays = {
        "conv.weight": np.ones((2, 1, 3, 3), np.int8),
        "conv.scale": np.array(1.0),
        "conv.bias": np.ones(2, np.int8),
    }
    layers = [convolution((2, 1, 3, 3), padding=PADDED, groups=2)]
    counts = counted(tmp_path, (2, 5, 5), layers, arrays, np.zeros((1, 2, 5, 5)), **DENSE)
    # the tap in the middle meets 25 inputs: two groups; 72 bits are three words; one bias per channel
    assert total(counts, operation="addition", format="int16") == 2 * 2
    assert total(counts, memory="weights") == 2 * 2 * 3 + 2
    assert total(counts, operation="multiplication") == 2 * (25 + 4 * 20 + 4 * 16)


def test_padding_of_compressed_rows_is_executed(tmp_path):
    weight = np.zeros((1, 20), np.int8)
    weight[0, [0, 18]] = 5  # 17 zeros between: one entry of padding
    layers = [{"name": "one", "type": "dense", "shape": [1, 20], "terms": [{"format": "int8"}], "accumulator": 32}]
    arrays = {"one.weight": weight, "one.scale": np.array(1.0)}
    eie = {**SPARSE, "skip_zero_weights": True, "weights": "compressed", "run_bits": 4}
    counts = counted(tmp_path, (1,), layers, arrays, [[2]], **eie)
    assert total(counts, phase="synapse", operation="addition") == 3 * 2
    assert total(counts, memory="weights") == 2 + 2  # 3 entries of 12 bits, and two pointers
    counts = counted(tmp_path, (1,), layers, arrays, [[2]], **SPARSE, skip_zero_weights=True)
    assert total(counts, phase="synapse", operation="addition") == 2 * 2
    assert total(counts, memory="weights") == 5


def test_a_run_of_40_zeros_takes_two_entries_of_padding(tmp_path):
    weight = np.zeros((1, 60), np.int8)
    weight[0, [0, 41]] = 1
    layers = [{"name": "one", "type": "dense", "shape": [1, 60], "terms": [{"format": "int8"}], "accumulator": 32}]
    arrays = {"one.weight": weight, "one.scale": np.array(1.0)}
    eie = {**SPARSE, "skip_zero_weights": True, "weights": "compressed", "run_bits": 4}
    assert total(counted(tmp_path, (1,), layers, arrays, [[1]], **eie), phase="synapse", operation="addition") == 4


def test_an_event_names_its_place(tmp_path):
    layers = [{"name": "one", "type": "dense", "shape": [8, 1], "terms": [{"format": "int8"}], "accumulator": 32}]
    arrays = {"one.weight": np.ones((8, 1), np.int8), "one.scale": np.array(1.0)}
    counts = counted(tmp_path, (8,), layers, arrays, [[1] * 8], **DELTA)
    assert total(counts, "input", operation="sram_write", memory="activations") == 3  # 8 x (8 + 1 + 3) bits


def test_an_affine_of_integers(tmp_path):
    affine = {"type": "affine", "scale": "per-channel", "offset": "per-channel", "multiplier_bit_width": 16}
    dense = {"type": "dense", "shape": [2, 1], "terms": [{"format": "int8"}]}
    arrays = {
        "scaled.scale": np.array([0.5, 0.25]),
        "scaled.offset": np.array([1000.0, 0.0]),
        "one.weight": np.ones((2, 1), np.int8),
        "one.scale": np.array(1.0),
    }
    counts = counted(
        tmp_path, (2,), [{"name": "scaled", **affine}, {"name": "one", **dense}], arrays, [[1, 1]], **DENSE
    )
    # in steps of 2**-15 multipliers are 16384 and 8192, and the offset 32,768,000: 26 bits; products are below 2**21
    assert total(counts, "input", operation="multiplication", format="int8 x int16") == 2
    assert total(counts, "input", operation="addition", format="int32") == 2
    assert total(counts, "input", memory="weights") == 3  # 2 x (16 + 26) bits


def test_what_the_recount_does_not_know_is_refused(tmp_path):
    arrays = {"conv.weight": np.ones((1, 1, 1, 1), np.int8), "conv.scale": np.array(1.0)}
    with pytest.raises(NotImplementedError, match="conv: the recount does not know"):
        model(tmp_path, (1, 2, 2), [convolution((1, 1, 1, 1), sparsity=0.5)], **arrays)
    with pytest.raises(NotImplementedError, match="events"):
        machine(tmp_path, **SPARSE, events="bitmap")


def test_declared_bits_are_added(tmp_path):
    layers = [
        {
            "name": "bits",
            "type": "quantize",
            "scale": 1.0,
            "bit_width": 1,
            "signed": False,
            "narrow_range": False,
            "zero_point": 0,
            "rounding": "half_up",
            "multiplier_bit_width": 16,
        },
        {"name": "one", "type": "dense", "shape": [3, 2], "terms": [{"format": "int8"}]},
    ]
    arrays = {"one.weight": np.ones((3, 2), np.int8), "one.scale": np.array(1.0)}
    counts = counted(tmp_path, (3,), layers, arrays, [[1, 0, 9]], **DENSE)
    assert total(counts, operation="multiplication") == 0
    assert total(counts, phase="synapse", operation="addition", format="int8") == 6
