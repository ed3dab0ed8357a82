"""Counts against the scalar reference, which performs every operation that it counts, and against closed forms."""

import dataclasses

import numpy as np
import pytest
import reference
from against_reference import assert_same_counts, both, lanes_of
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from reference.storing import compressed, expanded
from strategies import convolutional_networks, inputs_for, networks, real_convolutional_networks, real_networks

import hwsim
from hwsim.activity.stored_rows import entries_of
from hwsim.errors import NetworkError
from hwsim.machine import Machine
from hwsim.network.number_format import BF16, FP16, FP32, FP64


@st.composite
def machines(draw):
    """A machine of any kind that there is, for the package and for the reference."""
    execution = draw(st.sampled_from(["dense", "sparse", "delta"]))
    word_length, lanes = draw(st.sampled_from([8, 32, 64])), draw(st.sampled_from([1, 2, 3, 256]))
    arithmetic = draw(st.sampled_from(["multiply", "unary", "shift-add", {"unary_up_to": 3}]))
    skips, gated = draw(st.booleans()), execution == "dense" and draw(st.booleans())
    batch = draw(st.sampled_from([1, 2, 4])) if execution == "dense" else 1
    bitmap, ideal = execution != "dense" and draw(st.booleans()), draw(st.integers(0, 3)) == 3
    kind = draw(st.sampled_from(["plain", "per-row", "compressed", "compressed per-row", "whole"]))
    run_bits = draw(st.integers(1, 5)) if "compressed" in kind else None
    base = hwsim.load_machine("mac-array").model_dump(by_alias=True, exclude_none=True)
    base |= {"name": "any", "execution": execution, "event_arithmetic": arithmetic, "skip_zero_weights": skips}
    base |= {"zero_operands": "gated" if gated else "executed", "batch": batch, "word_length": word_length}
    base |= {"reuse": "ideal" if ideal else "lanes", "events": "bitmap" if bitmap else "indexed"}
    base |= {"access": "per-row" if "per-row" in kind else "working-store"}
    base |= {"operations": "whole" if kind == "whole" else "elementary"}
    base |= {"weights": "compressed", "run_bits": run_bits} if run_bits else {}
    functions = draw(st.sampled_from(["by width", "unit", 2, 5, 16]))
    if functions != "by width":
        base |= {"functions": {"piecewise_linear": functions} if isinstance(functions, int) else functions}
    machine = Machine.model_validate(base)
    scalar = reference.Machine(
        execution=execution,
        arithmetic=arithmetic if isinstance(arithmetic, str) else "unary-up-to",
        largest_unary=3,
        gate_zero_inputs=gated,
        skip_zero_weights=skips,
        lanes=(lanes, 1),
        lanes_convolution=(lanes, lanes),
        word_length=word_length,
        run_bits=run_bits,
        bitmap=bitmap,
        per_row="per-row" in kind,
        ideal=ideal,
        batch=batch,
        functions=functions,
        whole=kind == "whole",
    )
    return machine.model_copy(update={"lanes": lanes_of(machine, lanes)}), scalar


@pytest.mark.plain
@pytest.mark.parametrize("made", [networks, convolutional_networks])
@pytest.mark.parametrize("machine", sorted(reference.PRESETS))
@examples(60)
@given(data=st.data())
def test_integer_networks_count_as_the_reference_performs(machine, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    word_length, lanes = data.draw(st.sampled_from([8, 32, 64])), data.draw(st.sampled_from([1, 2, 4, 256]))
    assert_same_counts(network, frames, *both(machine, word_length, lanes))


@pytest.mark.plain
@pytest.mark.parametrize("made", [networks, convolutional_networks])
@examples(150)
@given(data=st.data())
def test_any_machine_counts_as_the_reference_performs(made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    machine, scalar = data.draw(machines())
    threshold = data.draw(st.sampled_from([1, 2])) if machine.execution == "delta" else 1
    assert_same_counts(network, frames, machine, scalar, threshold)


REAL = sorted(set(reference.PRESETS) - {"rounding-adder", "sigma-delta-adder"})


@pytest.mark.parametrize("machine", REAL)
@pytest.mark.parametrize("made", [real_networks, real_convolutional_networks])
@examples(40)
@given(data=st.data())
def test_real_networks_count_as_the_reference_performs(machine, made, data):
    network = in_format(data.draw(made()), data.draw(st.sampled_from([FP32, FP16, BF16, FP64])))
    frames = data.draw(inputs_for(network))
    word_length, lanes = data.draw(st.sampled_from([8, 32, 64])), data.draw(st.sampled_from([1, 4]))
    assert_same_counts(network, frames, *both(machine, word_length, lanes))


def in_format(network, format):
    """A network whose real numbers have another format."""

    def changed(layer):
        if not isinstance(layer, hwsim.Dense | hwsim.Conv2d):
            return layer
        terms = (dataclasses.replace(term, format=format) if term.format.is_real else term for term in layer.terms)
        return dataclasses.replace(layer, terms=tuple(terms))

    read = format if network.input_format.is_real else network.input_format
    try:
        return dataclasses.replace(network, layers=tuple(map(changed, network.layers)), input_format=read)
    except NetworkError:  # a curve makes real numbers of codes, fp32 in any case, and wider weights read them
        return network


@pytest.mark.parametrize("machine", REAL)
def test_scales_of_real_weights_are_stored_where_the_layer_applies_them(machine):
    """Not by a quantizer behind a pool, to which numbers come with the scales in them, scales of 1 like any others."""
    weight = hwsim.Weight(np.ones((2, 1, 1, 1), np.int8), hwsim.NumberFormat.parse("ternary"), scale=np.ones(2))
    layers = (
        hwsim.Conv2d("conv2d", terms=(weight,)),
        hwsim.MaxPool2d("maxpool", kernel=(2, 2)),
        hwsim.Quantize("quantize", scale=16.0, bit_width=4),
        hwsim.Conv2d("last", terms=(hwsim.Weight(np.ones((1, 2, 1, 1), np.float32), FP32),)),
    )
    network = hwsim.Network("scales", (1, 2, 2), layers)
    frames = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
    assert_same_counts(network, frames, *both(machine, 8, 1))


def test_differences_of_sums_of_64_bits_have_64_bits():
    weight = hwsim.Weight(np.full((2, 2), 32767, np.int16), hwsim.NumberFormat("integer", 16))
    layers = tuple(hwsim.Dense(name, terms=(weight,)) for name in ("one", "two", "three"))
    network = hwsim.Network("wide", (2,), layers, input_format=hwsim.NumberFormat("integer", 8))
    assert network.signals["two"].format.bit_width == 64
    frames = np.array([[1, 2], [3, 2], [0, 0]], np.int8)
    assert_same_counts(network, frames, *both("delta-mac", 64, 4))


ZEROS = st.lists(st.sampled_from([0, 0, 0, 0, 1]), min_size=1, max_size=70)


@given(row=ZEROS, run_bits=st.integers(1, 8))
def test_entries_of_a_row_are_those_of_an_encoder_that_can_be_decoded(row, run_bits):
    entries = compressed(row, run_bits)
    assert expanded(entries, len(row)) == row
    assert all(0 <= skipped < 2**run_bits for skipped, _ in entries)
    assert entries_of(np.array([row]))[0, run_bits - 1] == len(entries)


# ------------------------------------------------------------------------------------------- codes of 0 and 1, frames


@pytest.mark.parametrize("preset", ["mac-array", "zero-skipping-mac", "delta-mac", "rounding-adder"])
@pytest.mark.parametrize("weight", ["int8", "fp32", "ternary", "po2-4"])
def test_codes_declared_0_or_1_are_added(preset, weight):
    term = hwsim.Weight(np.ones((4, 3), int), hwsim.NumberFormat.parse(weight))
    net = hwsim.Network(
        "flags",
        (4,),
        (hwsim.Dense("dense", terms=(term,)),),
        input_format=hwsim.NumberFormat("integer", 1, signed=False),
    )
    frames = np.array([[1, 0, 1, 0], [1, 1, 0, 0]], np.uint8)  # changes: 2, then one up and one down
    execution = hwsim.load_machine(preset).execution
    counts = hwsim.count(hwsim.simulate(net, frames, execution).activity, preset)
    met = {"dense": 4 + 4, "sparse": 2 + 2, "delta": 2 + 2}[execution]
    assert counts.total("synapse", "addition") == counts.total("synapse") == 3 * met
    assert counts.total(kind="conversion") == 0


def test_frames_that_something_is_done_to_are_written_before_a_dense_machine_reads_them():
    # 16 pixels of 8 bits are 2 words; as fp32 they are 8, read for every 16 of 40 channels
    convolution = hwsim.Conv2d(
        "conv", terms=(hwsim.Weight(np.ones((40, 1, 1, 1), np.float32), hwsim.NumberFormat("real", 32)),)
    )
    net = hwsim.Network("standardized", (1, 4, 4), (hwsim.Affine("affine", scale=0.5, offset=0.1), convolution))
    counts = hwsim.count(hwsim.simulate(net, np.ones((1, 1, 4, 4), np.uint8)).activity, "mac-array")
    moved = {
        (key.layer, key.operation.kind): int(number.sum())
        for key, number in counts.entries.items()
        if key.operation.memory == "activations"
    }
    del moved["conv", "sram_write"]  # outputs
    assert moved == {("input", "sram_read"): 2, ("input", "sram_write"): 8, ("conv", "sram_read"): 3 * 8}
