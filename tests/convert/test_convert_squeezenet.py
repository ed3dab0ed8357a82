"""The worked example that builds SqueezeNet: its graph with made-up weights, and with the real ones torch's scores."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import hwsim
from hwsim.network.layers import Affine, Conv2d

SCRIPT = pathlib.Path(__file__).parents[2] / "examples" / "convert_squeezenet.py"
SQUEEZED, EXPANDED = (16, 16, 32, 32, 48, 48, 64, 64), (64, 64, 128, 128, 192, 192, 256, 256)


def shapes():
    """Of every weight (arXiv:1602.07360, table 1)."""
    result, channels = {"conv1": (96, 3, 7, 7)}, 96
    for number, squeezed, expanded in zip(range(2, 10), SQUEEZED, EXPANDED, strict=True):
        result[f"fire{number}.squeeze1x1"] = (squeezed, channels, 1, 1)
        result[f"fire{number}.expand1x1"] = (expanded, squeezed, 1, 1)
        result[f"fire{number}.expand3x3"] = (expanded, squeezed, 3, 3)
        channels = 2 * expanded
    return result | {"conv10": (1000, 512, 1, 1)}


def convert(weights, folder):
    done = subprocess.run([sys.executable, SCRIPT, weights, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"hwsim simulate {folder} --data imagenet-sample" in done.stdout
    return hwsim.load_network(folder)


def torch_scores(arrays, images):
    """The network as its authors state it, on RGB images. (n_image, 1000)"""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def conv(layer, read, **geometry):
        made = functional.conv2d(read, arrays[f"{layer}.weight"], arrays[f"{layer}.bias"], **geometry)
        return functional.relu(made)

    def fire(number, read):
        squeezed = conv(f"fire{number}.squeeze1x1", read)
        sides = (conv(f"fire{number}.expand1x1", squeezed), conv(f"fire{number}.expand3x3", squeezed, padding=1))
        return torch.cat(sides, dim=1)

    with torch.no_grad():
        bgr = images[:, ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)[:, None, None]
        signal = functional.max_pool2d(conv("conv1", torch.from_numpy(bgr), stride=2), 3, 2)
        for number in range(2, 10):
            signal = fire(number, signal)
            if number in (4, 8):
                signal = functional.max_pool2d(signal, 3, 2)
        return conv("conv10", signal, padding=1).mean(dim=(2, 3)).numpy()


def test_the_graph_is_that_of_the_paper(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {f"{layer}.weight": generator.normal(size=shape).astype("f4") for layer, shape in shapes().items()}
    arrays |= {f"{layer}.bias": generator.normal(size=shape[0]).astype("f4") for layer, shape in shapes().items()}
    np.savez(tmp_path / "weights.npz", **arrays)
    network = convert(tmp_path / "weights.npz", tmp_path / "made")
    assert network.name == "made"
    convolutions = [layer for layer in network.layers if isinstance(layer, Conv2d)]
    assert {layer.name: layer.terms[0].code.shape for layer in convolutions} == shapes()
    assert sum(layer.terms[0].code.size for layer in convolutions) == 1_244_448
    sizes = {name: signal.shape for name, signal in network.signals.items()}
    assert [sizes[name] for name in ("conv1", "pool1", "fire4", "pool4", "fire8", "pool8", "conv10", "scores")] == [
        (96, 111, 111), (96, 55, 55), (256, 55, 55), (256, 27, 27), (512, 27, 27), (512, 13, 13), (1000, 15, 15),
        (1000, 1, 1),
    ]  # fmt: skip
    # RGB arrives: the means are in that order, and conv1 reads its channels from the other end
    assert isinstance(network.layers[0], Affine)
    assert network.layers[0].offset.tolist() == [-123, -117, -104]
    assert np.array_equal(convolutions[0].terms[0].code, arrays["conv1.weight"][:, ::-1])


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.torch
@pytest.mark.images
def test_scores_of_the_real_network_are_those_of_torch(tmp_path):
    weights = pathlib.Path(os.environ["HWSIM_DATA"]) / "squeezenet" / "squeezenet_v1.0.npz"
    network, data = convert(weights, tmp_path / "squeezenet"), hwsim.load_dataset("imagenet-sample", frames=12)
    with np.load(weights) as arrays:
        expected = torch_scores(dict(arrays), data.inputs)
    for execution, tolerance in (("dense", 1e-4), ("sparse", 1e-4), ("delta", 2e-3)):
        run = hwsim.simulate(network, data, execution)
        assert np.array_equal(run.predictions, expected.argmax(axis=1))
        np.testing.assert_allclose(run.outputs, expected, atol=tolerance)
    assert run.accuracy == 10 / 12
