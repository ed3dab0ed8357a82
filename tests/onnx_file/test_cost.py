"""Dense operations against qonnx's inference cost: the table in docs/onnx.md, recomputed; and a graph of Brevitas's."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import apart

import hwsim
from hwsim import Conv2d, Dense, MultiThreshold

pytestmark = pytest.mark.onnx
HERE = Path(__file__).parent
BREVITAS = HERE / "brevitas_cnn.onnx"
DOCUMENT = HERE.parents[1] / "docs" / "onnx.md"


def file(name):
    return BREVITAS if name == BREVITAS.stem else Path(os.environ["HWSIM_DATA"]) / "nets" / "qonnx" / f"{name}.onnx"


def macs(path, discount):
    """What qonnx says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.util.inference_cost import inference_cost

        return inference_cost(str(path), discount_sparsity=discount)["total_cost"]["total_macs"]


def additions(network, skip_zero_weights):
    """Synaptic operations of one frame, which add once each."""
    frame = np.random.default_rng(0).random((1, *network.input_shape)).astype(np.float32)
    machine = hwsim.load_machine("mac-array").model_copy(update={"skip_zero_weights": skip_zero_weights})
    return hwsim.count(hwsim.simulate(network, frame).activity, machine).total("synapse", "addition")


def taps_on_padding(network):
    """Taps of every window that lie beyond the image, one by one."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, Conv2d):
            _, height, width = network.signals[layer.inputs[0]].shape
            (n_out, n_in, *kernel), (top, left) = layer.terms[0].code.shape, (pad[0] for pad in layer.padding)
            for y in range(network.signals[layer.name].shape[1]):
                for x in range(network.signals[layer.name].shape[2]):
                    for at in np.ndindex(*kernel):
                        row, column = (y * layer.stride[0] + at[0] - top, x * layer.stride[1] + at[1] - left)
                        total += n_out * n_in * (not (0 <= row < height and 0 <= column < width))
    return total


def documented():
    text = DOCUMENT.read_text().partition("<!-- inference cost: begin -->")[2].partition("<!--")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.strip().splitlines()[2:]]
    return {name: [int(cell.replace(",", "")) for cell in cells] for name, *cells in rows}


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=pytest.mark.data) for each in ("TFC_2W2A", "qkeras_jettagging")] + [BREVITAS.stem],
)
def test_inference_cost_of_qonnx(name):
    network = hwsim.load_network(file(name))
    dense, padding = additions(network, False), taps_on_padding(network)
    costs = macs(file(name), False), macs(file(name), True)
    assert dense + padding == costs[0]
    assert documented()[name] == [costs[0], dense, padding, costs[1], additions(network, True)]


def test_a_network_of_brevitas():
    """Outputs that Brevitas itself computed, of a network with norms, pooling, depthwise weights and a bias."""
    network = hwsim.load_network(BREVITAS)
    with np.load(BREVITAS.with_suffix(".npz")) as arrays:
        frames, expected = arrays["inputs"], arrays["outputs"]
    runs = [hwsim.simulate(network, frames, execution=each) for each in ("dense", "sparse", "delta")]
    assert apart(runs[0].outputs, expected) <= 1e-6
    for run in runs[1:]:
        np.testing.assert_array_equal(run.output_codes, runs[0].output_codes)
    weights = [layer.terms[0] for layer in network.layers if isinstance(layer, Conv2d | Dense)]
    assert [str(each.format) for each in weights] == ["int4-narrow"] * 3
    assert np.shape(weights[0].scale) == (6,)
    levels = [network.signals[each.name].format.name for each in network.layers if isinstance(each, MultiThreshold)]
    assert levels == ["uint3", "uint4"]
    assert network.layers[-1].bias.any()
