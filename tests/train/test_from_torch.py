"""Torch modules as networks, through ONNX: the same outputs, and operations that pruning saves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import hwsim
from hwsim.train import TrainingError
from hwsim.train.from_torch import from_torch

pytestmark = [pytest.mark.torch, pytest.mark.onnx]
HERE = Path(__file__).parent


class Residual(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n), nn.ReLU(),
            nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n),
        )  # fmt: skip

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Inverted(nn.Module):
    """MobileNet v2's block: wider, by depth, narrow again; added to its input where the shapes allow it."""

    def __init__(self, n_in, n_out, stride, wider=4):
        super().__init__()
        n = n_in * wider
        self.adds = stride == 1 and n_in == n_out
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU6(),
            nn.Conv2d(n, n, 3, stride, 1, groups=n, bias=False), nn.BatchNorm2d(n), nn.ReLU6(),
            nn.Conv2d(n, n_out, 1, bias=False), nn.BatchNorm2d(n_out),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class Viewed(nn.Module):
    """A vector by the sizes that the frame has when the module runs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(48, 5)

    def forward(self, x):
        return torch.log(torch.ones(())) + self.layer(x.view(x.size(0), -1))


class Gated(nn.Module):
    """Squeeze and excitation after a swish."""

    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, padding=1)
        self.gate = nn.Sequential(nn.Linear(n, 2), nn.ReLU(), nn.Linear(2, n), nn.Sigmoid())

    def forward(self, x):
        y = nn.functional.silu(self.conv(x))
        return y * self.gate(y.mean(dim=(2, 3)))[:, :, None, None]


class Mean(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return x.mean(self.axis)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(400, 84), nn.ReLU(), nn.Dropout(0.2), nn.Linear(84, 10),
    )  # fmt: skip


MODULES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10), nn.Softmax(1)), (20,)),
    "lenet": (lenet, (1, 28, 28)),
    "residual": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), Residual(8), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        (3, 9, 9),
    ),
    "depthwise separable": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3, 2, 1, groups=4), nn.ReLU(), nn.Conv2d(4, 9, 1), nn.LeakyReLU(0.1)),
        (4, 10, 10),
    ),
    "inverted residuals": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(), Inverted(8, 8, 1), Inverted(8, 12, 2),
            Inverted(12, 12, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
        ),
        (3, 16, 16),
    ),
    "viewed": (Viewed, (3, 4, 4)),
    "gated": (lambda: Gated(5), (5, 6, 6)),
    "sequence": (
        lambda: nn.Sequential(nn.Conv1d(3, 6, 5, dilation=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten()),
        (3, 20),
    ),
    "mean of a sequence": (lambda: nn.Sequential(nn.Conv1d(3, 6, 5), nn.ReLU(), Mean(-1), nn.Linear(6, 4)), (3, 20)),
    "hard swish of sums": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Hardswish()), (2, 6, 5)),
    "curves": (lambda: nn.Sequential(nn.Hardtanh(-0.5, 0.75), nn.Hardswish(), nn.Sigmoid(), nn.Hardsigmoid()), (7,)),
}  # fmt: skip


def settled(make, shape):
    """A module with statistics of its own in every batch norm; frames for it."""
    torch.manual_seed(0)
    module = make()
    for _ in range(3):
        module(torch.randn(16, *shape) * 2 + 0.5)
    return module.eval(), torch.randn(64, *shape)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_and_its_network_are_equal(name):
    module, frames = settled(*MODULES[name])
    network = from_torch(module, frames[:1])
    with torch.no_grad():
        expected = module(frames).flatten(1).numpy()
    found = hwsim.simulate(network, frames.numpy().reshape(len(frames), *network.input_shape)).outputs
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_example_may_have_any_number_of_frames():
    module, frames = settled(*MODULES["lenet"])
    assert from_torch(module, frames[:1]) == from_torch(module, frames[:5])


def test_the_module_is_left_in_its_mode():
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
    module[1].eval()
    assert hwsim.from_torch(module, torch.randn(1, 3), name="small").name == "small"
    assert [each.training for each in module.modules()] == [True, True, False]


def test_pruning_is_seen_by_machines_that_skip_zero_weights():
    module, frames = settled(*MODULES["lenet"])
    before = from_torch(module, frames[:1])
    for layer in module:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            prune.l1_unstructured(layer, "weight", amount=0.7)
            prune.remove(layer, "weight")
    after = from_torch(module, frames[:1])
    machine = hwsim.load_machine("mac-array")
    counts = {}
    for what, network in (("before", before), ("after", after)):
        activity = hwsim.simulate(network, frames.numpy()).activity
        for skips in (False, True):
            frame = hwsim.count(activity, machine.model_copy(update={"skip_zero_weights": skips})).to_dataframe()
            counts[what, skips] = frame[(frame.phase == "synapse") & (frame.operation == "multiplication")][
                "count"
            ].sum()
    assert counts["before", False] == counts["after", False]
    assert counts["after", True] < 0.4 * counts["before", True]


def test_what_cannot_be_exported_is_one_line():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.svd(x)[1]

    with pytest.raises(TrainingError, match="Odd cannot be exported to ONNX") as caught:
        from_torch(Odd(), torch.randn(1, 3, 3))
    assert "\n" not in str(caught.value)


def test_what_has_no_layer_is_named():
    class Wave(nn.Module):
        def forward(self, x):
            return torch.cos(torch.sin(torch.cos(x)))

    module = nn.Sequential(nn.Linear(3, 4), Wave())
    with pytest.raises(hwsim.HwsimError, match="2 x Cos") as caught:
        from_torch(module, torch.randn(1, 3))
    assert "1 x Sin" in str(caught.value)


class Faked(nn.Module):
    """A layer with fake-quantized inputs and weights, whose steps are powers of two: float32 is exact."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(2, 4, 3)

    def forward(self, x):
        x = torch.fake_quantize_per_tensor_affine(x, 2**-5, 100, 0, 255)
        weight = torch.fake_quantize_per_tensor_affine(self.layer.weight, 2**-8, 0, -128, 127)
        x = torch.relu(nn.functional.conv2d(x, weight))
        return torch.fake_quantize_per_tensor_affine(x, 2**-6, 0, 0, 255).flatten(1)


def test_fake_quantization_makes_codes():
    module, frames = settled(Faked, (2, 6, 6))
    network = from_torch(module, frames[:1])
    assert network.is_integer
    with torch.no_grad():
        np.testing.assert_array_equal(hwsim.simulate(network, frames.numpy()).outputs, module(frames).numpy())


def test_a_module_of_brevitas():
    """Through its own exporter to QONNX; codes stay codes."""
    qnn = pytest.importorskip("brevitas.nn")
    module = nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantLinear(12, 6, bias=False, weight_bit_width=3),
        nn.BatchNorm1d(6), qnn.QuantReLU(bit_width=2, return_quant_tensor=True),
        qnn.QuantLinear(6, 4, bias=False, weight_bit_width=2),
    )  # fmt: skip
    for _ in range(3):
        module(torch.randn(16, 12))
    module.eval()
    frames = torch.randn(64, 12)
    network = from_torch(module, frames[:1])
    with torch.no_grad():
        expected = module(frames).detach().numpy()
    assert network.is_integer
    assert np.abs(hwsim.simulate(network, frames.numpy()).outputs - expected).max() <= 1e-6


def test_weights_of_two_values_are_binary_unless_kept_real():
    """BinaryConnect's network, with batch norm and a sign: no multiplication, and real weights on request."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(12, 8, bias=False), nn.BatchNorm1d(8), nn.Hardtanh(), nn.Linear(8, 4, bias=False))
    for layer in (module[0], module[3]):
        layer.weight.data = layer.weight.data.sign() * 0.5
    network, kept = (from_torch(module, torch.zeros(1, 12), keep_real=each) for each in (False, True))
    formats = [
        [layer.terms[0].format.name for layer in each.layers if hasattr(layer, "terms")] for each in (network, kept)
    ]
    assert formats == [["binary", "binary"], ["fp32", "fp32"]]
    frames = torch.randn(20, 12)
    with torch.no_grad():
        expected = module.eval()(frames).numpy()
    for each in (network, kept):
        np.testing.assert_allclose(hwsim.simulate(each, frames.numpy()).outputs, expected, rtol=1e-5, atol=1e-6)
