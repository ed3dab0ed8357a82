"""Counts are 64-bit integers that never wrap: a run that could make one too large is refused before it runs."""

import re

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim import Dense, Network, Weight
from hwsim.counting.counts import Counts, Key
from hwsim.errors import MachineError, NetworkError
from hwsim.network.layers import Conv2d, Quantize, ReLU
from hwsim.network.number_format import integer
from hwsim.network.operation import Operation
from hwsim.simulation.count_bound import check_counts, most_counted
from hwsim.simulation.plan import prepare

EXECUTIONS = ("dense", "sparse", "delta")
MOST = 2**63 - 1


def of_one_layer(bit_width, n_in=4, n_out=8):
    layer = Dense("first", terms=Weight(np.ones((n_in, n_out), np.int64), format=integer(8)))
    return Network("wide", (n_in,), (layer,), integer(bit_width))


def adding(execution):
    """A machine that adds once for each unit of an event."""
    return hwsim.load_machine("rounding-adder").model_copy(update={"name": "adder", "execution": execution})


def refused(network, data, execution):
    with pytest.raises(NetworkError) as caught:
        hwsim.simulate(network, data, execution)
    return str(caught.value)


@pytest.mark.parametrize("execution", ["dense", "sparse"])
def test_just_what_fits_is_counted_to_the_last_addition(execution):
    # 30 frames of 32 synapses at |s| = 2^57 - 1 would be 1.4e20 additions; one at 2^57 - 1 is 32 (2^57 - 1)
    network, largest = of_one_layer(58), 2**57 - 1
    one = hwsim.simulate(network, np.full((1, 4), largest), execution)
    counted = hwsim.count(one.activity, adding(execution))
    assert counted.total("synapse", "addition") == 32 * largest
    assert all(int(number.min()) >= 0 for number in counted.entries.values())
    message = refused(network, np.full((30, 4), largest), execution)
    # the lowest code, -2^57, is the largest in magnitude: 2^63 / (32 x 2^57) = 2 frames are one too many
    assert message == (
        "network wide on array: layer first could execute 1.4e+20 operations (frames x synapses x |s|, 30 frames, "
        "events |s| up to 144,115,188,075,855,872), and counts have 64 bits; give it at most 1 frame, or quantize what "
        "the layer reads to fewer bits"
    )
    assert "at most 1 frame" in refused(network, np.zeros((2, 4), np.int64), execution)


def test_differences_are_twice_as_wide():
    network = of_one_layer(58)
    hwsim.simulate(network, np.zeros((1, 4), np.int64), "sparse")  # 32 x 2^57 = 2^62
    message = refused(network, np.zeros((1, 4), np.int64), "delta")  # 32 x (2^58 - 1), and the words besides
    assert "events |s| up to 288,230,376,151,711,743" in message
    assert message.endswith("and counts have 64 bits; quantize what the layer reads to fewer bits")
    hwsim.simulate(of_one_layer(57), np.zeros((1, 4), np.int64), "delta")


def stacked(*bit_width):
    """Dense layers of 16 synapses, each reading codes of so many bits."""
    layers = []
    for k, bits in enumerate(bit_width):
        if k:
            layers.append(Quantize(f"codes{k}", bit_width=bits))
        layers.append(Dense(f"dense{k}", terms=Weight(np.ones((4, 4), np.int64), format=integer(2))))
    network = Network("net", (4,), tuple(layers), integer(bit_width[0]))
    return prepare(network, network.input_format, network.input_step)


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_the_layer_is_named_that_counts_most(execution):
    plans = stacked(8, 32, 16)
    largest = 2**31 if execution != "delta" else 2**32 - 1
    n_frame = MOST // (16 * largest)
    check_counts(plans, hwsim.Execution(execution), n_frame - n_frame // 1000, "net on data")
    with pytest.raises(NetworkError, match=rf"^net on data: layer dense1 could .* events \|s\| up to {largest:,}\)"):
        check_counts(plans, hwsim.Execution(execution), n_frame + 1, "net on data")


def test_layers_that_fit_alone_are_refused_where_their_sum_does_not():
    n_frame = MOST // (16 * 2**31) * 2 // 3  # each of the two fills two thirds of 64 bits
    check_counts(stacked(8, 32, 8), hwsim.Execution("dense"), n_frame, "net on data")
    with pytest.raises(NetworkError, match=r"layer dense1 could .* operations, and the other layers as much again,"):
        check_counts(stacked(8, 32, 32), hwsim.Execution("dense"), n_frame, "net on data")


def test_weights_of_one_addition_are_never_multiplied_by_the_code():
    code = np.ones((4, 8), np.int64)
    for kind in ("binary", "ternary", "po2-4"):
        layer = Dense("first", terms=Weight(code, format=hwsim.NumberFormat.parse(kind)))
        network = Network("net", (4,), (layer,), integer(58))
        run = hwsim.simulate(network, np.full((300, 4), 2**57 - 1), "sparse")
        assert hwsim.count(run.activity, adding("sparse")).total("synapse", "addition") == 300 * 32


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_ordinary_networks_are_never_refused(execution):
    """Eight bits, a layer of more synapses than the largest of a large image network has, for a thousand epochs."""
    weight = np.ones((64, 64, 7, 7), np.int8)
    layer = Conv2d("conv", terms=Weight(weight, format=integer(8)), padding=3)
    network = Network("net", (64, 16, 16), (layer, ReLU("relu")), integer(8, signed=False))
    plans = prepare(network, network.input_format, network.input_step)
    # 64 x 64 x 49 taps on 256 positions are 51 M synapses; 1.28 M images of a thousand epochs
    check_counts(plans, hwsim.Execution(execution), 1_280_000_000 // 2, "net on data")


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_the_most_that_is_let_through_is_counted_right_by_every_machine(execution):
    """Every count of every preset is what it is for few frames times more frames, in Python's own integers."""
    network = of_one_layer(40, n_in=3, n_out=5)
    lowest = -(2**39)
    frames = np.array([[lowest, 2**39 - 1, 1], [2**39 - 1, lowest, -1]] * 2)
    run = hwsim.simulate(network, frames, execution)
    events = {"dense": frames, "sparse": frames, "delta": np.diff(frames, axis=0, prepend=0)}[execution]
    expected = 5 * sum(abs(int(each)) for each in events.ravel())
    assert hwsim.count(run.activity, adding(execution)).total("synapse", "addition") == expected
    digits = sum(len(signed_digits(abs(int(each)))) for each in events.ravel())
    shifting = adding(execution).model_copy(update={"event_arithmetic": "shift-add"})
    assert hwsim.count(run.activity, shifting).total("synapse", "variable_shift") == 5 * digits


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(25)
@given(drawn=st.data())
def test_no_machine_counts_more_than_is_planned_with(execution, drawn):
    network = drawn.draw(strategies.convolutional_networks() | strategies.networks())
    frames = drawn.draw(strategies.inputs_for(network))
    plans = prepare(network, network.input_format, network.input_step)
    most = {plan.name: len(frames) * most_counted(plan, hwsim.Execution(execution)) for plan in plans if plan.head}
    activity = hwsim.simulate(network, hwsim.Dataset(frames, step=network.input_step), execution).activity
    bit = {"name": "bit", "word_length": 1, "execution": execution}
    per_row = hwsim.load_machine("neuromorphic-core").model_copy(update={**bit, "event_arithmetic": "unary"})
    for machine in (adding(execution).model_copy(update=bit), per_row):
        totals = {}
        for key, number in hwsim.count(activity, machine).entries.items():
            totals[key.layer, key.operation.kind] = totals.get((key.layer, key.operation.kind), 0) + int(number.sum())
        for (layer, kind), number in totals.items():
            assert number <= most.get(layer, number), (layer, kind, machine.name)


def signed_digits(number):
    """Places of the non-zero digits of the canonical signed-digit form, one after the other from the right."""
    places = []
    place = 0
    while number:
        if number % 2:
            digit = 2 - number % 4
            number -= digit
            places.append(place)
        number //= 2
        place += 1
    return places


@pytest.mark.parametrize("magnitude", [2**62 + 1, 2**62 + 2**61 + 5, 3 * 2**61 + 7, 2**63 - 1, 5 * 2**60 + 3])
def test_signed_digits_of_the_largest_codes(magnitude):
    from hwsim.traffic.arithmetic import signed_digits as counted

    assert counted(np.array([magnitude]))[0] == len(signed_digits(magnitude))


def test_counts_are_not_scaled_out_of_64_bits():
    key = Key("first", "synapse", Operation("addition", ("int8",)))
    counts = Counts({key: np.array([1, 2**40])}, ("first", "steady"), np.array([1, 1]))
    assert counts.scaled(2**22).total() == 2**22 + 2**62
    with pytest.raises(MachineError, match=re.escape("layer first: 1,099,511,627,777 additions times 8,388,608")):
        counts.scaled(2**23)
