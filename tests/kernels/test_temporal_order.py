"""The order of Temporal-MNIST against a slow one written from the paper's description."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from number_of_examples import examples

from hwsim.kernels.temporal_order import find_temporal_order


def slow_order(images, buffer_size):
    """Lists and Python numbers only: append, pick the nearest (lowest slot among equals), refill its slot."""
    waiting = list(range(len(images)))
    order = [waiting.pop(0)]
    slots = [waiting.pop(0) for _ in range(min(buffer_size, len(waiting)))]
    while any(slot is not None for slot in slots):
        best = None
        for place, candidate in enumerate(slots):
            if candidate is None:
                continue
            distance = sum(abs(a - b) for a, b in zip(images[order[-1]], images[candidate], strict=True))
            if best is None or distance < best[0]:
                best = (distance, place)
        place = best[1]
        order.append(slots[place])
        slots[place] = waiting.pop(0) if waiting else None
    return order


def fast_order(images, buffer_size, arithmetic=np.int64):
    order = np.full(len(images), -7, np.int64)
    find_temporal_order(images, arithmetic(0), np.full(buffer_size, -7, np.int64), order)
    return order.tolist()


small_images = st.tuples(st.integers(1, 14), st.integers(1, 4))


@pytest.mark.plain
@examples(60)
@given(
    images=st.sampled_from([np.uint8, np.uint16, np.int64]).flatmap(
        # few values on few pixels, so that most distances tie; the extremes, so that a difference could wrap
        lambda dtype: stnp.arrays(dtype, small_images, elements=st.sampled_from([0, 1, 2, 255]))
    ),
    buffer_size=st.integers(1, 16),
)
def test_equals_the_slow_order_ties_included(images, buffer_size):
    assert fast_order(images, buffer_size) == slow_order(images.tolist(), buffer_size)


@examples(30)
@given(
    images=stnp.arrays(np.float64, small_images, elements=st.integers(-64, 64).map(lambda value: value / 8)),
    buffer_size=st.integers(1, 16),
)
def test_equals_the_slow_order_for_real_values(images, buffer_size):
    assert fast_order(images, buffer_size, np.float64) == slow_order(images.tolist(), buffer_size)


@pytest.mark.parametrize("width", [31, 64, 100, 784])
def test_long_rows_equal_the_slow_order(width):
    images = np.random.default_rng(width).integers(0, 256, (40, width), np.uint8)
    assert fast_order(images, 7) == slow_order(images.tolist(), 7)


@pytest.mark.parametrize("dtype", [np.uint32, np.int64])
def test_large_codes_do_not_wrap(dtype):
    images = np.array([[0] * 3, [2**32 - 1] * 3, [2**31] * 3, [1] * 3], dtype)
    assert fast_order(images, 3) == [0, 3, 2, 1]


@examples(30)
@given(n_image=st.integers(1, 60), buffer_size=st.integers(1, 80), seed=st.integers(0, 2**32 - 1))
def test_uses_every_image_once_and_starts_with_the_first(n_image, buffer_size, seed):
    images = np.random.default_rng(seed).integers(0, 4, (n_image, 5), np.uint8)
    order = fast_order(images, buffer_size)
    assert order[0] == 0
    assert sorted(order) == list(range(n_image))


def test_equal_images_leave_by_the_lowest_slot():
    # all distances tie: slot 0 empties and refills first, each time
    assert fast_order(np.zeros((6, 2), np.uint8), 3) == [0, 1, 4, 5, 2, 3]


def test_a_buffer_of_one_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (30, 6), np.uint8)
    assert fast_order(images, 1) == list(range(30))


@pytest.mark.data
def test_check_value_on_the_mnist_test_images():
    path = Path(os.environ["HWSIM_DATA"]) / "mnist" / "t10k-images-idx3-ubyte.gz"
    content = gzip.decompress(path.read_bytes())
    assert struct.unpack(">4i", content[:16]) == (2051, 10000, 28, 28)
    images = np.frombuffer(content, np.uint8, offset=16).reshape(10000, 784).copy()
    order = fast_order(images, 1000)
    assert order[:12] == [0, 494, 941, 254, 917, 705, 852, 26, 410, 262, 83, 585]
    assert sorted(order) == list(range(10000))
    # mean L1 distance of consecutive frames divided by 255
    real = images.astype(np.int64)
    assert np.abs(np.diff(real, axis=0)).sum() / 255 / 10000 == pytest.approx(126.7, abs=0.05)
    assert np.abs(np.diff(real[order], axis=0)).sum() / 255 / 10000 == pytest.approx(56.0, abs=0.05)
