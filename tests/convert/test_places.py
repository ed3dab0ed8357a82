"""Where quantizers go: as late as can be, but before poolings that choose and before joints, which share a step."""

import numpy as np
import pytest
from graphs import branching_network, drawn_conv, forward, frames_for

from hwsim.convert.places import cannot_be_negative, convertible, is_of_input, place
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    MaxPool2d,
    Quantize,
    ReLU,
    Sign,
    Synaptic,
    Weight,
)
from hwsim.network.layers import MaxPool2d as Max


def placed(network, *kinds):
    """The quantizers: groups of name and signal."""
    places = place(network, lambda layer: isinstance(layer, (Synaptic, *kinds)))
    return [[(each.name, each.inputs[0]) for each in group] for group in places.groups]


def conv(name, *inputs, channels=2):
    return Conv2d(name, inputs, terms=(Weight(np.ones((2, channels, 1, 1))),))


def network(*layers, shape=(2, 8, 8)):
    return Network("made", shape, layers)


def test_what_layers_with_weights_read():
    assert placed(branching_network()) == [
        [("stem_input", INPUT)],
        [("squeeze_input", "stem_relu")],  # before the pooling
        [("left_input", "squeezed")],  # once for both that read it
        [("left_relu_codes", "left_relu"), ("right_relu_codes", "right_relu")],
        [("out_input", "flat")],
    ]


def test_what_all_layers_with_neurons_read():
    names = [name for group in placed(branching_network(), Max, AvgPool2d, Add) for name, _ in group]
    assert names == [
        "stem_input", "pool_input", "left_input", "left_relu_codes", "right_relu_codes", "inner_codes", "mean_input",
        "out_input",
    ]  # fmt: skip


def test_readers_read_through_the_quantizer_and_others_do_not():
    made = network(conv("first"), ReLU("relu"), conv("second"), Add("sum", ("second", "first")), conv("third"))
    layers = {layer.name: layer for layer in place(made, lambda layer: isinstance(layer, Synaptic | Add)).layers}
    assert layers["relu"].inputs == ("first",)
    assert layers["first_codes"].inputs == ("first",)
    assert layers["sum"].inputs == ("second_codes", "first_codes")
    assert layers["second"].inputs == ("second_input",)
    assert list(layers) == [
        "first_input", "first", "first_codes", "relu", "second_input", "second", "second_codes", "sum", "third_input",
        "third",
    ]  # fmt: skip


def test_single_numbers_behind_a_pooling_are_codes_already():
    made = network(conv("first"), MaxPool2d("pool"), Flatten("flat"), ReLU("relu"))
    assert placed(made, Max) == [[("first_input", INPUT)], [("pool_input", "first")]]
    # but not behind an average, whose sums are wide
    made = network(conv("first"), AvgPool2d("mean"), ReLU("relu"), conv("second"))
    assert placed(made) == [[("first_input", INPUT)], [("second_input", "relu")]]


def test_what_joins_the_input_shares_its_step():
    made = network(conv("first"), Concat("both", (INPUT, "first")), conv("second", channels=4))
    assert placed(made) == [[("first_input", INPUT), ("first_codes", "first")]]


def test_adding_up_the_input_needs_codes():
    made = network(AvgPool2d("mean"), conv("first"))
    assert placed(made) == [[("mean_input", INPUT)], [("first_input", "mean")]]


def test_groups_that_share_a_signal_are_one():
    made = network(
        conv("a"),
        conv("b", INPUT),
        conv("c", INPUT),
        Concat("ab", ("a", "b")),
        Concat("bc", ("b", "c")),
        conv("d", "ab", channels=4),
        conv("e", "bc", channels=4),
        Add("sum", ("d", "e")),
    )
    assert [len(group) for group in placed(made)] == [1, 3]


def test_a_relu_goes_before_the_pooling_it_reads():
    made = network(drawn_conv("first", np.random.default_rng(0), (3, 2, 3, 3)), MaxPool2d("pool"), ReLU("relu"),
                   drawn_conv("second", np.random.default_rng(1), (2, 3, 1, 1)))  # fmt: skip
    changed = convertible(made)
    assert [(layer.name, *layer.inputs) for layer in changed.layers] == [
        ("first", INPUT), ("relu", "first"), ("pool", "relu"), ("second", "pool"),
    ]  # fmt: skip
    values = frames_for(made).values()
    assert np.array_equal(forward(made, values)["second"], forward(changed, values)["second"])
    # but not when others read the pooling
    made = network(conv("first"), MaxPool2d("pool"), ReLU("relu"), Add("sum", ("relu", "pool")))
    assert [layer.name for layer in convertible(made).layers] == ["first", "pool", "relu", "sum"]


def test_a_last_relu_goes_before_its_pooling_too():
    changed = convertible(network(conv("first"), MaxPool2d("pool"), ReLU("relu")))
    assert [layer.name for layer in changed.layers] == ["first", "relu", "pool"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((conv("first"), Sign("sign")), "layer sign: only Dense and Conv2d with real weights, Add, .* this is Sign"),
        ((Quantize("codes"), conv("first")), "layer codes: only .* this is Quantize"),
        ((Conv2d("c", terms=(Weight(np.ones((1, 2, 1, 1)), scale=1.0),) * 2),), "layer c: only .*Conv2d with codes"),
        ((ReLU("relu"),), "no Dense or Conv2d layer"),
    ],
)
def test_what_cannot_be_converted(layers, message):
    with pytest.raises(NetworkError, match=message):
        convertible(network(*layers))


def test_signs_and_what_is_of_the_input():
    layers = {layer.name: layer for layer in branching_network().layers}
    for name in ("stem_relu", "pool", "fire", "sum_relu", "mean", "flat"):
        assert cannot_be_negative(layers, name)
    for name in (INPUT, "stem", "sum", "out"):
        assert not cannot_be_negative(layers, name)
    assert is_of_input(layers, INPUT)
    assert not is_of_input(layers, "pool")
