"""Slice and Gather: where numpy has the numbers, what they cost, and what they refuse."""

import numpy as np
import pytest
from one_layer import EXECUTIONS, INT8, on_codes, on_reals

import hwsim
from hwsim import Concat, Conv2d, Gather, Network, Quantize, ReLU, Slice, Weight
from hwsim.errors import NetworkError

PLACES = np.array([0, 59, 7, 7, -1, 30])
LAYERS = [
    (Slice("s", start=1), lambda x: x[:, 1:]),
    (Slice("s", stop=2), lambda x: x[:, :2]),
    (Slice("s", start=1, stop=4, stride=2, axis=1), lambda x: x[:, :, 1:4:2]),
    (Slice("s", stride=3, axis=2), lambda x: x[..., ::3]),
    (
        Gather("g", places=PLACES, shape=(3, 2, 1), values=(-2.0,)),
        lambda x: np.where(PLACES < 0, -2, x.reshape(len(x), -1)[:, PLACES]),
    ),
]


@pytest.mark.parametrize(("layer", "expected"), LAYERS)
@pytest.mark.parametrize("before", [(), (ReLU("relu"),)])
def test_numbers_are_where_numpy_has_them(layer, expected, before):
    frames = np.random.default_rng(3).integers(-9, 10, (6, 3, 4, 5))
    frames[2] = frames[1]
    values = np.maximum(frames, 0) if before else frames
    reals = on_reals(*before, layer, frames=frames.astype(np.float32))
    assert np.array_equal(reals, expected(values).reshape(6, -1))
    # a constant is a value, of codes of step 1/2 another code
    halves = expected(values * 0.5)
    assert np.array_equal(on_codes(frames, *before, layer, step=0.5), halves.reshape(6, -1))


def test_slices_take_apart_what_a_concat_laid_together():
    frames = np.random.default_rng(1).integers(-9, 10, (4, 6, 2, 2))
    parts = [Slice("first", ("input",), stop=2), Slice("second", ("input",), start=2)]
    assert np.array_equal(on_codes(frames, *parts, Concat("both", ("first", "second"))), frames.reshape(4, -1))
    turned = np.concatenate([frames[:, 2:], frames[:, :2]], axis=1)
    assert np.array_equal(on_codes(frames, *parts, Concat("both", ("second", "first"))), turned.reshape(4, -1))


def test_a_step_per_channel_goes_along():
    frames = np.random.default_rng(4).normal(size=(4, 3, 2, 2)).astype(np.float32)
    steps = np.array([1.0, 0.5, 0.25])
    quantize = Quantize("codes", scale=1 / steps)
    wanted = np.floor(frames / steps[:, None, None] + 0.5) * steps[:, None, None]
    assert np.array_equal(on_reals(quantize, Slice("s", start=1), frames=frames), wanted[:, 1:].reshape(4, -1))
    turned = Gather("g", places=np.arange(12).reshape(3, 4)[::-1].ravel(), shape=(3, 2, 2))
    assert np.array_equal(on_reals(quantize, turned, frames=frames), wanted[:, ::-1].reshape(4, -1))
    with pytest.raises(NetworkError, match=r"layer g: shape \(2, 6\) puts codes of unequal steps into one channel"):
        Network("n", (3, 2, 2), (quantize, Gather("g", places=np.arange(12), shape=(2, 6))))


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_reader_reads_its_part_and_nothing_else(execution):
    """Two layers that read a half each read together what one reads that takes all; nobody writes anything more."""
    frames = np.random.default_rng(5).integers(-3, 4, (5, 4, 4, 4))
    code = np.random.default_rng(6).integers(1, 4, (2, 2, 1, 1))
    first = (Conv2d("first", terms=(Weight(np.eye(4, dtype=int)[..., None, None], INT8),)), Quantize("codes"))
    halves = (
        *first,
        Slice("left", ("codes",), stop=2),
        Conv2d("on left", terms=(Weight(code, INT8),)),
        Slice("right", ("codes",), start=2),
        Conv2d("on right", terms=(Weight(code, INT8),)),
        Concat("both", ("on left", "on right")),
    )
    whole = (*first, Conv2d("on all", terms=(Weight(np.concatenate([code, code]), INT8),), groups=2))
    activity = [
        hwsim.simulate(Network("n", (4, 4, 4), layers, INT8), frames, execution).activity for layers in (halves, whole)
    ]
    left, right, both = activity[0].layers[2], activity[0].layers[3], activity[1].layers[2]
    assert left.part(0).n_code == right.part(0).n_code == 32
    emitted = activity[1].layers[1].emitted.n_event
    assert np.array_equal(left.part(0).n_event + right.part(0).n_event, emitted)
    assert 0 < left.part(0).n_event.sum() < emitted.sum()
    operations = [
        sum(int(connection.histogram.n_operation.sum()) for connection in layer.connections)
        for layer in (left, right, both)
    ]
    assert operations[0] + operations[1] == operations[2]
    assert [layer.name for layer in activity[0].layers] == ["input", "first", "on left", "on right", "both"]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Slice("s", start=-1), "layer s: start -1; expected a whole number from 0"),
        (lambda: Slice("s", stride=0), "layer s: stride 0; expected a whole number from 1"),
        (
            lambda: Network("n", (3,), (Slice("s", axis=1),)),
            r"layer s: axis 1 of a frame of shape \(3,\); write 0",
        ),
        (lambda: Network("n", (3,), (Slice("s", start=2, stop=5),)), "layer s: takes 2 to 5 of 3 along axis 0"),
        (lambda: Gather("g", places=[0, 1], shape=(3,)), "layer g: 2 places of int64; expected 3 whole numbers"),
        (lambda: Gather("g", places=[0.0], shape=(1,)), "layer g: 1 places of float64; expected 1 whole numbers"),
        (lambda: Gather("g", places=[], shape=()), r"layer g: shape \(\); expected whole numbers from 1"),
        (lambda: Gather("g", places=[0], shape=(1,), values=(np.inf,)), "layer g: values .*; expected finite"),
        (
            lambda: Network("n", (3,), (Gather("g", places=[3], shape=(1,)),)),
            "layer g: places 3 ... 3; expected 0 to 2",
        ),
        (
            lambda: Network("n", (3,), (Gather("g", places=[-1], shape=(1,), values=(1,)),)),
            "layer g: takes constants only",
        ),
        (
            lambda: Network("n", (3,), (Gather("g", places=[0, -1], shape=(2,), values=(0.5,)),), INT8),
            "layer g: a constant of 0.5 among int8 codes of step 1",
        ),
    ],
)
def test_wires_that_lead_nowhere(make, expected):
    with pytest.raises(NetworkError, match=expected):
        make()
