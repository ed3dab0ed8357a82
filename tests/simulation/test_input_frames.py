"""Data as they come: names and paths in place of data sets, and frames (C, L) of networks of one row."""

import numpy as np
import pytest

from hwsim import simulate
from hwsim.datasets import Preprocessing, Source, load_dataset
from hwsim.errors import NetworkError, UnknownNameError
from hwsim.network.graph import Network
from hwsim.network.layers import Conv2d, Dense, Flatten, Weight


@pytest.fixture
def one_row():
    """A convolution over 2 channels of 9 places, and what comes of it for one frame, by its definition."""
    weight = np.random.default_rng(3).normal(size=(4, 2, 1, 3)).astype(np.float32)
    network = Network("row", (2, 1, 9), (Conv2d("conv", terms=Weight(weight)),))

    def expected(frame):
        return [
            [sum(weight[o, c, 0, t] * frame[c, place + t] for c in range(2) for t in range(3)) for place in range(7)]
            for o in range(4)
        ]

    return network, expected


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_frames_without_an_axis_of_height(one_row, execution):
    network, expected = one_row
    frames = np.random.default_rng(1).normal(size=(5, 2, 9)).astype(np.float32)
    run = simulate(network, frames, execution)
    assert run.outputs.shape == (5, 4 * 7)
    for frame, output in zip(frames, run.outputs, strict=True):
        assert output.reshape(4, 7) == pytest.approx(np.array(expected(frame)), abs=1e-5)
    as_images = simulate(network, frames[:, :, None], execution)
    assert np.array_equal(run.outputs, as_images.outputs)
    assert run.activity.to_dataframe().equals(as_images.activity.to_dataframe())


@pytest.mark.parametrize("shape", [(9, 2), (2, 8), (18,), (1, 2, 9)])
def test_other_frames_are_refused_still(one_row, shape):
    with pytest.raises(NetworkError, match=r"takes frames of shape \(2, 1, 9\), but array has frames of shape"):
        simulate(one_row[0], np.zeros((3, *shape)))


def test_a_network_of_several_rows_takes_images_only():
    network = Network("flat", (2, 2, 4), (Flatten("flat"), Dense("dense", terms=Weight(np.ones((16, 3), np.float32)))))
    with pytest.raises(NetworkError, match="takes frames of shape"):
        simulate(network, np.zeros((3, 2, 4)))


def test_names_paths_and_sources_are_data(tmp_path):
    network, data = "digits-mlp", load_dataset("digits")
    expected = simulate(network, data)
    assert expected.accuracy > 0.9
    np.savez(tmp_path / "mine.npz", inputs=data.inputs, labels=data.labels, step=1 / 16)
    for given in ("digits", str(tmp_path / "mine.npz"), tmp_path / "mine.npz", Source("digits")):
        run = simulate(network, given)
        assert np.array_equal(run.outputs, expected.outputs)
        assert run.accuracy == expected.accuracy
    grey = simulate(network, Source("digits", preprocessing=Preprocessing(mean=0.5)))
    assert not np.array_equal(grey.outputs, expected.outputs)
    with pytest.raises(UnknownNameError, match="no data set named 'digit'; did you mean digits"):
        simulate(network, "digit")
