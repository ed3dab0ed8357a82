"""What must hold between machines, so that a comparison of them says what it seems to say."""

import dataclasses

import numpy as np
from against_reference import dataset_of
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from strategies import convolutional_networks, inputs_for, networks

import hwsim
from hwsim.files import catalogue
from hwsim.network.number_format import integer

INT8 = integer(8)
# their names say that they read other words of weights than the rest: without zeros, once, for a batch, or none
OTHERS = ("eie-like", "ideal-reuse", "mac-array-batch", "neuromorphic-per-synapse")
WITH_LANES = [name for name in catalogue.machine_names() if hwsim.load_machine(name).memories is not None]
ALIKE = sorted(set(WITH_LANES) - set(OTHERS))


def count(network, frames, machine, **options):
    machine = hwsim.load_machine(machine)
    return hwsim.count(hwsim.simulate(network, frames, machine.execution, **options).activity, machine)


def weight_words(counts):
    return sum(int(number.sum()) for key, number in counts.entries.items() if key.operation.memory == "weights")


@st.composite
def dense_layers(draw):
    n_in, n_out = draw(st.integers(1, 40)), draw(st.integers(1, 300))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    weight = generator.integers(-3, 4, (n_in, n_out))
    layer = hwsim.Dense("dense", terms=(hwsim.Weight(weight, INT8),))
    return hwsim.Network("drawn", (n_in,), (layer,), input_format=INT8), generator


@examples(25)
@given(drawn=dense_layers())
def test_with_every_input_at_work_all_machines_read_the_same_weights(drawn):
    network, generator = drawn
    # one frame, because under delta an input is at work when it has changed
    frames = generator.integers(1, 100, (1, *network.input_shape)).astype(np.int8)
    by_machine = {machine: weight_words(count(network, frames, machine)) for machine in ALIKE}
    assert len(set(by_machine.values())) == 1, by_machine
    assert weight_words(count(network, frames, "ideal-reuse")) == by_machine["mac-array"]  # nothing to reuse here


@examples(25)
@given(drawn=dense_layers())
def test_all_machines_write_the_same_outputs(drawn):
    network, generator = drawn
    frames = generator.integers(1, 100, (1, *network.input_shape)).astype(np.int8)
    outputs = set()
    for machine in WITH_LANES:
        counts = count(network, frames, machine)
        outputs.add(
            sum(
                int(number.sum())
                for key, number in counts.entries.items()
                if (key.layer, key.operation.memory, key.operation.kind) == ("dense", "activations", "sram_write")
            )
        )
    assert len(outputs) == 1


@examples(25)
@given(data=st.data())
def test_each_machine_of_a_pair_costs_more_only_where_its_name_says(data):
    network = data.draw(st.one_of(networks(), convolutional_networks()))
    frames = dataset_of(network, data.draw(inputs_for(network, max_frame=3)))

    def apart(one, other):
        """Phases and memories in which two machines count differently."""
        left, right = (
            {key: number.tolist() for key, number in count(network, frames, machine).entries.items()}
            for machine in (one, other)
        )
        return {
            (key.phase, key.operation.memory or key.operation.kind)
            for key in left.keys() | right.keys()
            if left.get(key) != right.get(key)
        }

    assert apart("eie-like", "zero-skipping-mac") <= {("memory", "weights")}
    assert apart("mac-array-dram", "mac-array") <= {("memory", "weights")}
    assert apart("mac-array-batch", "mac-array") <= {
        ("memory", "weights"),
        ("memory", "addition"),
        ("memory", "activations"),  # of the same words, in memories for 16 frames
    }
    assert apart("neuromorphic-core", "sigma-delta-adder") <= {
        ("memory", "state"),
        ("memory", "register_update"),
        ("memory", "addition"),
    }
    assert apart("ideal-reuse", "mac-array") <= {
        ("memory", "weights"),
        ("memory", "activations"),
        ("memory", "addition"),
    }


# ------------------------------------------------------------------------------------------- delta on single frames


def independent(frames):
    """Each frame a stream of its own: nothing carries over."""
    return dataclasses.replace(frames, stream_start=np.arange(len(frames) + 1))


@examples(25)
@given(data=st.data())
def test_on_frames_by_themselves_delta_has_nothing_to_win(data):
    network = data.draw(st.one_of(networks(), convolutional_networks()))
    frames = independent(dataset_of(network, data.draw(inputs_for(network))))
    sparse, delta = (count(network, frames, machine) for machine in ("zero-skipping-mac", "delta-mac"))
    for layer in {key.layer for key in sparse.entries}:
        for kind in ("addition", "multiplication"):  # the difference of binary codes is an integer: no XNOR any more
            # the same events, met in the same way
            assert delta.total("synapse", kind, layer) == sparse.total("synapse", kind, layer)
    assert delta.total("encode", "addition") >= sparse.total("encode", "addition")
    assert delta.total("neuron", "addition") >= sparse.total("neuron", "addition")
    assert weight_words(delta) == weight_words(sparse)  # every frame is first: the bias is read each time
    assert delta.words("read") >= sparse.words("read")
    assert delta.words("write") >= sparse.words("write")


@examples(25)
@given(data=st.data())
def test_delta_beats_sparse_by_nothing_but_fewer_events(data):
    network = data.draw(networks())
    frames = dataset_of(network, data.draw(inputs_for(network)))
    for machine in ("zero-skipping-mac", "delta-mac"):
        activity = hwsim.simulate(network, frames, hwsim.load_machine(machine).execution, per_frame=True).activity
        delivered = {layer.name: np.zeros(len(frames), np.int64) for layer in activity.layers if layer.connections}
        for key, number in hwsim.count(activity, machine).entries.items():
            if (key.phase, key.operation.kind) == ("memory", "addition"):  # of addresses
                delivered[key.layer] += number
        # a row of weights for each event, on both machines alike
        for layer in delivered:
            events = np.zeros(len(frames), np.int64)
            for connection in activity.connections:
                if connection.layer == layer:
                    events += connection.rows_read.delivered(None)
            assert delivered[layer].tolist() == events.tolist()


# ---------------------------------------------------------------------------------------- brackets of the convolution


def with_positions(channels, positions):
    machine = hwsim.load_machine("mac-array")
    convolution = machine.lanes.convolution.model_copy(update={"channels": channels, "positions": positions})
    return machine.model_copy(update={"lanes": machine.lanes.model_copy(update={"convolution": convolution})})


@examples(25)
@given(data=st.data())
def test_an_array_lies_between_no_reuse_and_ideal_reuse(data):
    network = data.draw(convolutional_networks())
    frames = dataset_of(network, data.draw(inputs_for(network, max_frame=2)))
    ideal, array, one_by_one = (
        count(network, frames, machine) for machine in ("ideal-reuse", with_positions(16, 16), with_positions(1, 1))
    )
    assert weight_words(ideal) <= weight_words(array) <= weight_words(one_by_one)
    assert ideal.words("read") <= array.words("read") <= one_by_one.words("read")
    assert ideal.words("write") == array.words("write") == one_by_one.words("write")
    assert ideal.total("synapse") == array.total("synapse") == one_by_one.total("synapse")


def test_a_16_x_16_array_and_ideal_reuse_bracket_a_convolution():
    weight = hwsim.Weight(np.ones((40, 8, 3, 3), int), INT8)
    layer = hwsim.Conv2d("conv", terms=(weight,), padding=1)
    network = hwsim.Network("conv", (8, 20, 20), (layer,), input_format=INT8)
    frames = np.ones((1, 8, 20, 20), np.int8)
    row = 40 * 8 // 64  # words
    # of 400 inputs the middle tap meets all, a tap at an edge those of 19 lines, a corner's 19 x 19
    taps = (400, *[380] * 4, *[361] * 4)
    rows = {  # for each channel and tap: for every 16 inputs that it meets; once; for every one
        "array": 8 * sum(-(-met // 16) for met in taps),
        "ideal": 8 * 9,
        "one by one": 8 * sum(taps),
    }
    machines = {"array": "mac-array", "ideal": "ideal-reuse", "one by one": with_positions(1, 1)}
    for name, machine in machines.items():
        assert weight_words(count(network, frames, machine)) == rows[name] * row
