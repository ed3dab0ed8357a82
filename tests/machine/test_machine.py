"""Machines: what the first presets differ in, their synapses by hand, memories and their limits, and bad files."""

import numpy as np
import pytest

import hwsim
from hwsim.errors import FileError, MachineError, UnknownNameError
from hwsim.files import catalogue
from hwsim.machine import DEFAULT_MACHINE, LanesByLayer, UnaryUpTo
from hwsim.network.number_format import integer

PRESETS = ("mac-array", "mac-array-gated", "zero-skipping-mac", "delta-mac", "rounding-adder", "sigma-delta-adder")
INT8 = integer(8)

# Dense 4 -> 3 without anything after it; weights hold zeros, inputs hold zeros, a 1 and a 3
WEIGHT = np.array([[5, 0, -2], [0, 0, 0], [1, 1, 1], [0, 7, 0]])
FRAMES = np.array([[3, 2, 0, 1], [0, 2, 0, -2]], np.int8)


def network(weight=WEIGHT, accumulator=32):
    bias = np.zeros(np.shape(weight)[1], int)  # declared, and so stored
    dense = hwsim.Dense("dense", terms=(hwsim.Weight(weight, INT8),), bias=bias, accumulator=accumulator)
    return hwsim.Network("by hand", (len(weight),), (dense,), input_format=INT8)


def changed(preset, **update):
    return hwsim.load_machine(preset).model_copy(update=update)


def count(machine, frames=FRAMES, of=None):
    machine = hwsim.load_machine(machine)
    return hwsim.count(hwsim.simulate(of or network(), frames, machine.execution).activity, machine)


# ------------------------------------------------------------------------------------------------- the presets


def test_presets_are_found_by_name():
    assert set(catalogue.machine_names()) > set(PRESETS)
    for name in catalogue.machine_names():
        assert hwsim.load_machine(name).name == name
        assert hwsim.load_machine(name).description


@pytest.mark.parametrize(
    ("name", "execution", "arithmetic", "gated", "skips"),
    [
        ("mac-array", "dense", "multiply", "executed", False),
        ("mac-array-gated", "dense", "multiply", "gated", False),
        ("zero-skipping-mac", "sparse", UnaryUpTo(unary_up_to=2), "executed", True),
        ("delta-mac", "delta", UnaryUpTo(unary_up_to=2), "executed", True),
        ("rounding-adder", "sparse", "unary", "executed", False),
        ("sigma-delta-adder", "delta", "unary", "executed", False),
    ],
)
def test_presets_differ_in_what_their_names_say_and_in_nothing_else(name, execution, arithmetic, gated, skips):
    machine = hwsim.load_machine(name)
    assert machine.execution == execution
    assert machine.event_arithmetic == arithmetic
    assert machine.zero_operands == gated
    assert machine.skip_zero_weights == skips
    own = {"name", "description", "execution", "event_arithmetic", "zero_operands", "skip_zero_weights"}
    own |= {"sources", "assumed"}
    reference = hwsim.load_machine("mac-array")
    assert machine.model_dump(exclude=own) == reference.model_dump(exclude=own)


def test_what_all_presets_share():
    machine = hwsim.load_machine("mac-array")
    assert machine.lanes == LanesByLayer.model_validate(
        {"dense": {"channels": 256, "positions": 1}, "convolution": {"channels": 16, "positions": 16}}
    )
    assert machine.word_length == 64
    assert machine.working_store == "registers"
    assert (machine.memories.weights.fit, machine.memories.state.fit) == ("network", "network")
    assert machine.memories.activations.fit == "layer"


@pytest.mark.parametrize("name", catalogue.machine_names())
def test_assumptions_name_what_matters(name):
    machine = hwsim.load_machine(name)
    if machine.array is not None:
        size = f"32 x 32 systolic array ({machine.array.systolic} stationary)"
        for part in ("dense execution", size, "64 bits (dram), 256 bits (buffer)"):
            assert part in machine.assumptions
        return
    shared = ("256 x 1 lanes", "64-bit words") if machine.memories else ("(Dense)", "words")
    for part in (machine.execution, *shared, "registers"):
        assert part in machine.assumptions or (part == "registers" and "accumulators" in machine.assumptions)
    own = {
        "eie-like": "compressed with 4-bit runs",
        "neuromorphic-core": "in SRAM, read and written row by row",
        "neuromorphic-per-synapse": "whole synaptic operations",
        "ideal-reuse": "a lower bound",
        "mac-array-dram": "weights off chip",
        "mac-array-batch": "batches of 16",
    }
    assert own.get(name, "") in machine.assumptions
    assert ("zero weights skipped" in machine.assumptions) == machine.skip_zero_weights
    assert ("gated" in machine.assumptions) == (machine.zero_operands == "gated")


# ---------------------------------------------------------------------------------------- one layer, by hand

# Non-zero weights per input: 2, 0, 3, 1. Frame 1 is [3 2 0 1], frame 2 [0 2 0 -2].
# Differences: [3 2 0 1], then [-3 0 0 -3]. Three neurons, four inputs.
SYNAPSES = {  # multiplications, additions
    "mac-array": (2 * 4 * 3, 2 * 4 * 3),  # every input meets every weight
    "mac-array-gated": ((3 + 2) * 3, (3 + 2) * 3),  # non-zero inputs do
    # non-zero weights of events up to 2 are added |s| times, those of larger ones multiplied
    # frame 1: 3 on 2 weights multiplies, 2 on none, 1 on 1; frame 2: 2 on none, -2 on 1 weight
    "zero-skipping-mac": (2, 2 + 2 * 0 + 1 * 1 + 2 * 0 + 2 * 1),
    "delta-mac": (2 + 2 + 1, 2 + 2 * 0 + 1 * 1 + 2 + 1),  # frame 1 alike; -3 on 2 weights and -3 on 1
    "rounding-adder": (0, (3 + 2 + 1) * 3 + (2 + 2) * 3),  # |s| on every weight
    "sigma-delta-adder": (0, (3 + 2 + 1) * 3 + (3 + 3) * 3),
}
ROWS = {  # weight rows delivered: one per event
    "mac-array": 8,
    "mac-array-gated": 8,  # traffic as dense
    "zero-skipping-mac": 3 + 2,
    "delta-mac": 3 + 2,
    "rounding-adder": 3 + 2,
    "sigma-delta-adder": 3 + 2,
}


@pytest.mark.plain
@pytest.mark.parametrize("name", PRESETS)
def test_one_layer_by_hand(name):
    counts = count(name)
    kind = {each: counts.total("synapse", each) for each in ("multiplication", "addition")}
    assert (kind["multiplication"], kind["addition"]) == SYNAPSES[name]
    assert counts.total("synapse") == sum(SYNAPSES[name])  # nothing but these
    assert counts.total("memory", "register_update") == SYNAPSES[name][1]
    assert counts.total("memory", "addition") == ROWS[name]
    execution = hwsim.load_machine(name).execution
    # encode: a test per input and frame, or a difference and a test
    assert counts.total("encode", "comparison") == (0 if execution == "dense" else 2 * 4)
    assert counts.total("encode", "addition") == (2 * 4 if execution == "delta" else 0)
    assert counts.total("neuron") == 0  # the last layer's accumulators leave as they are
    formats = {key.operation.format for key in counts.entries if key.phase == "synapse"}
    event = "int9" if execution == "delta" else "int8"  # a difference has a bit more
    assert formats == {("int32",), (event, "int8")} - ({(event, "int8")} if kind["multiplication"] == 0 else set())


@pytest.mark.plain
@pytest.mark.parametrize("name", ["delta-mac", "sigma-delta-adder"])
def test_neurons_behind_zero_weights_alone_are_not_touched(name):
    # frame 2 changes input 1 only, whose weights are all zero
    frames = np.array([[3, 2, 0, 1], [3, 1, 0, 1]], np.int8)
    counts = count(name, frames)
    state = {
        key.operation.kind: number.tolist()
        for key, number in counts.entries.items()
        if (key.layer, key.operation.memory) == ("dense", "state")
    }
    touched = 0 if name == "delta-mac" else 2  # words: 3 sums of 32 bits
    # at first the sums come from the bias
    assert state == {"sram_write": [2, touched]} | ({"sram_read": [0, touched]} if touched else {})
    written = [
        number.tolist()
        for key, number in counts.entries.items()
        if (key.layer, key.operation.kind, key.operation.memory) == ("dense", "sram_write", "activations")
    ]
    assert written == [[2, touched]]  # outputs


@pytest.mark.parametrize(
    ("magnitude", "digits"), [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2), (6, 2), (7, 2), (11, 3), (43, 4), (127, 2)]
)
def test_shift_add_pays_per_signed_digit(magnitude, digits):
    # 7 = 8 - 1, 11 = 8 + 4 - 1, 43 = 32 + 8 + 4 - 1
    one = network(np.array([[3, 0]]))
    for sign in (1, -1):
        counts = count(
            changed("rounding-adder", event_arithmetic="shift-add"), np.array([[sign * magnitude]], np.int8), one
        )
        assert counts.total("synapse", "addition") == counts.total("synapse", "variable_shift") == 2 * digits
        assert counts.total("synapse", "multiplication") == 0


# ---------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("execution", "machine"), [("dense", "delta-mac"), ("sparse", "mac-array"), ("delta", "mac-array")]
)
def test_a_machine_of_another_execution_is_refused(execution, machine):
    run = hwsim.simulate(network(), FRAMES, execution)
    with pytest.raises(MachineError) as caught:
        hwsim.count(run.activity, machine)
    message = str(caught.value)
    assert "\n" not in message
    for part in (machine, hwsim.load_machine(machine).execution, execution, "by hand"):
        assert part in message


@pytest.mark.parametrize("execution", DEFAULT_MACHINE)
def test_every_execution_has_a_machine(execution):
    run = hwsim.simulate(network(), FRAMES, execution)
    assert hwsim.count(run.activity).machine == DEFAULT_MACHINE[execution]


def test_unknown_machines():
    with pytest.raises(UnknownNameError, match=r"no machine named 'mac-aray'; did you mean mac-array"):
        hwsim.load_machine("mac-aray")
    with pytest.raises(MachineError, match=r"'delta' is an execution, not a machine.*'delta-mac'"):
        hwsim.load_machine("delta")


FILE = """\
schema: 1
name: own
description: mine
execution: sparse
event_arithmetic: shift-add
lanes:
  dense: {channels: 8}
  convolution: {channels: 8, positions: 2}
word_length: 32
memories:
  weights: {capacity: 4096}
  state: {fit: network}
  activations: {fit: layer}
"""


def test_a_machine_from_a_file(tmp_path):
    (tmp_path / "own.yaml").write_text(FILE)
    machine = hwsim.load_machine(tmp_path / "own.yaml")
    assert (machine.name, machine.word_length, machine.memories.weights.capacity) == ("own", 32, 4096)
    assert machine.lanes.dense.positions == 1
    assert count(machine).total("synapse", "variable_shift") > 0
    assert hwsim.load_machine(machine) is machine


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("sparse", "spares", (":4:", "execution", "'dense', 'sparse' or 'delta'", "spares")),
        ("word_length: 32", "word_length: 0", (":9:", "word_length", "greater than or equal to 1", "0")),
        ("word_length: 32", "word_length: '32'", (":9:", "word_length", "'32'")),
        ("word_length: 32", "word_lenght: 32", ("word_lenght", "word_length")),
        (
            "{capacity: 4096}",
            "{}",
            (":11:", "memories.weights", "fit (network or layer) or capacity", "off_chip: dram"),
        ),
        ("{capacity: 4096}", "{fit: layer, off_chip: dram}", (":11:", "memories.weights", "either fit")),
        ("{capacity: 4096}", "{off_chip: sram}", (":11:", "memories.weights.off_chip", "'dram'", "sram")),
        ("word_length: 32", "word_length: 32\nweights: compressed", (":10:", "weights", "run_bits: 4")),
        ("word_length: 32", "word_length: 32\nrun_bits: 4", (":10:", "run_bits", "weights: compressed")),
        (
            "word_length: 32",
            "weights: compressed\nrun_bits: 9\nword_length: 32",
            (":10:", "run_bits", "equal to 8", "9"),
        ),
        ("word_length: 32", "word_length: 32\nbatch: 4", (":10:", "batch", "sparse", "got 4", "batch: 1", "dense")),
        ("word_length: 32", "word_length: 32\nbatch: 0", (":10:", "batch", "equal to 1", "0")),
        ("sparse", "dense\nevents: bitmap", (":5:", "events", "codes, not events", "take")),
        ("word_length: 32", "word_length: 32\nevents: bitmaps", (":10:", "events", "'indexed' or 'bitmap'", "bitmaps")),
        ("word_length: 32", "word_length: 32\nreuse: perfect", (":10:", "reuse", "'lanes' or 'ideal'", "perfect")),
        (
            "word_length: 32",
            "access: per-row\nworking_store: 64\nword_length: 32",
            (":9:", "access", "working_store out"),
        ),
        ("word_length: 32", "operations: whole\naccess: per-row\nword_length: 32", (":10:", "access", "take")),
        ("word_length: 32", "overhead: {low: 4, high: 1}\nword_length: 32", (":9:", "overhead", "low <= high", "4, 1")),
        ("word_length: 32", "overhead: {low: 0.5}\nword_length: 32", (":9:", "overhead.low", "equal to 1", "0.5")),
        ("{capacity: 4096}", "{capacity: 1, fit: layer}", (":11:", "memories.weights", "either fit")),
        ("  state: {fit: network}\n", "", ("memories.state", "missing")),
        ("shift-add", "{unary_up_to: 0}", (":5:", "event_arithmetic")),
        ("{channels: 8}", "{channels: 8, lanes: 2}", (":7:", "lanes.dense.lanes", "unknown key")),
        ("name: own", "name: own\nname: other", (":3:", "name: written twice")),
    ],
)
def test_files_that_are_no_machine(tmp_path, old, new, parts):
    path = tmp_path / "own.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(FileError) as caught:
        hwsim.load_machine(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    # one of two complaints is shown where a wrong key is also a missing one
    assert any(part in message for part in parts) if "lenght" in new else all(part in message for part in parts)


# ---------------------------------------------------------------------------------------------------- memories


def test_memories_fit_what_they_hold():
    layers = (
        hwsim.Dense("one", terms=(hwsim.Weight(np.ones((6, 5), int), INT8),), bias=np.zeros(5, int), accumulator=32),
        hwsim.Quantize("quantize", bit_width=8),
        hwsim.Dense("two", terms=(hwsim.Weight(np.ones((5, 9), int), INT8),), bias=np.zeros(9, int), accumulator=32),
    )
    net = hwsim.Network("net", (6,), layers, input_format=INT8)
    counts = count("delta-mac", np.ones((2, 6), np.int8) * np.array([[1], [2]], np.int8), net)
    # rows of weights in words of 8 bytes, biases of 4: 6 rows of 1 word, 5 of 2 words, 5 + 9 biases
    weights = 6 * 8 + 5 * 16 + (5 + 9) * 4
    # last codes of 6 inputs and 5 neurons, sums of 5 + 9 neurons
    state = 6 + 5 + (5 + 9) * 4
    assert (weights, state) == (184, 67)
    assert {
        (key.layer, key.operation.memory, key.operation.kind, key.operation.capacity)
        for key in counts.entries
        if key.operation.memory
    } == {
        ("one", "weights", "sram_read", 256),
        ("two", "weights", "sram_read", 256),  # one memory for the network
        *((layer, "state", way, 128) for layer in ("input", "one", "two") for way in ("sram_read", "sram_write")),
        ("input", "activations", "sram_read", 8),  # raw frame: 6 bytes
        ("input", "activations", "sram_write", 16),  # 6 events of 9 + 3 bits: 9 bytes
        ("one", "activations", "sram_read", 16),
        ("one", "activations", "sram_write", 8),  # 5 events of 9 + 3 bits: 7.5 bytes
        ("two", "activations", "sram_read", 8),
        ("two", "activations", "sram_write", 64),  # 9 outputs of 4 bytes: 36 bytes
    }


def memory(**how):
    return type(hwsim.load_machine("mac-array").memories.weights)(**how)


def with_memories(preset, **which):
    return changed(preset, memories=hwsim.load_machine(preset).memories.model_copy(update=which))


def test_a_declared_capacity_is_used():
    counts = count(with_memories("mac-array", weights=memory(capacity=8192)))
    assert {key.operation.capacity for key in counts.entries if key.operation.memory == "weights"} == {8192}


@pytest.mark.parametrize("which", ["weights", "state", "activations"])
def test_a_declared_capacity_that_is_too_small_is_refused(which):
    # rows: 4 words of 8 bytes + 3 biases of 4; state: 3 sums of 4, 4 last codes of the inputs
    # alive while the layer runs: 4 events of 9 + 2 bits, 44 in all, and 3 outputs of 4 bytes
    needed = {"weights": 4 * 8 + 3 * 4, "state": 3 * 4 + 4, "activations": 6 + 3 * 4}[which]
    with pytest.raises(MachineError) as caught:
        count(with_memories("sigma-delta-adder", **{which: memory(capacity=3)}))
    message = str(caught.value)
    for part in ("sigma-delta-adder", which, f"need {needed} bytes", f"{which} 3)"):
        assert part in message
    assert "\n" not in message


def test_a_declared_capacity_must_hold_all_that_lives_in_it():
    # weights live across layers: each of the two fits in 64 bytes (4 rows of 8, 3 biases of 4), both do not
    dense = network().layers[0]
    layers = (dense, hwsim.Quantize("quantize"), hwsim.Dense("more", terms=(hwsim.Weight(np.ones((3, 3), int), INT8),)))
    net = hwsim.Network("two", (4,), layers, input_format=INT8)
    with pytest.raises(MachineError, match="64"):
        count(with_memories("mac-array", weights=memory(capacity=64)), of=net)


def test_what_is_above_the_on_chip_limit_lives_in_dram():
    # 44 bytes of weights need a memory of 64; raw frames and outputs need at most 16
    counts = count(changed("mac-array", on_chip_limit=32))
    kinds = {
        (key.operation.memory, key.operation.kind, key.operation.capacity)
        for key in counts.entries
        if key.operation.memory
    }
    assert kinds == {
        ("weights", "dram_read", 0),
        ("activations", "sram_read", 4),
        ("activations", "sram_write", 16),
    }
    on_chip = count("mac-array")
    assert counts.words() == on_chip.words() > 0
    energy = hwsim.price(counts, "default_45nm")
    assert energy.of(kind="dram_read") == pytest.approx(counts.total(kind="dram_read") * 1300e-12)


def test_what_is_above_the_on_chip_limit_without_dram_is_an_error():
    with pytest.raises(MachineError) as caught:
        count(changed("mac-array", on_chip_limit=32, off_chip=None))
    message = str(caught.value)
    for part in ("mac-array", "weights of all layers", "44 bytes", "weights at most 32", "kind: dram"):
        assert part in message


def test_a_memory_at_the_limit_is_on_chip():
    assert count(changed("mac-array", on_chip_limit=64)).total(kind="dram_read") == 0


def test_a_working_store_in_sram_is_read_and_written_at_accumulator_width():
    counts = count(changed("rounding-adder", working_store=1024))
    assert counts.total(kind="register_update") == 0
    additions = counts.total("synapse", "addition")
    assert additions == SYNAPSES["rounding-adder"][1]
    store = {
        key.operation.kind: (key.operation.capacity, key.operation.word_length, int(number.sum()))
        for key, number in counts.entries.items()
        if key.operation.memory == "working store"
    }
    assert store == {"sram_read": (1024, 32, additions), "sram_write": (1024, 32, additions)}
    assert hwsim.price(counts, "default_45nm").of("memory") > hwsim.price(count("rounding-adder")).of("memory")


def test_lanes_decide_how_often_inputs_are_read():
    narrow = hwsim.load_machine("rounding-adder").lanes
    narrow = narrow.model_copy(update={"dense": narrow.dense.model_copy(update={"channels": 2})})
    once, twice = count("rounding-adder"), count(changed("rounding-adder", lanes=narrow))

    def read(counts):
        return counts.total("memory", "sram_read", "dense") - weights(counts)

    def weights(counts):
        return sum(int(number.sum()) for key, number in counts.entries.items() if key.operation.memory == "weights")

    assert read(once) > 0
    assert read(twice) == 2 * read(once)  # 3 channels on 2 lanes are 2 passes
    assert weights(twice) == weights(once)
    assert twice.total("synapse") == once.total("synapse")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("word_length: 64", "word_length: {}"),
        ("channels: 256", "channels: {}"),
        ("positions: 1}", "positions: {}}}"),
        ("on_chip_limit: 8388608", "on_chip_limit: {}"),
        ("weights: {fit: network}", "weights: {{capacity: {}}}"),
        ("working_store: registers", "working_store: {}"),
        ("batch: 16", "batch: {}"),
    ],
)
@pytest.mark.parametrize("number", [0, -1, 2**63, 10**300])
def test_numbers_beyond_hardware_are_refused(tmp_path, before, after, number):
    text = catalogue.machine_path("mac-array-batch").read_text()
    assert before in text
    path = tmp_path / "machine.yaml"
    path.write_text(text.replace(before, after.format(number)))
    with pytest.raises(FileError) as caught:
        hwsim.load_machine(path)
    line = text[: text.index(before)].count("\n") + 1
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


def test_an_overhead_without_bound_is_refused(tmp_path):
    path = tmp_path / "machine.yaml"
    path.write_text(catalogue.machine_path("delta-mac").read_text() + "overhead: {low: 1, high: 1.0e+300}\n")
    with pytest.raises(FileError, match="high: expected a number less than or equal to 1000"):
        hwsim.load_machine(path)


def test_what_is_no_machine_at_all_is_refused():
    with pytest.raises(
        MachineError, match="machine None: write the name of a preset, the path of a file, or a Machine"
    ):
        hwsim.load_machine(None)


def test_a_sparse_machine_says_nothing_of_state():
    assert "state off chip" not in hwsim.load_machine("edge-npu-sparse").assumptions
