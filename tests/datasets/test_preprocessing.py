"""What is done to frames before a network sees them, against Pillow, torch and plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.datasets import Dataset, Preprocessing, Source, load_dataset
from hwsim.datasets.resizing import resized
from hwsim.errors import DataError


def drawn(shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, shape).astype(dtype)
        if np.dtype(dtype).kind in "iu"
        else rng.normal(size=shape).astype(dtype)
    )


def colours(n=5, height=6, width=7):
    return Dataset(drawn((n, 3, height, width)), 1 / 255, labels=np.arange(n), name="mine")


def refused(call, *arguments, **options):
    with pytest.raises(DataError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_nothing_is_done_unless_asked_for():
    data = colours()
    assert Preprocessing().apply(data) is data
    assert Preprocessing().changed() == {}


def test_values_are_scaled_shifted_and_divided_in_that_order():
    data = colours()
    done = Preprocessing(scale=2, mean=[0.5, 0.25, 1.0], standard_deviation=(0.5, 2, 4)).apply(data)
    assert (done.inputs.dtype, done.step, done.format.name) == (np.float32, 1.0, "fp32")
    assert done.labels.tolist() == data.labels.tolist()
    for frame, channel, y, x in [(0, 0, 0, 0), (4, 1, 5, 6), (2, 2, 3, 1)]:
        code = int(data.inputs[frame, channel, y, x])
        expected = (code / 255 * 2 - (0.5, 0.25, 1.0)[channel]) / (0.5, 2, 4)[channel]
        assert done.inputs[frame, channel, y, x] == pytest.approx(expected, rel=1e-6)


def test_arithmetic_is_that_of_torchvision_to_the_last_bit_but_one():
    data = colours(20)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    done = Preprocessing(mean=mean, standard_deviation=deviation).apply(data).inputs
    pixels = data.inputs.astype(np.float32) / np.float32(255)
    expected = (pixels - np.float32(mean)[:, None, None]) / np.float32(deviation)[:, None, None]
    np.testing.assert_allclose(done, expected, rtol=2e-6, atol=2e-6)


def test_one_number_serves_all_channels_and_vectors_have_a_channel_per_element():
    data = Dataset(np.array([[1.0, 2.0], [3.0, 5.0]], np.float32))
    assert Preprocessing(mean=1.0).apply(data).inputs.tolist() == [[0, 1], [2, 4]]
    assert Preprocessing(mean=(1.0, 2.0)).apply(data).inputs.tolist() == [[0, 0], [2, 3]]
    assert Preprocessing(standard_deviation=2).apply(data).inputs.tolist() == [[0.5, 1], [1.5, 2.5]]


def test_codes_stay_codes_where_only_pixels_move():
    data = colours()
    for chosen in ({"grey": True}, {"size": 4}, {"layout": "NHWC"}, {"independent": True}):
        done = Preprocessing(**chosen).apply(data)
        assert (done.inputs.dtype, done.step) == (np.uint8, 1 / 255)


def test_layouts():
    data = colours()
    last = Preprocessing(layout="NHWC").apply(data)
    assert np.array_equal(last.inputs, np.moveaxis(data.inputs, 1, -1))
    assert np.array_equal(Preprocessing(source_layout="NHWC").apply(last).inputs, data.inputs)
    # channels are found, wherever they lie
    both = Preprocessing(source_layout="NHWC", layout="NHWC", mean=(1, 2, 3)).apply(last)
    assert np.array_equal(both.inputs, np.moveaxis(Preprocessing(mean=(1, 2, 3)).apply(data).inputs, 1, -1))
    flat = Dataset(data.inputs[:, 0], 1 / 255)
    assert np.array_equal(Preprocessing(source_layout="NHW").apply(flat).inputs, data.inputs[:, :1])


def test_streams():
    data = Dataset(drawn((6, 2)), stream_start=[0, 2, 6])
    assert Preprocessing(mean=1).apply(data).stream_start.tolist() == [0, 2, 6]
    assert Preprocessing(independent=True).apply(data).stream_start.tolist() == list(range(7))
    assert Preprocessing(independent=False).apply(data).stream_start.tolist() == [0, 6]


def test_many_frames_are_worked_on_in_blocks(monkeypatch):
    data = colours(11)
    whole = Preprocessing(size=5, mean=0.5).apply(data).inputs
    monkeypatch.setattr("hwsim.datasets.preprocessing.BLOCK", 4 * data.inputs[0].size)
    assert np.array_equal(Preprocessing(size=5, mean=0.5).apply(data).inputs, whole)


@pytest.mark.images
def test_grey_is_that_of_pillow():
    from PIL import Image

    data = colours(4, 40, 50)
    grey = Preprocessing(grey=True).apply(data).inputs
    for frame, expected in zip(grey, data.inputs, strict=True):
        assert np.array_equal(frame[0], np.asarray(Image.fromarray(np.moveaxis(expected, 0, -1)).convert("L")))
    real = Preprocessing(grey=True).apply(Dataset(data.inputs.astype(np.float32))).inputs
    assert np.abs(real - grey).max() <= 0.5 + 1e-4
    assert Preprocessing(grey=True).apply(Dataset(data.inputs[:, :1])).inputs.shape == (4, 1, 40, 50)


@pytest.mark.images
@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(0, 99),
)
def test_resizing_is_that_of_pillow(given, size, seed):
    """Scaled to cover and cropped in the middle: Pillow's bilinear filter on real numbers, then a slice."""
    from PIL import Image

    plane = drawn(given, np.float32, seed)
    scale = max(size[0] / given[0], size[1] / given[1])
    reach = [max(size[k], int(np.floor(given[k] * scale + 0.5))) for k in (0, 1)]
    whole = np.asarray(Image.fromarray(plane).resize(reach[::-1], Image.Resampling.BILINEAR))
    top, left = ((reach[k] - size[k]) // 2 for k in (0, 1))
    expected = whole[top : top + size[0], left : left + size[1]]
    np.testing.assert_allclose(resized(plane[None], size)[0], expected, atol=1e-5)


def test_resized_codes_are_rounded_and_stay_in_range():
    board = np.zeros((1, 1, 4, 4), np.uint8)
    board[..., ::2] = 255
    assert resized(board, (4, 4)) is board
    small = resized(board, (1, 1))
    assert (small.dtype, small.shape) == (np.uint8, (1, 1, 1, 1))
    assert small[0, 0, 0, 0] in (127, 128)  # 127.5, to within a rounding of the weights
    assert np.array_equal(resized(np.full((3, 9, 5), 255, np.uint8), (17, 23)), np.full((3, 17, 23), 255))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"size": 0}, "size 0; expected one number of pixels"),
        ({"size": (3, True)}, "size (3, True)"),
        ({"scale": 0}, "scale 0.0; expected numbers above 0"),
        ({"scale": (1, 2)}, "scale (1, 2); expected one finite number"),
        ({"scale": "255"}, "scale '255'"),
        ({"mean": ()}, "mean (); expected one finite number, or one per channel"),
        ({"mean": (0.5, None)}, "mean (0.5, None)"),
        ({"mean": [[1]]}, "mean [[1]]"),
        ({"mean": [[1], [1, 2]]}, "mean [[1], [1, 2]]"),
        ({"mean": float("nan")}, "mean nan"),
        ({"standard_deviation": (1, 0)}, "standard_deviation (1.0, 0.0); expected numbers above 0"),
        ({"layout": "CHW"}, "layout 'CHW'; write NCHW or NHWC"),
        ({"source_layout": "nhwc"}, "source_layout 'nhwc'; write NCHW, NHWC or NHW"),
        ({"grey": "yes"}, "grey 'yes'; expected true or false"),
        ({"independent": 2}, "independent 2; expected true or false"),
    ],
)
def test_parameters_that_are_none(given, expected):
    assert expected in refused(Preprocessing, **given)


@pytest.mark.parametrize(
    ("chosen", "shape", "expected"),
    [
        ({"mean": (1, 2)}, (3, 4, 4), "mean has 2 numbers for frames of 3 channels"),
        ({"size": 4}, (16,), "size is for images, but frames have shape (16,)"),
        ({"layout": "NHWC"}, (16,), "layout NHWC is for images"),
        ({"grey": True}, (2, 4, 4), "grey is for red, green and blue, but frames have 2 channels"),
        ({"source_layout": "NHWC"}, (4, 4), "are not laid out as NHWC, which has 3 axes"),
        ({"source_layout": "NHW"}, (1, 4, 4), "are not laid out as NHW, which has 2 axes"),
        ({"scale": 1e300}, (2,), "NaN or infinity in frame 0"),
    ],
)
def test_frames_that_it_does_not_fit(chosen, shape, expected):
    message = refused(Preprocessing(**chosen).apply, Dataset(np.ones((2, *shape), np.uint8), name="mine"))
    assert message.startswith("data set 'mine': ")
    assert expected in message


def test_a_named_data_set_is_preprocessed_too():
    plain, data = (
        load_dataset("digits"),
        load_dataset("digits", preprocessing=Preprocessing(size=16, mean=0.5, scale=2)),
    )
    assert data.shape == (1, 16, 16)
    assert data.inputs.mean() == pytest.approx(2 * plain.values().mean() - 0.5, abs=0.05)
    ordered = load_dataset("digits", order="temporal", preprocessing=Preprocessing(mean=0.5))
    assert np.array_equal(ordered.labels, load_dataset("digits", order="temporal").labels)
    assert "source_layout NHWC is for .npz and .npy files only" in refused(
        load_dataset, "digits", preprocessing=Preprocessing("NHWC")
    )


def test_a_source_is_written_as_the_command_line_has_it():
    assert str(Source("mnist")) == "mnist"
    chosen = Preprocessing(size=(3, 4), grey=True, mean=(0.5, 1), standard_deviation=2, scale=0.25, independent=False)
    expected = (
        "'my data' --step 0.5 --grey --size 3x4 --data-scale 0.25 --mean 0.5,1.0 --standard-deviation 2.0 --stream"
    )
    assert str(Source("my data", 0.5, chosen)) == expected
    assert load_dataset(Source("digits", preprocessing=Preprocessing(mean=1))).inputs.min() == -1
