"""The worked example of docs/accounting.md, every cell of it, through the public functions.

Dense 4 -> 3, ReLU, Quantize (ratio 1), Dense 3 -> 2; int8 codes and weights, accumulators and words of 32 bits.
"""

from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.network.number_format import integer

pytestmark = pytest.mark.plain

INT8 = integer(8)
WEIGHT_1 = [[1, -1, 0], [2, 0, 1], [0, 3, -2], [1, 1, 1]]
WEIGHT_2 = [[1, -1], [0, 2], [1, 0]]
LAYERS = (
    hwsim.Dense("layer 1", terms=(hwsim.Weight(np.array(WEIGHT_1), INT8),), bias=np.array([0, 1, 0]), accumulator=32),
    hwsim.ReLU("relu"),
    hwsim.Quantize("quantize", bit_width=8),
    hwsim.Dense("layer 2", terms=(hwsim.Weight(np.array(WEIGHT_2), INT8),), accumulator=32),
)
FRAMES = np.array([[2, 0, 1, 0], [2, 1, 0, 0]], np.int8)
PRESET = {"dense": "mac-array", "sparse": "rounding-adder", "delta": "sigma-delta-adder"}
EXECUTIONS = tuple(PRESET)


def network(n_layer=4):
    """The example, or its first layers."""
    return hwsim.Network("worked example", (4,), LAYERS[:n_layer], input_format=INT8)


def run(execution, n_layer=4):
    return hwsim.simulate(network(n_layer), FRAMES, execution, per_frame=True)


def machine(execution, **changes):
    return hwsim.load_machine(PRESET[execution]).model_copy(update={"word_length": 32, **changes})


@pytest.fixture(scope="module", params=EXECUTIONS)
def execution(request):
    return request.param


@pytest.fixture(scope="module")
def activity(execution):
    return run(execution).activity


@pytest.fixture(scope="module")
def counts(execution, activity):
    return hwsim.count(activity, machine(execution))


# ---------------------------------------------------------------------------------------------- the upper table


def test_accumulators_after_each_frame(execution):
    # layer 1 leaves the network where the network ends with it
    assert run(execution, n_layer=1).output_codes.tolist() == [[2, 2, -2], [4, -1, 1]]
    assert run(execution).output_codes.tolist() == [[2, 2], [5, -4]]


def test_input_codes(execution):
    assert run(execution, n_layer=3).output_codes.tolist() == [[2, 2, 0], [4, 0, 1]]  # of layer 2


EVENTS = {  # (layer, frame): e, o, o+, unary additions
    "dense": {
        ("layer 1", 0): (4, 12, 9, None),
        ("layer 1", 1): (4, 12, 9, None),
        ("layer 2", 0): (3, 6, 4, None),
        ("layer 2", 1): (3, 6, 4, None),
    },
    "sparse": {
        ("layer 1", 0): (2, 6, 4, 9),
        ("layer 1", 1): (2, 6, 4, 9),
        ("layer 2", 0): (2, 4, 3, 8),
        ("layer 2", 1): (2, 4, 3, 10),
    },
    "delta": {
        ("layer 1", 0): (2, 6, 4, 9),
        ("layer 1", 1): (2, 6, 4, 6),
        ("layer 2", 0): (2, 4, 3, 8),
        ("layer 2", 1): (3, 6, 4, 10),
    },
}


@pytest.mark.parametrize("layer", ["layer 1", "layer 2"])
@pytest.mark.parametrize("frame", [0, 1])
def test_events_and_synaptic_operations(execution, activity, counts, layer, frame):
    (connection,) = (each for each in activity.connections if each.layer == layer)
    rows = connection.histogram
    here = rows.group == frame
    additions = sum(
        int(number[frame])
        for key, number in counts.entries.items()
        if (key.layer, key.phase, key.operation.kind) == (layer, "synapse", "addition")
    )
    e, o, o_nonzero, unary = EVENTS[execution][layer, frame]
    assert connection.rows_read.delivered(1)[frame] == e
    assert rows.n_operation[here].sum() == o
    assert rows.n_nonzero[here].sum() == o_nonzero
    if unary is None:
        assert additions == o  # dense: one with every multiplication
    else:
        assert additions == unary
        assert (rows.magnitude[here] * rows.n_operation[here]).sum() == unary


# ---------------------------------------------------------------------------------------------- the lower table


def total(counts, phase, kind, format=None, layer=None):
    return sum(
        int(number.sum())
        for key, number in counts.entries.items()
        if (key.phase, key.operation.kind) == (phase, kind)
        and format in (None, key.operation.format)
        and layer in (None, key.layer)
    )


OPERATIONS = [
    ("synapse", "multiplication", ("int8", "int8"), {"dense": 36, "sparse": 0, "delta": 0}),
    ("synapse", "addition", ("int32",), {"dense": 36, "sparse": 36, "delta": 33}),
    ("encode", "comparison", ("int8",), {"dense": 0, "sparse": 8, "delta": 8}),
    ("encode", "addition", ("int8",), {"dense": 0, "sparse": 0, "delta": 8}),
    # ReLU works on accumulators, tests and differences on codes
    ("neuron", "comparison", ("int32",), {"dense": 6, "sparse": 6, "delta": 6}),
    ("neuron", "comparison", ("int8",), {"dense": 0, "sparse": 6, "delta": 6}),
    ("neuron", "addition", ("int8",), {"dense": 0, "sparse": 0, "delta": 6}),
    ("memory", "register_update", ("int32",), {"dense": 36, "sparse": 36, "delta": 33}),
]


@pytest.mark.parametrize(("phase", "kind", "format", "expected"), OPERATIONS)
def test_operations_of_both_frames(execution, counts, phase, kind, format, expected):
    assert total(counts, phase, kind, format) == expected[execution]


# Words by (layer, memory, way): frame 1, frame 2. Producers write codes and events, readers read them.
WORDS = {
    "dense": {
        # 4 rows of 3 x 8 bits, a word each, + 3 biases of 32 bits; then 3 rows of 2 x 8 bits, and no bias
        ("layer 1", "weights", "read"): [4 + 3, 4 + 3],
        ("layer 2", "weights", "read"): [3, 3],
        ("input", "activations", "read"): [1, 1],  # the raw frame, 4 x 8 bits; it serves as layer 1's codes
        ("layer 1", "activations", "write"): [1, 1],  # 3 hidden codes of 8 bits
        ("layer 2", "activations", "read"): [1, 1],
        ("layer 2", "activations", "write"): [2, 2],  # outputs: 2 accumulators of 32 bits
    },
    "sparse": {
        ("layer 1", "weights", "read"): [2 + 3, 2 + 3],  # a row per event, + biases
        ("layer 2", "weights", "read"): [2, 2],
        ("input", "activations", "read"): [1, 1],
        ("input", "activations", "write"): [1, 1],  # 2 events of 8 + 2 bits
        ("layer 1", "activations", "read"): [1, 1],
        ("layer 1", "activations", "write"): [1, 1],  # 2 events of 8 + 2 bits
        ("layer 2", "activations", "read"): [1, 1],
        ("layer 2", "activations", "write"): [2, 2],
    },
    "delta": {
        ("layer 1", "weights", "read"): [2 + 3, 2],  # biases at the first frame only
        ("layer 2", "weights", "read"): [2, 3],
        ("input", "activations", "read"): [1, 1],
        ("input", "activations", "write"): [1, 1],  # 2 events of 9 + 2 bits
        ("layer 1", "activations", "read"): [1, 1],
        ("layer 1", "activations", "write"): [1, 2],  # 2, then 3 events of 9 + 2 bits: 33 bits
        ("layer 2", "activations", "read"): [1, 2],
        ("layer 2", "activations", "write"): [2, 2],
        ("input", "state", "read"): [1, 1],  # last codes, 4 x 8 bits
        ("input", "state", "write"): [1, 1],  # 2 changed ones
        ("layer 1", "state", "read"): [0 + 1, 3 + 1],  # 3 sums, not at first; 3 last codes
        ("layer 1", "state", "write"): [3 + 1, 3 + 1],  # 3 sums; 2, then 3 changed codes
        ("layer 2", "state", "read"): [0, 2],  # 2 sums; the last layer has no codes
        ("layer 2", "state", "write"): [2, 2],
    },
}


def words_by_cell(counts):
    cells = {}
    for key, number in counts.entries.items():
        if key.operation.memory:
            way = key.operation.kind.removeprefix("sram_")
            assert key.operation.word_length == 32
            cell = cells.setdefault((key.layer, key.operation.memory, way), [0, 0])
            cells[key.layer, key.operation.memory, way] = [a + int(b) for a, b in zip(cell, number, strict=True)]
    return cells


def test_words_of_each_frame(execution, counts):
    assert words_by_cell(counts) == WORDS[execution]


def test_addresses_are_one_per_row(execution, counts):
    # e events, or inputs, of both layers and frames
    expected = sum(e for e, *_ in EVENTS[execution].values())
    assert total(counts, "memory", "addition", ("int16",)) == expected
    # every row fits a word, so that weights are as many words: 14, 8, 9
    assert expected == {"dense": 8 + 6, "sparse": 4 + 4, "delta": 4 + 5}[execution]


def test_totals_as_printed(execution, counts):
    words = {cell: sum(frames) for cell, frames in words_by_cell(counts).items()}
    rows = total(counts, "memory", "addition")  # words of weights, see above

    def moved(memory, way, *layers):
        return sum(words.get((layer, memory, way), 0) for layer in layers)

    bias = moved("weights", "read", "layer 1", "layer 2") - rows
    assert bias == {"dense": 2 * 3, "sparse": 6, "delta": 3}[execution]
    assert moved("activations", "read", "input") == 2  # raw frames
    codes = {"dense": 2, "sparse": 1 + 1 + 1 + 1, "delta": 1 + 1 + 1 + 2}[execution]  # hidden codes, or events
    assert moved("activations", "write", "input", "layer 1") == codes
    assert moved("activations", "read", "layer 1", "layer 2") == codes
    assert moved("activations", "write", "layer 2") == 4  # outputs
    # sums and last codes: 5 + 4 read, 10 + 4 written
    assert moved("state", "read", "input", "layer 1", "layer 2") == (9 if execution == "delta" else 0)
    assert moved("state", "write", "input", "layer 1", "layer 2") == (14 if execution == "delta" else 0)
    assert counts.words("read") + counts.words("write") == counts.words() == sum(words.values()) > 0


@pytest.mark.parametrize(("execution", "bits"), [("sparse", 10), ("delta", 11)])
def test_bits_of_an_event(execution, bits):
    # value (8 bits, their difference 9) and index (4 inputs or 3 neurons: 2 bits), told by words of one bit
    counts = hwsim.count(run(execution).activity, machine(execution, word_length=1))
    for producer, layer in (("input", "layer 1"), ("layer 1", "layer 2")):
        n_event = sum(e for (reader, _), (e, *_) in EVENTS[execution].items() if reader == layer)
        written = sum(
            int(number.sum())
            for key, number in counts.entries.items()
            if (key.layer, key.operation.kind, key.operation.memory) == (producer, "sram_write", "activations")
        )
        assert written == n_event * bits


def test_nothing_else_is_counted(execution, counts):
    seen = {(key.phase, key.operation.kind, key.operation.format) for key in counts.entries if not key.operation.memory}
    listed = {(phase, kind, format) for phase, kind, format, expected in OPERATIONS if expected[execution]}
    assert seen == listed | {("memory", "addition", ("int16",))}


def test_the_sum_of_frames_is_the_run(execution, counts):
    together = hwsim.count(hwsim.simulate(network(), FRAMES, execution).activity, machine(execution))
    assert together.groups == ("first", "steady")
    # two frames: the first is a stream's first, the second is the steady state
    assert {key: number.tolist() for key, number in together.entries.items()} == {
        key: number.tolist() for key, number in counts.entries.items()
    }


PAGE = (Path(__file__).parents[2] / "docs" / "accounting.md").read_text(encoding="utf-8")
ROWS = {  # first words of the page's rows: the operations they are about
    "`synapse`: multiplications": ("synapse", "multiplication", ("int8", "int8")),
    "`synapse`: additions": ("synapse", "addition", ("int32",)),
    "`encode`: comparisons": ("encode", "comparison", ("int8",)),
    "`encode`: additions": ("encode", "addition", ("int8",)),
    "`neuron`: comparisons of ReLU": ("neuron", "comparison", ("int32",)),
    "`neuron`: comparisons of codes": ("neuron", "comparison", ("int8",)),
    "`neuron`: additions": ("neuron", "addition", ("int8",)),
    "updates of the working store": ("memory", "register_update", ("int32",)),
    "addresses": ("memory", "addition", ("int16",)),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_page_prints_these_numbers(execution, counts, row):
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {row}"))
    printed = dict(zip(EXECUTIONS, line.strip("| ").split("|")[1:], strict=True))
    assert int(printed[execution]) == total(counts, *ROWS[row])
