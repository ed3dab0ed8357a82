"""Where weights, events and accumulators live, and how often they are read: options beside the presets' own."""

import dataclasses

import numpy as np
import pytest

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer

INT8 = integer(8)
FRAMES = np.array([[3, 2, 0, 1], [3, 2, 0, 1], [0, 2, 0, -2]], np.int8)


def network(weight):
    dense = hwsim.Dense("dense", terms=(hwsim.Weight(np.asarray(weight), INT8),), accumulator=32)
    return hwsim.Network("by hand", (len(weight),), (dense,), input_format=INT8)


def changed(preset, **update):
    return hwsim.load_machine(preset).model_copy(update=update)


def count(machine, net, frames=FRAMES, **options):
    machine = hwsim.load_machine(machine)
    return hwsim.count(hwsim.simulate(net, frames, machine.execution, **options).activity, machine)


def words(counts, memory, way="read", layer=None):
    """Words of each group of frames."""
    found = [
        number
        for key, number in counts.entries.items()
        if key.operation.memory == memory and key.operation.kind.endswith(way) and layer in (None, key.layer)
    ]
    return np.sum(found, axis=0).tolist() if found else [0] * len(counts.groups)


FULL = network(np.ones((4, 3), int))


# ------------------------------------------------------------------------------------------------------- bitmaps


@pytest.mark.parametrize(("preset", "value"), [("rounding-adder", 8), ("sigma-delta-adder", 9)])
def test_a_bitmap_is_a_bit_for_each_code_and_the_values(preset, value):
    one_bit = {"word_length": 1}
    counts = count(changed(preset, events="bitmap", **one_bit), FULL, per_frame=True)
    n_event = [3, 3, 2] if preset == "rounding-adder" else [3, 0, 2]
    assert words(counts, "activations", "write", "input") == [4 + n * value for n in n_event]
    assert words(counts, "activations", "read", "dense") == [4 + n * value for n in n_event]
    indexed = count(changed(preset, **one_bit), FULL, per_frame=True)
    assert words(indexed, "activations", "write", "input") == [n * (value + 2) for n in n_event]


def test_a_bitmap_changes_nothing_but_events():
    indexed, bitmap = (count(changed("delta-mac", events=how), FULL) for how in ("indexed", "bitmap"))
    assert {key.operation.memory for key in indexed.entries.keys() ^ bitmap.entries.keys()} <= {"activations"}
    for key in indexed.entries.keys() & bitmap.entries.keys():
        if key.operation.memory != "activations":
            assert np.array_equal(indexed.entries[key], bitmap.entries[key])


# ---------------------------------------------------------------------------------------------------- compression


@pytest.mark.parametrize(
    ("run_bits", "entries"),
    # 9 zeros before the last weight: padding takes in 2, 4, 8, 16 of them each
    [(1, 1 + 1 + 4), (2, 1 + 1 + 2), (3, 1 + 1 + 1), (4, 1 + 1), (8, 1 + 1)],
)
def test_a_run_longer_than_its_bits_can_say_is_padded(run_bits, entries):
    row = np.zeros((1, 14), int)
    row[0, [0, 10]] = 3, -4  # three zeros behind the last weight are not stored
    machine = changed("eie-like", run_bits=run_bits, word_length=1)
    counts = count(machine, network(row), np.array([[7]], np.int8))
    pointers = 2
    assert words(counts, "weights") == [entries * (8 + run_bits) + pointers, 0]


def test_compression_pays_only_where_there_are_zeros():
    generator = np.random.default_rng(0)
    frames = generator.integers(1, 8, (5, 64)).astype(np.int8)

    def weights(density, machine):
        weight = generator.integers(1, 8, (64, 128)) * (generator.random((64, 128)) < density)
        return sum(words(count(machine, network(weight), frames), "weights"))

    assert weights(1.0, "eie-like") > weights(1.0, "zero-skipping-mac")  # 12 bits for 8, and pointers
    assert weights(0.1, "eie-like") < weights(0.1, "zero-skipping-mac") / 2


def test_compressed_weights_need_memory_for_what_is_stored():
    row = np.zeros((8, 512), int)
    row[:, 0] = 1
    for preset, capacity in (("zero-skipping-mac", 8 * 512), ("eie-like", 16 + 9 * 4)):
        counts = count(preset, network(row), np.ones((1, 8), np.int8))
        (found,) = {key.operation.capacity for key in counts.entries if key.operation.memory == "weights"}
        assert found // 2 < capacity <= found


# ---------------------------------------------------------------------------------------------------------- batch


@pytest.mark.parametrize(("batch", "loads"), [(1, [1, 1, 1]), (2, [1, 0, 1]), (3, [1, 0, 0]), (16, [1, 0, 0])])
def test_the_first_frame_of_a_batch_reads_the_weights(batch, loads):
    machine, bias = changed("mac-array", batch=batch), 2  # words of 3 biases, for every frame
    (dense,) = FULL.layers
    biased = dataclasses.replace(FULL, layers=(dataclasses.replace(dense, bias=np.array([1, 2, 3])),))
    counts = count(machine, biased, per_frame=True)
    assert words(counts, "weights") == [4 * load + bias for load in loads]
    (addresses,) = (number for key, number in counts.entries.items() if key.operation.format == ("int16",))
    assert addresses.tolist() == [4 * load for load in loads]
    together = count(machine, biased)
    assert words(together, "weights") == [4 + bias, sum(4 * load + bias for load in loads[1:])]
    if batch > 1:
        assert any(f"batch {batch}" in note for note in counts.notes)


def test_a_batch_changes_nothing_but_weights_and_capacities():
    one, many = (count(changed("mac-array", batch=batch), FULL) for batch in (1, 4))
    assert one.total("synapse") == many.total("synapse")
    assert words(one, "activations", "write") == words(many, "activations", "write")
    capacity = {
        each: {key.operation.capacity for key in counts.entries if key.operation.kind == "sram_write"}
        for each, counts in ((1, one), (4, many))
    }
    assert capacity == {1: {16}, 4: {64}}  # outputs of 3 x 4 bytes; of four frames


def test_a_batch_of_another_execution_is_refused():
    with pytest.raises(
        MachineError, match=r"zero-skipping-mac: batch 4 needs a dense execution.*sparse: write batch: 1"
    ):
        count(changed("zero-skipping-mac", batch=4), FULL)


# ------------------------------------------------------------------------------------------------ accumulators, DRAM


def test_accumulators_in_sram_are_kept_whatever_the_execution():
    for execution, codes in (("sparse", 0), ("delta", 4)):
        counts = count(changed("neuromorphic-core", execution=execution), FULL)
        (capacity,) = {key.operation.capacity for key in counts.entries if key.operation.memory == "state"}
        assert capacity // 2 < 3 * 4 + codes <= capacity  # three accumulators, the last codes of four inputs
        assert counts.total(kind="register_update") == 0


def test_weights_off_chip_are_read_from_dram_however_small():
    counts, on_chip = count("mac-array-dram", FULL), count("mac-array", FULL)
    assert counts.words() == on_chip.words()
    assert counts.total(kind="dram_read") == sum(words(on_chip, "weights")) > 0
    assert counts.total(kind="dram_write") == on_chip.total(kind="dram_read") == 0
    energy = hwsim.price(counts, "default_45nm")
    assert energy.of(kind="dram_read") > 10 * hwsim.price(on_chip, "default_45nm").of("memory")


def test_what_is_off_chip_needs_no_permission_of_the_limit():
    machine = changed("mac-array-dram", on_chip_limit=1 << 20, off_chip=None)
    assert count(machine, FULL).total(kind="dram_read") > 0


# ------------------------------------------------------------------------------------------------------ ideal reuse


def test_ideal_reuse_is_labelled_wherever_it_goes():
    counts = count("ideal-reuse", FULL)
    assert any("lower bound" in note for note in counts.notes)
    assert any("lower bound" in note for note in hwsim.price(counts).notes)
    assert "lower bound" in hwsim.load_machine("ideal-reuse").description


def test_ideal_reuse_reads_a_code_once_for_all_its_readers():
    def dense(name, reads):
        return hwsim.Dense(name, (reads,), terms=(hwsim.Weight(np.ones((4, 300), int), INT8),), accumulator=32)

    layers = (dense("one", "input"), dense("two", "input"), hwsim.Add("sum", ("one", "two")))
    net = hwsim.Network("branches", (4,), layers, input_format=INT8)
    # 300 channels are two passes over 256 lanes; the raw frame is the first reader's first
    reads = {
        preset: sum(words(count(preset, net), "activations", "read", layer)[0] for layer in ("input", "one", "two"))
        for preset in ("mac-array", "ideal-reuse")
    }
    assert reads == {"mac-array": 2 + 2, "ideal-reuse": 1}


def test_rows_of_an_activity_are_those_of_its_weights():
    run = hwsim.simulate(network([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0]]), FRAMES, "sparse")
    (connection,) = run.activity.connections
    assert connection.rows_stored.n_row == 4
    assert connection.rows_stored.n_entry.tolist() == [2 + 3 + 0 + 1, *[1 + 3 + 0 + 1] * 7]
    assert connection.rows_read.entries(4, 1).tolist() == [1 + 3 + 1, 1 + 3 + 1, 3 + 1]
    assert dataclasses.is_dataclass(connection.rows_read)
