"""A machine whose arithmetic is narrow refuses the networks that are wider, by name."""

import numpy as np
import pytest
from complaint import complaint

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import BINARY, FP32, NumberFormat, integer

EXECUTIONS = ("dense", "sparse", "delta")


def network(event, weight):
    """Two layers of the same weight format, of which the first reads codes of one byte and is narrow enough."""
    first = hwsim.Dense("first", terms=(hwsim.Weight(np.eye(3, dtype=int), integer(4)),), accumulator=32)
    quantize = hwsim.Quantize("quantize", bit_width=event)
    code = np.eye(3, dtype=np.float32) if weight.is_real else np.ones((3, 2), int)
    second = hwsim.Dense("second", terms=(hwsim.Weight(code, weight),))
    return hwsim.Network("small", (3,), (first, quantize, second), input_format=integer(4))


def count(event, weight, execution, operands):
    machine = hwsim.load_machine({"dense": "mac-array", "sparse": "zero-skipping-mac", "delta": "delta-mac"}[execution])
    frames = np.array([[1, 0, 2], [1, 3, 0]], np.int8)
    activity = hwsim.simulate(network(event, weight), frames, execution).activity
    return hwsim.count(activity, machine.model_copy(update={"name": "narrow", "operands": operands}))


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize(
    ("event", "weight", "widest"),  # widest operand as codes; a difference of codes has one bit more
    [(8, integer(8), 8), (8, integer(4), 8), (6, integer(9), 9), (8, BINARY, 8), (5, NumberFormat.parse("po2-7"), 7)],
)
def test_numbers_as_wide_as_its_arithmetic_are_taken_and_a_bit_more_is_refused(execution, event, weight, widest):
    needed = max(event + (execution == "delta"), weight.bit_width)
    assert needed - widest in (0, 1)
    assert count(event, weight, execution, needed).total("synapse") > 0
    message = complaint(count, event, weight, execution, needed - 1, error=MachineError)
    shown = f"int{event + (execution == 'delta')}"
    for part in (
        "narrow",
        f"operands: {needed - 1}",
        "layer second of small",
        f"events of {shown}",
        f"weights of {weight}",
    ):
        assert part in message
    assert "hwsim convert int8" in message
    assert {"dense": "mac-array", "sparse": "zero-skipping-mac", "delta": "delta-mac"}[execution] in message


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_real_numbers_are_no_whole_ones_however_wide_its_arithmetic(execution):
    message = complaint(count, 8, FP32, execution, 64, error=MachineError)
    assert "weights of fp32" in message
    assert "layer second" in message


def test_events_that_are_real_are_refused_too():
    frames = np.array([[0.5, 1.0]], np.float32)
    weight = hwsim.Weight(np.ones((2, 2), int), integer(4))
    activity = hwsim.simulate(hwsim.Network("real", (2,), (hwsim.Dense("only", terms=(weight,)),)), frames).activity
    machine = hwsim.load_machine("mac-array")
    assert hwsim.count(activity, machine).total("synapse") > 0
    narrow = machine.model_copy(update={"operands": 9})
    assert "events of fp32 meet weights of int4" in complaint(hwsim.count, activity, narrow, error=MachineError)
