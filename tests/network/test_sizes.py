"""Geometry that asks for more memory than there is, or for numbers that no computer has, is refused when it is made."""

import tracemalloc

import numpy as np
import pytest

from hwsim import (
    Affine,
    AvgPool2d,
    Conv2d,
    Dataset,
    MaxPool2d,
    Network,
    NumberFormat,
    Pad2d,
    Rearrange,
    ReLU,
    Weight,
    simulate,
)
from hwsim.errors import NetworkError

INT8 = NumberFormat("integer", 8)


def convolution(size=3, **geometry):
    return Conv2d("a", terms=(Weight(np.ones((8, 1, size, size), int), format=INT8),), **geometry)


@pytest.fixture(autouse=True)
def two_gib(monkeypatch):
    monkeypatch.setenv("HWSIM_MEMORY", "2G")


def refused(make, shape=(1, 8, 8)):
    """What is said of a layer, and that little memory was asked for meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(NetworkError) as error:
            Network("n", shape, (make(),), input_format=INT8)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert "\n" not in message
    assert "layer a: " in message
    return message


def test_padding_of_10_000_on_8_by_8_is_refused_with_layer_and_size():
    message = refused(lambda: convolution(padding=10_000))
    assert "(20006, 20006) positions of a window: needs 11.9 GiB of memory, and 2.0 GiB may be asked for" in message
    assert "frames of shape (1, 20008, 20008), 400,320,064 numbers" in refused(lambda: Pad2d("a", padding=10_000))


def test_a_network_that_fits_is_made_and_one_that_just_does_not_is_not(monkeypatch):
    layers = (convolution(padding=1), ReLU("b"))
    # 32 bytes for each number: 8 x 256 x 256, twice, and those of the input
    monkeypatch.setattr("hwsim.files.memory.LITTLE", 0)
    monkeypatch.setenv("HWSIM_MEMORY", str(32 * 17 * 256 * 256))
    assert Network("n", (1, 256, 256), layers, input_format=INT8).output.shape == (8, 256, 256)
    monkeypatch.setenv("HWSIM_MEMORY", str(32 * 17 * 256 * 256 - 1))
    with pytest.raises(NetworkError, match=r"^network n: layer b: frames of shape \(8, 256, 256\), 524,288 num"):
        Network("n", (1, 256, 256), layers, input_format=INT8)


@pytest.mark.parametrize("number", [2**31, 2**62, 2**63, 2**64, 10**30])
@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("stride", lambda n: convolution(stride=n)),
        ("stride", lambda n: convolution(stride=(1, n))),
        ("padding", lambda n: convolution(padding=((0, n), (0, 0)))),
        ("dilation", lambda n: convolution(size=1, dilation=n)),
        ("stride", lambda n: MaxPool2d("a", stride=n)),
        ("kernel", lambda n: AvgPool2d("a", kernel=n)),
        ("padding", lambda n: Pad2d("a", padding=n)),
    ],
)
def test_numbers_of_a_window_beyond_32_bits(what, make, number):
    message = refused(lambda: make(number))
    assert f"layer a: {what} " in message
    assert "expected at most 2,147,483,647 along either axis" in message


def test_the_largest_numbers_of_a_window_do_no_harm():
    largest = 2**31 - 1
    assert Network("n", (1, 8, 8), (convolution(stride=largest),), input_format=INT8).output.shape == (8, 1, 1)
    one = convolution(size=1, dilation=largest)
    assert Network("n", (1, 8, 8), (one,), input_format=INT8).output.shape == (8, 8, 8)
    assert "needs" in refused(lambda: convolution(padding=largest))
    assert "positions of a window: needs" in refused(
        lambda: AvgPool2d("a", kernel=(2**28, 2), stride=1, padding=((2**27, 2**27), (0, 0)))
    )


@pytest.mark.parametrize("shape", [(2**40,), (1, 2**70), (2**31, 2**31, 4), (2**32, 2**32)])
def test_frames_of_any_size(shape):
    with pytest.raises(NetworkError, match=r"^network n: frames of shape \(.*\), [\d,]+ numbers: needs") as error:
        Network("n", shape, (Affine("a"),), input_format=INT8)
    assert str(shape) in str(error.value)
    assert "numbers" in refused(lambda: Rearrange("a", shape=shape))


def test_a_run_that_needs_more_is_refused_before_it_begins(monkeypatch):
    network = Network("n", (1, 64, 64), (convolution(padding=1), ReLU("b")), input_format=INT8)
    frames = Dataset(np.ones((3, 1, 64, 64), np.int8), name="ones")
    assert len(simulate(network, frames, threads=1).outputs) == 3
    with pytest.raises(NetworkError, match=r"^3 frames of ones, 10,000 at a time in 1 threads: needs"):
        simulate(network, frames, threads=1, block=10_000)
