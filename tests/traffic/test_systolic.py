"""Systolic arrays: SCALE-Sim's figures, a loop that moves single numbers, and what moves between memories, by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.errors import FileError, MachineError
from hwsim.machine import Array
from hwsim.network.number_format import integer
from hwsim.traffic.systolic import Product, cycles_of, elements_of

INT8 = integer(8)
KINDS = {"ws": "weight", "os": "output", "is": "input"}

FILE = """\
schema: 1
name: own
description: mine
execution: dense
event_arithmetic: multiply
batch: {batch}
array: {{systolic: {systolic}, rows: {rows}, columns: {columns}}}
levels:
  - {{name: dram, kind: dram, word_length: 16, holds: [weights, codes, sums]}}
  - {{name: buffer, kind: sram, capacity: {capacity}, word_length: {word_length}, holds: [weights, codes, sums]}}
  - {{name: cells, kind: registers, holds: [sums]}}
"""


@pytest.fixture
def machine(tmp_path):
    def made(dataflow, array, batch=1, capacity=2**30, word_length=8, **changes):
        rows, columns = array
        text = FILE.format(
            systolic=KINDS[dataflow],
            rows=rows,
            columns=columns,
            batch=batch,
            capacity=capacity,
            word_length=word_length,
        )
        for old, new in changes.values():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
        return hwsim.load_machine(tmp_path / "own.yaml")

    return made


def dense(n_in, n_out, **more):
    weight = np.resize([1, 0, -1], (n_in, n_out))
    layer = hwsim.Dense("layer", terms=(hwsim.Weight(weight, INT8),), accumulator=32, **more)
    return hwsim.Network("product", (n_in,), (layer,), input_format=INT8)


def convolution(height, width, kernel_height, kernel_width, channels, outputs, stride):
    weight = np.resize([1, 0, -1], (outputs, channels, kernel_height, kernel_width))
    layer = hwsim.Conv2d("layer", terms=(hwsim.Weight(weight, INT8),), stride=stride, accumulator=32)
    return hwsim.Network("convolution", (channels, height, width), (layer,), input_format=INT8)


def counted(network, n_frame, machine, per_frame=False):
    frames = np.ones((n_frame, *network.input_shape), np.int8)
    return hwsim.count(hwsim.simulate(network, frames, "dense", per_frame=per_frame).activity, machine)


def words(counts, layer=None):
    """Words by memory, operand and way."""
    found = {}
    for key, number in counts.entries.items():
        kind, _, memory, _, _, operand = key.operation
        if memory and layer in (None, key.layer):
            name = memory, operand, kind.split("_")[1]
            found[name] = found.get(name, 0) + int(number.sum())
    return found


# ------------------------------------------------------------------------------------------------------ SCALE-Sim

# What SCALE-Sim 3.0.0 prints (tests/bench/scale_sim.py): cycles; elements of codes and weights read, outputs written.
SCALE_SIM = {
    "AlexNet conv1": {
        "ws": (112283, 3294225, 34848, 3484800),
        "os": (121124, 3294225, 3310560, 308640),
        "is": (216599, 1098075, 3310560, 3484800),
    },
    "convolution 2 to 4": {"ws": (359, 576, 72, 576), "os": (319, 576, 576, 128), "is": (575, 288, 576, 576)},
    "convolution 3 to 5": {"ws": (179, 324, 90, 225), "os": (137, 324, 270, 87), "is": (209, 162, 270, 225)},
    "convolution 1 to 7": {"ws": (99, 128, 28, 224), "os": (119, 128, 168, 208), "is": (127, 64, 112, 224)},
    "GEMM 256, 128, 256": {
        "ws": (11199, 262144, 32768, 262144),
        "os": (10175, 262144, 262144, 34816),
        "is": (14207, 65536, 262144, 262144),
    },
    "GEMM 3, 6, 4": {"ws": (41, 36, 24, 36), "os": (35, 36, 48, 42), "is": (39, 12, 48, 36)},
    "GEMM 5, 7, 9": {"ws": (125, 135, 63, 105), "os": (83, 135, 126, 77), "is": (95, 45, 126, 105)},
    "GEMM 7, 5, 3": {"ws": (51, 42, 15, 70), "os": (55, 42, 60, 83), "is": (43, 21, 30, 70)},
    "GEMM 1, 10, 17": {"ws": (170, 51, 170, 30), "os": (80, 51, 170, 46), "is": (83, 17, 170, 30)},
    "GEMM 11, 2, 5": {"ws": (35, 55, 10, 44), "os": (35, 55, 40, 46), "is": (71, 55, 40, 44)},
}
# what they are of: input height and width, kernel height and width, channels, outputs, stride; or M, N, K
SIZES = {
    "AlexNet conv1": (227, 227, 11, 11, 3, 96, 4),
    "convolution 2 to 4": (6, 6, 3, 3, 2, 4, 1),
    "convolution 3 to 5": (7, 6, 3, 2, 3, 5, 2),
    "convolution 1 to 7": (5, 5, 2, 2, 1, 7, 1),
    "GEMM 256, 128, 256": (256, 128, 256),
    "GEMM 3, 6, 4": (3, 6, 4),
    "GEMM 5, 7, 9": (5, 7, 9),
    "GEMM 7, 5, 3": (7, 5, 3),
    "GEMM 1, 10, 17": (1, 10, 17),
    "GEMM 11, 2, 5": (11, 2, 5),
}
ARRAYS = {  # rows and columns
    "AlexNet conv1": (32, 32),
    "convolution 2 to 4": (2, 2),
    "convolution 3 to 5": (4, 3),
    "convolution 1 to 7": (3, 5),
    "GEMM 256, 128, 256": (32, 32),
    "GEMM 3, 6, 4": (2, 2),
    "GEMM 5, 7, 9": (4, 3),
    "GEMM 7, 5, 3": (2, 4),
    "GEMM 1, 10, 17": (8, 4),
    "GEMM 11, 2, 5": (3, 3),
}
PRODUCTS = {  # M, N, K of the convolutions
    "AlexNet conv1": (55 * 55, 96, 3 * 11 * 11),
    "convolution 2 to 4": (4 * 4, 4, 2 * 9),
    "convolution 3 to 5": (3 * 3, 5, 3 * 6),
    "convolution 1 to 7": (4 * 4, 7, 4),
}


@pytest.mark.parametrize("dataflow", KINDS)
@pytest.mark.parametrize("case", SCALE_SIM)
def test_elements_are_those_of_scale_sim(case, dataflow, machine):
    cycles, codes, weights, outputs = SCALE_SIM[case][dataflow]
    sizes, array = SIZES[case], ARRAYS[case]
    m, n, k = product = PRODUCTS.get(case, sizes)
    if dataflow == "os":  # it adds as many as rows and columns to every fold, where only the outputs can be meant
        outputs -= -(-m // array[0]) * -(-n // array[1]) * sum(array)
        assert outputs == m * n
    is_convolution = len(sizes) == 7
    network = convolution(*sizes) if is_convolution else dense(k, n)
    n_frame = 1 if is_convolution else m  # a product is a batch of M frames
    moved = words(counted(network, n_frame, machine(dataflow, array, batch=n_frame)))
    # words are elements: 8 bits hold a code or a weight, 4 of them a sum or an output of 32 bits
    assert moved["buffer", "codes", "read"] == codes
    assert moved["buffer", "weights", "read"] == weights
    assert moved.get(("buffer", "sums", "write"), 0) + moved["buffer", "codes", "write"] == 4 * outputs
    assert moved.get(("buffer", "sums", "read"), 0) == 4 * (outputs - m * n)  # which it does not report
    assert not any(memory == "dram" for memory, _, _ in moved)
    # it counts cycles from 0
    assert cycles_of(Product(*product), Array(systolic=KINDS[dataflow], rows=array[0], columns=array[1])) == cycles + 1


def row_of_page(case, dataflow):
    """A line of the table in docs/validation.md: what both say; of what differs, SCALE-Sim's and hwsim's figure."""
    cycles, codes, weights, outputs = SCALE_SIM[case][dataflow]
    product, (rows, columns) = Product(*PRODUCTS.get(case, SIZES[case])), ARRAYS[case]
    array = Array(systolic=KINDS[dataflow], rows=rows, columns=columns)
    found = elements_of(product, array)
    figures = cycles, cycles_of(product, array), codes, weights, outputs, found.sums + found.outputs, found.sums
    cells = [case, f"{rows} x {columns}", dataflow, *(f"{figure:,}" for figure in figures)]
    return f"| {' | '.join(cells)} |"


def test_the_page_prints_what_was_run():
    page = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8").splitlines()
    rows = [row_of_page(case, dataflow) for case in SCALE_SIM for dataflow in KINDS]
    assert [line for line in page if line.split(" | ")[0].removeprefix("| ") in SCALE_SIM] == rows


# --------------------------------------------------------------------------------------------------------- a loop


def moved_one_by_one(systolic, m, n, k, rows, columns):
    """Numbers that an array moves, each where it moves; what is in the cells is what the dataflow keeps there."""
    tally = {"codes": 0, "weights": 0, "sums written": 0, "sums read": 0, "outputs": 0}
    most_waiting = 0
    waiting = {}  # how many products each sum that left the array unfinished is made of
    along = {"weight": (k, n, m), "output": (m, n, k), "input": (k, m, n)}[systolic]
    for left in range(0, along[1], columns):
        for top in range(0, along[0], rows):
            down = range(top, min(top + rows, along[0]))
            across = range(left, min(left + columns, along[1]))
            kept = {"weight": "weights", "input": "codes", "output": None}[systolic]
            if kept:
                tally[kept] += len([(i, j) for i in down for j in across])
            for step in range(along[2]):
                if systolic == "output":  # a code for each row, a weight for each column
                    tally["codes"] += len(down)
                    tally["weights"] += len(across)
                    continue
                tally["weights" if systolic == "input" else "codes"] += len(down)
                for j in across:
                    name = (step, j)
                    done = waiting.pop(name, 0)
                    tally["sums read"] += done > 0
                    done += len(down)
                    if done == k:
                        tally["outputs"] += 1
                    else:
                        waiting[name] = done
                        tally["sums written"] += 1
            if systolic == "output":
                tally["outputs"] += len([(i, j) for i in down for j in across])
            most_waiting = max(most_waiting, len(waiting))
    return tally, most_waiting


@examples(60)
@given(
    systolic=st.sampled_from(sorted(KINDS.values())),
    sizes=st.tuples(*[st.integers(1, 9)] * 3),
    array=st.tuples(*[st.integers(1, 5)] * 2),
)
def test_closed_forms_are_sums_over_single_numbers(systolic, sizes, array):
    tally, most_waiting = moved_one_by_one(systolic, *sizes, *array)
    found = elements_of(Product(*sizes), Array(systolic=systolic, rows=array[0], columns=array[1]))
    assert found.codes == tally["codes"]
    assert found.weights == tally["weights"]
    assert found.sums == tally["sums written"] == tally["sums read"]
    assert found.outputs == tally["outputs"]
    assert found.sums_held == most_waiting


# -------------------------------------------------------------------------------------------- batches and packing


def test_each_batch_is_packed_for_itself(machine):
    # Dense 3 to 5 with a bias, in batches of 2, 2 and 1 frames, on 2 x 2 cells: K folds into 2, N into 3
    network = dense(3, 5, bias=np.arange(1, 6))
    own = machine("ws", (2, 2), batch=2, word_length=32)
    counts = counted(network, 5, own, per_frame=True)
    by_frame = {
        (key.operation.operand, key.operation.kind): number.tolist()
        for key, number in counts.entries.items()
        if key.operation.memory and key.layer == "layer"
    }
    weights, biases = 4, 5  # 15 of 8 bits in words of 32; 5 of 32
    assert by_frame[("weights", "sram_read")] == [weights + biases, 0, weights + biases, 0, weights + biases]
    # 6 codes, three times: 18 bytes; the last batch 9 bytes
    assert by_frame[("codes", "sram_read")] == [5, 0, 5, 0, 3]
    assert by_frame[("sums", "sram_read")] == by_frame[("sums", "sram_write")] == [10, 0, 10, 0, 5]
    assert by_frame[("codes", "sram_write")] == [10, 0, 10, 0, 5]
    # 3 rows of weights for each of the 3 folds along columns
    addresses = [number.tolist() for key, number in counts.entries.items() if key.operation.format == ("int16",)]
    assert addresses == [[9, 0, 9, 0, 9]]
    # arithmetic knows no array: 15 of each in every frame, and every addition is an update of a cell
    for phase, kind in (("synapse", "multiplication"), ("synapse", "addition"), ("memory", "register_update")):
        assert counts.total(phase, kind) == 5 * 15


def test_a_batch_ends_with_its_stream_and_a_run_needs_no_telling(machine):
    own = machine("os", (2, 2), batch=2, word_length=32)
    frames = np.ones((4, 3), np.int8)
    data = hwsim.Dataset(frames, 1.0, np.array([0, 3, 4]))  # streams of 3 frames and of 1: batches of 2, 1 and 1
    network = dense(3, 5)
    told = hwsim.simulate(network, data, machines=[own], per_frame=True)
    counts = hwsim.count(told.activity, own)
    reads = [
        number.tolist()
        for key, number in counts.entries.items()
        if (key.layer, key.operation.operand, key.operation.kind) == ("layer", "codes", "sram_read")
    ]
    assert reads == [[5, 0, 3, 3]]  # 6 or 3 codes, three times, in words of 4


# ------------------------------------------------------------------------------------------------ where things live


def two_layers():
    """Dense 8 to 6, codes of 8 bits, Dense 6 to 4."""
    first, second = (np.resize([1, 2, -1], shape) for shape in ((8, 6), (6, 4)))
    layers = (
        hwsim.Dense("one", terms=(hwsim.Weight(first, INT8),), accumulator=32),
        hwsim.Quantize("codes", bit_width=8),
        hwsim.Dense("two", terms=(hwsim.Weight(second, INT8),), accumulator=32),
    )
    return hwsim.Network("two", (8,), layers, input_format=INT8)


# Bytes while a layer runs, output stationary, frame by frame: weights 48 and 24; signals 8 + 6, then 6 + 16 that leave
ROOMY = 48 + 24 + 22  # all weights beside the signals of the second layer
LAYERWISE = 48 + 14  # the weights of a layer beside its signals: 62, and 24 + 22
SCANT = 30  # not those of the first layer


def test_with_room_for_everything_nothing_is_far(machine):
    moved = words(counted(two_layers(), 3, machine("os", (2, 2), capacity=ROOMY)))
    assert {memory for memory, _, _ in moved} == {"buffer"}
    just_too_small = words(counted(two_layers(), 3, machine("os", (2, 2), capacity=ROOMY - 1)))
    assert ("dram", "weights", "read") in just_too_small


def test_weights_of_a_layer_are_fetched_for_each_batch(machine):
    counts = counted(two_layers(), 3, machine("os", (2, 2), capacity=LAYERWISE))
    # M = 1 is one fold along rows: the array reads each weight once a frame; words of the dram have 16 bits
    assert words(counts, "one") == {
        ("dram", "weights", "read"): 3 * 24,
        ("buffer", "weights", "write"): 3 * 48,
        ("buffer", "weights", "read"): 3 * 48,
        ("buffer", "codes", "read"): 3 * 8 * 3,  # N = 6 is three folds
        ("buffer", "codes", "write"): 3 * 6,
    }
    # weights of 36 bytes beside the sums of both frames: batches of 2 and 1 frames
    batched = words(counted(two_layers(), 3, machine("os", (2, 2), batch=2, capacity=48 + 28)), "one")
    assert batched["dram", "weights", "read"] == 2 * 24
    assert batched["buffer", "weights", "write"] == 2 * 48


def test_weights_without_room_are_read_from_afar(machine):
    counts = counted(two_layers(), 3, machine("os", (2, 2), capacity=SCANT))
    one, two = words(counts, "one"), words(counts, "two")
    assert one["dram", "weights", "read"] == 3 * 24
    assert not any(operand == "weights" and memory == "buffer" for memory, operand, _ in one)
    assert two["dram", "weights", "read"] == 3 * 12  # and neither do 24 beside 22
    assert one["buffer", "codes", "read"] == 3 * 8 * 3


def test_signals_without_room_live_afar(machine):
    # 14 bytes: frames and codes have room, but not the 16 that leave
    moved = words(counted(two_layers(), 1, machine("os", (2, 2), capacity=14)))
    assert moved["dram", "codes", "write"] == 16 // 2
    assert moved["buffer", "codes", "write"] == 6
    assert moved["buffer", "codes", "read"] == 8 * 3 + 6 * 2
    # 13 bytes: frames have not, either; the array asks for them three times
    moved = words(counted(two_layers(), 1, machine("os", (2, 2), capacity=13)))
    assert moved["dram", "codes", "read"] == 8 * 3 // 2
    assert moved["buffer", "codes", "read"] == 6 * 2


def test_unfinished_sums_without_room_live_afar(machine):
    # K = 8 on 2 rows: 4 folds; of 6 outputs, 2 wait outside at once: 8 bytes
    near = words(counted(two_layers(), 1, machine("ws", (2, 2), capacity=8)), "one")
    assert near["buffer", "sums", "write"] == near["buffer", "sums", "read"] == 6 * 3 * 4
    far = words(counted(two_layers(), 1, machine("ws", (2, 2), capacity=7)), "one")
    assert far["dram", "sums", "write"] == far["dram", "sums", "read"] == 6 * 3 * 2
    assert not any(memory == "buffer" and operand == "sums" for memory, operand, _ in far)


WITHOUT_DRAM = ("  - {name: dram, kind: dram, word_length: 16, holds: [weights, codes, sums]}\n", "")


@pytest.mark.parametrize(
    ("dataflow", "capacity", "parts"),
    [
        ("os", ROOMY - 1, ("weights of all layers", "need 72 bytes")),
        ("os", 21, ("codes of two", "need 16 bytes")),
        ("ws", 7, ("unfinished sums of one", "need 8 bytes")),
    ],
)
def test_without_a_dram_what_has_no_room_is_an_error(machine, dataflow, capacity, parts):
    own = machine(dataflow, (2, 2), capacity=capacity, dram=WITHOUT_DRAM)
    with pytest.raises(MachineError) as caught:
        counted(two_layers(), 1, own)
    for part in (*parts, "machine own", "level buffer", f"with {capacity}", "put a dram behind it"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------- other layers


def test_sums_of_a_first_term_wait_for_the_second(machine):
    weight = np.resize([1, 0, -1], (2, 3))
    terms = tuple(hwsim.Weight(weight, hwsim.NumberFormat.parse("ternary"), scale) for scale in (1.0, 0.5))
    network = hwsim.Network("terms", (2,), (hwsim.Dense("layer", terms=terms, accumulator=32),), input_format=INT8)
    moved = words(counted(network, 1, machine("os", (4, 4))))
    assert moved["buffer", "sums", "write"] == moved["buffer", "sums", "read"] == 3 * 4
    assert moved["buffer", "codes", "read"] == 2 * 2  # by either term
    assert moved["buffer", "weights", "read"] == 2 * 2  # 6 of 2 bits in 8, for either term


def test_joined_signals_are_read_each_in_its_share(machine):
    """Of 2 and 6 codes that are joined, the array asks for 2 and 6 in each fold; one lives afar."""
    ones = {name: hwsim.Weight(np.ones(shape, int), INT8) for name, shape in (("a", (4, 2)), ("b", (4, 6)))}
    layers = (
        hwsim.Dense("a", terms=(ones["a"],), accumulator=32),
        hwsim.Quantize("code a", bit_width=8),
        hwsim.Dense("b", "input", terms=(ones["b"],), accumulator=32),
        hwsim.Quantize("code b", bit_width=8),
        hwsim.Concat("joined", ("code a", "code b")),
        hwsim.Dense("last", terms=(hwsim.Weight(np.ones((8, 3), int), INT8),), accumulator=32),
    )
    network = hwsim.Network("joined", (4,), layers, input_format=INT8)
    roomy = words(counted(network, 1, machine("os", (4, 2))), "last")
    assert roomy["buffer", "codes", "read"] == 2 * (2 + 6)  # N = 3 is two folds
    # 4 + 2 bytes while a runs: b's 6, and the 12 that leave, have no room
    scant = words(counted(network, 1, machine("os", (4, 2), capacity=6)), "last")
    assert scant["buffer", "codes", "read"] == 2 * 2
    assert scant["dram", "codes", "read"] == 2 * 6 // 2


def test_layers_without_weights_read_their_codes_once(machine):
    network = hwsim.Network("pool", (1, 4, 4), (hwsim.MaxPool2d("pool", kernel=2),), input_format=INT8)
    moved = words(counted(network, 2, machine("ws", (2, 2))))
    assert moved == {("buffer", "codes", "read"): 2 * 16, ("buffer", "codes", "write"): 2 * 4}


def test_frames_that_are_encoded_are_read_and_their_codes_written(machine):
    layers = (
        hwsim.Quantize("encode", scale=4.0, bit_width=4, signed=False),
        hwsim.Dense("layer", terms=(hwsim.Weight(np.ones((6, 2), int), INT8),), accumulator=32),
    )
    network = hwsim.Network("encoded", (6,), layers)
    run = hwsim.simulate(network, np.ones((1, 6), np.float32), "dense")
    first, *_ = run.activity.layers
    moved = words(hwsim.count(run.activity, machine("ws", (8, 1))), first.name)
    assert moved == {("buffer", "codes", "read"): 6 * 4, ("buffer", "codes", "write"): 3}


def test_groups_are_refused(machine):
    weight = hwsim.Weight(np.ones((4, 1, 2, 2), int), INT8)
    layer = hwsim.Conv2d("apart", terms=(weight,), groups=2, accumulator=32)
    network = hwsim.Network("groups", (2, 3, 3), (layer,), input_format=INT8)
    with pytest.raises(MachineError, match=r"machine own: layer apart has 2 groups of channels.*lanes"):
        counted(network, 1, machine("ws", (2, 2)))


# ------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("systolic: weight", "systolic: row", ("array.systolic", "'weight', 'output' or 'input'", "row")),
        ("rows: 2", "rows: 0", ("array.rows", "equal to 1", "0")),
        ("array:", "lanes: {dense: {channels: 1}, convolution: {channels: 1}}\narray:", ("array", "never both")),
        ("array: {systolic: weight, rows: 2, columns: 2}\n", "", ("lanes", "array")),
        ("execution: dense", "execution: sparse", ("array", "sparse", "write dense")),
        ("levels:", "weights: compressed\nrun_bits: 4\nlevels:", ("weights", "compressed", "take it out")),
        ("levels:", "reuse: ideal\nlevels:", ("reuse", "ideal", "take it out")),
        ("levels:", "order: code-stationary\nlevels:", ("order", "code-stationary", "take it out")),
        ("  - {name: cells, kind: registers, holds: [sums]}\n", "", ("levels", "kind registers")),
        ("capacity: 64", "fit: network", ("levels", "buffer", "capacity")),
        ("sums]}\n  - {name: cells", "]}\n  - {name: cells", ("levels", "sums", "sram")),
        ("name: buffer, kind: sram, capacity: 64", "name: buffer, kind: dram", ("levels", "one sram", "dram, dram")),
    ],
)
def test_files_that_are_no_systolic_machine(tmp_path, old, new, parts):
    text = FILE.format(systolic="weight", rows=2, columns=2, batch=1, capacity=64, word_length=8)
    assert old in text
    (tmp_path / "own.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(FileError) as caught:
        hwsim.load_machine(tmp_path / "own.yaml")
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / "own.yaml"), *parts):
        assert part in message


@pytest.mark.parametrize("kind", ["weight", "output", "input"])
def test_presets(kind):
    machine = hwsim.load_machine(f"systolic-{kind[0]}s")
    assert machine.array == Array(systolic=kind, rows=32, columns=32)
    counts = counted(two_layers(), 2, machine)
    assert hwsim.price(counts).per_inference > 0
