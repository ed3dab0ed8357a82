"""Functions of numbers on a machine: tables of codes, straight lines, units; by hand, and against the reference."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

import hwsim
from hwsim import (
    ELU,
    Affine,
    Dense,
    Divide,
    Flatten,
    MultiThreshold,
    Network,
    Quantize,
    ReLU,
    Sigmoid,
    Tanh,
    Weight,
)
from hwsim.activity import JoinActivity, NeuronWork
from hwsim.errors import HwsimError, MachineError
from hwsim.machine import Machine
from hwsim.network.layers import ElementWise, Layer
from hwsim.network.number_format import FP32, integer
from hwsim.network.operation import Operation
from hwsim.network.signals import real_signal
from hwsim.simulation.heads import Head, serves

INT8 = integer(8)
FRAME = np.array([[1, -2, 3]])


def machine(functions=None, base="mac-array"):
    fields = hwsim.load_machine(base).model_dump(by_alias=True, exclude_none=True)
    return Machine.model_validate({**fields, "name": "own", **({"functions": functions} if functions else {})})


def dense(name="dense", n=3, accumulator=None, format=INT8):
    dtype = np.float32 if format.is_real else np.int64
    return Dense(name, terms=(Weight(np.eye(n, dtype=dtype), format),), accumulator=accumulator)


def counted(*layers, functions=None, format=INT8, frames=FRAME):
    frames = frames.astype(np.float32) if format.is_real else frames
    network = Network("functions", frames.shape[1:], layers, format)
    return hwsim.count(hwsim.simulate(network, frames).activity, machine(functions))


def in_neurons(counts, layer="dense"):
    """(operation, formats) or (operation, memory, operand, capacity [bytes], word length [bits]), how often."""
    found = {}
    for key, number in counts.entries.items():
        if (key.layer, key.phase) == (layer, "neuron"):
            kind, format, *memory = key.operation
            name = (kind, *format) if format else (kind, memory[0], memory[3], memory[1], memory[2])
            found[name] = int(number.sum())
    return found


def read(capacity, bits):
    return "sram_read", "functions", "functions", capacity, bits


CODE = Quantize("code", scale=2.0, bit_width=8)  # of whole numbers: one shift
SHIFT = {("constant_shift", "int16"): 3}


# ---------------------------------------------------------------------------------------------- tables, by hand


@pytest.mark.parametrize(
    ("n_in", "n_out", "capacity"),
    [(8, 8, 256), (8, 4, 128), (4, 8, 16), (8, 5, 256), (12, 16, 8192), (1, 2, 1), (2, 3, 2)],
)
def test_a_function_between_quantizers_is_one_read(n_in, n_out, capacity):
    layers = (dense(), dataclasses.replace(CODE, bit_width=n_in), Sigmoid("curve"), Quantize("next", bit_width=n_out))
    counts = counted(*layers)
    assert in_neurons(counts) == {**SHIFT, read(capacity, n_out): 3}
    assert [table.capacity for table in counts.tables] == [capacity]


@pytest.mark.parametrize("between", [(), (ReLU("r"),), (Affine("a", scale=2.0, offset=1.0), Flatten("f"), ReLU("r"))])
@pytest.mark.parametrize("curve", [Sigmoid("curve"), Tanh("curve"), ELU("curve", alpha=0.5)])
def test_all_up_to_the_next_code_is_in_the_table(curve, between):
    counts = counted(dense(), CODE, curve, *between, Quantize("next", scale=7.0, bit_width=6), dense("last"))
    assert in_neurons(counts) == {**SHIFT, read(256, 6): 3}
    thresholds = MultiThreshold("next", thresholds=[[0.1, 0.2, 0.4]])  # codes 0 to 3
    assert in_neurons(counted(dense(), CODE, curve, *between, thresholds, dense("last")))[read(64, 2)] == 3


def test_where_no_code_follows_the_table_holds_real_numbers():
    counts = counted(dense(), CODE, Tanh("curve"), ReLU("relu"))
    assert in_neurons(counts) == {**SHIFT, read(1024, 32): 3, ("comparison", "fp32"): 3}


def test_each_channel_with_numbers_of_its_own_is_a_function_of_its_own():
    by_channel = np.array([10.0, 20.0, 30.0])
    layers = (dense(), CODE, Sigmoid("curve"), Quantize("next", scale=by_channel))
    counts = counted(*layers)
    assert in_neurons(counts) == {**SHIFT, read(1024, 8): 3}  # 3 times 256 bytes
    # the multipliers are in the tables, and nobody reads them beside
    assert counts.total("memory") == counted(*layers[:3], Quantize("next", scale=10.0)).total("memory")
    counts = counted(dense(), Quantize("code", scale=1 / by_channel), Sigmoid("curve"), Quantize("next"))
    assert in_neurons(counts)[read(1024, 8)] == 3


def test_frames_that_arrive_as_codes_are_looked_up_too():
    counts = counted(Sigmoid("curve"), Quantize("next", scale=100.0), dense())
    (operation,) = (key.operation for key in counts.entries if key.phase == "encode")
    assert operation == Operation("sram_read", (), "functions", 256, 8, "functions")


def test_one_table_for_each_distinct_function():
    def tables(*curves, second=2.0, scale=1.0):
        """The first from codes of step 1/2, the second from codes of such a scale; both to codes of step 1 or so."""
        layers = (dense("a"), CODE, curves[0], Quantize("b", scale=scale))
        layers += (dense("c"), Quantize("d", scale=second), *curves[1:], Quantize("e", scale=1.0))
        return len(counted(*layers).tables)

    assert tables(Sigmoid("one")) == 1
    assert tables(Sigmoid("one"), Sigmoid("two")) == 1
    assert tables(Sigmoid("one"), Sigmoid("two"), scale=9.0) == 2  # to other codes
    assert tables(Sigmoid("one"), Sigmoid("two"), second=4.0) == 2  # from other codes
    assert tables(Sigmoid("one"), Tanh("two")) == 2
    assert tables(ELU("one"), ELU("two", alpha=0.5)) == 2


def test_every_table_leaks_by_itself():
    def leaks(*curves):
        layers = (dense(),)
        for k, curve in enumerate(curves):
            layers += (dataclasses.replace(CODE, name=f"code {k}"), curve)
            layers += (Quantize(f"next {k}", scale=100.0, bit_width=32), dense(f"dense {k}", accumulator=64))
        energy = hwsim.price(counted(*layers), "default_45nm")
        return [leak for leak in energy.leaks if leak.key.operation.memory == "functions"]

    alone, both_of_them = leaks(Sigmoid("one")), leaks(Sigmoid("one"), Tanh("two"))
    assert [each.key.operation.capacity for each in both_of_them] == [1024, 1024]
    assert sum(each.power.energy for each in both_of_them) == pytest.approx(2 * alone[0].power.energy)
    assert alone[0].power.energy > 0


# ------------------------------------------------------------------------------------------------ lines, by hand


def lines(format, n_comparison, n=3):
    return {("comparison", format): n * n_comparison, ("multiplication", format, format): n, ("addition", format): n}


N_COMPARISON = {2: 1, 3: 2, 4: 2, 5: 3, 16: 4, 17: 5, 1000: 10}


@pytest.mark.parametrize(
    ("functions", "n_comparison"),
    [
        (None, 4),
        ("lookup", 4),
        ("piecewise-linear", 4),
        *(({"piecewise_linear": n}, n_comparison) for n, n_comparison in N_COMPARISON.items()),
    ],
)
def test_real_numbers_are_on_lines(functions, n_comparison):
    counts = counted(dense(format=FP32), Tanh("curve"), functions=functions, format=FP32)
    assert in_neurons(counts) == lines("fp32", n_comparison)
    assert counts.tables == ()


AFTERWARDS = {("multiplication", "fp32", "fp32"): 3, ("constant_shift", "fp32"): 3}
"""On lines a function makes real numbers, which are then quantized."""


@pytest.mark.parametrize(("bit_width", "is_table"), [(12, True), (13, False)])
def test_codes_of_more_than_12_bits_are_on_lines(bit_width, is_table):
    counts = counted(dense(), dataclasses.replace(CODE, bit_width=bit_width), Sigmoid("curve"), Quantize("next"))
    assert in_neurons(counts) == SHIFT | ({read(4096, 8): 3} if is_table else {**lines("int13", 4), **AFTERWARDS})


def test_sums_are_on_lines_and_narrow_sums_in_tables():
    layers = (dense(accumulator=24), Sigmoid("curve"), Quantize("next"))
    assert in_neurons(counted(*layers)) == {**lines("int24", 4), **AFTERWARDS}
    layers = (dense(format=integer(4)), *layers[1:])  # sums of 4 bits, in 8
    assert in_neurons(counted(*layers, format=integer(4))) == {read(256, 8): 3}


def test_a_machine_may_ask_for_tables_of_wider_codes_or_for_lines_of_narrow_ones():
    layers = (dense(), dataclasses.replace(CODE, bit_width=14), Sigmoid("curve"), Quantize("next"))
    assert in_neurons(counted(*layers, functions="lookup")) == {**SHIFT, read(2**14, 8): 3}
    layers = (dense(), CODE, Sigmoid("curve"), Quantize("next"))
    found = in_neurons(counted(*layers, functions={"piecewise_linear": 4}))
    assert found == {**SHIFT, **lines("int8", 2), **AFTERWARDS}


def test_a_table_too_wide_is_refused_in_one_line():
    with pytest.raises(MachineError, match=r"own: layer curve: a table of sigmoid for int32 has 2\^32 entr") as caught:
        counted(dense(accumulator=32), Sigmoid("curve"), Quantize("next"), functions="lookup")
    assert "at most 24 bits; quantize before it, or write functions: piecewise-linear" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_machine_with_units_keeps_the_operations():
    counts = counted(dense(), CODE, Sigmoid("curve"), Quantize("next"), functions="unit")
    assert in_neurons(counts) == {**SHIFT, ("sigmoid", "int8"): 3, **AFTERWARDS}
    with pytest.raises(HwsimError, match="no price for sigmoid int8"):
        hwsim.price(counts, "default_45nm")


def test_whole_operations_hold_the_functions_of_their_neurons():
    network = Network("functions", (3,), (dense(), CODE, Sigmoid("curve"), Quantize("next")), INT8)
    counts = hwsim.count(hwsim.simulate(network, FRAME, "delta").activity, "neuromorphic-per-synapse")
    assert {key.operation.kind for key in counts.entries if key.phase == "neuron"} == {"neuron_update"}
    assert (counts.tables, [note for note in counts.notes if "function" in note]) == ((), [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("luck", "functions"),
        ("{piecewise_linear: 1}", r"functions.*piecewise_linear.*2"),
        ("{lines: 4}", r"functions.*lines"),
    ],
)
def test_what_no_machine_does(said, expected, tmp_path):
    path = tmp_path / "own.yaml"
    preset = hwsim.load_machine("mac-array").model_dump_json(by_alias=True, exclude_none=True)
    path.write_text(f'{preset[:-1]}, "functions": {said}}}')
    with pytest.raises(HwsimError, match=expected) as caught:
        hwsim.load_machine(path)
    assert "own.yaml" in str(caught.value)


def test_results_say_how_functions_were_carried_out():
    notes = counted(dense(), CODE, Sigmoid("curve"), Quantize("next"), dense("last"), Tanh("real")).notes
    assert "functions of codes: 1 in tables of their own, each with all up to the next code" in notes
    counts = counted(dense(format=FP32), Tanh("real"), functions={"piecewise_linear": 8}, format=FP32)
    assert "functions: 8 straight lines for what is in no table" in counts.notes
    assert not [note for note in counted(dense(), CODE).notes if "function" in note]


# ---------------------------------------------------------------------------------------------------- quotients


def quotient(functions):
    layers = (dense(format=FP32), Divide("quotient", ("input", "dense")))
    return in_neurons(counted(*layers, functions=functions, format=FP32), "quotient")


def test_a_quotient_is_a_product_with_a_reciprocal():
    expected = lines("fp32", 4)
    expected["multiplication", "fp32", "fp32"] += 3
    assert quotient(None) == expected
    assert quotient("unit") == {("division", "fp32"): 3}


# ----------------------------------------------------------------------------------------- layers of one's own


@dataclass(frozen=True, eq=False)
class Swish(ElementWise):
    """x times the sigmoid of x."""

    def signal(self, *source):
        return real_signal(*source)

    def apply(self, value):
        return value / (1 + np.exp(-value))

    def work(self, read, place):
        multiplied = Operation.of("multiplication", read.format, read.format)
        return (NeuronWork(self.name, ((Operation.of("look_up", read.format), 1), (multiplied, 1))),)


@dataclass(frozen=True, eq=False)
class Halves(Layer):
    """The first half of a vector by the second, in codes."""

    def signal(self, *source):
        return dataclasses.replace(source[0], shape=(source[0].size // 2,))


@serves(Halves)
class HalvesHead(Head):
    def run(self, sources, frames, worker):
        codes = sources[0].codes[1:, : 2 * self.n_neuron]
        return codes[:, : self.n_neuron] // np.maximum(codes[:, self.n_neuron :], 1)

    def joins(self, notes):
        touched, _ = self.touched(notes)
        read = self.reads[0].format
        return (
            JoinActivity(self.name, (Operation.of("division", read), Operation("quirk", ("int8",))), read, touched),
        )


def test_a_function_of_ones_own_is_looked_up_with_all_that_it_does():
    counts = counted(dense(), CODE, Swish("swish"), Quantize("next", bit_width=4))
    assert in_neurons(counts) == {**SHIFT, read(128, 4): 3}
    expected = lines("fp32", 4)
    expected["multiplication", "fp32", "fp32"] += 3
    assert in_neurons(counted(dense(format=FP32), Swish("swish"), format=FP32)) == expected


def test_a_quotient_of_codes_reads_a_reciprocal_and_work_of_ones_own_is_counted_as_it_is():
    counts = counted(Halves("halves"), frames=np.array([[6, 8, 2, 4]]))
    assert in_neurons(counts, "halves") == {
        read(256, 8): 2, ("multiplication", "int8", "int8"): 2, ("quirk", "int8"): 2,
    }  # fmt: skip
