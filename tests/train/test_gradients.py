"""Gradients: of weights in use to latent ones, by shifts, through or around batch norm, and to learned steps."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from hwsim import solvers
from hwsim.network.number_format import BINARY, NumberFormat
from hwsim.train.back_propagation import GradientRule, RuledConv2d, RuledLinear
from hwsim.train.binary_connect import ConnectWeight
from hwsim.train.dorefa import DorefaWeight
from hwsim.train.learned_step import LearnedStepWeight, QuantizedReLU
from hwsim.train.loss_aware import SolvedWeight
from hwsim.train.optimization import squared_hinge
from hwsim.train.trained_ternary import TrainedTernaryWeight

pytestmark = pytest.mark.torch

TERNARY = NumberFormat.parse("ternary")


def powers(*shape):
    generator = torch.Generator().manual_seed(0)
    sign = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return sign * 2.0 ** torch.randint(-3, 4, shape, generator=generator)


@pytest.mark.parametrize("rule", [GradientRule(quantized=False), GradientRule(), GradientRule(max_shift=3)])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_of_inputs_that_are_powers_of_two_the_gradient_is_exact(rule, kind):
    torch.manual_seed(0)
    if kind == "linear":
        ruled, plain, read = RuledLinear(6, 4, rule), nn.Linear(6, 4, bias=False), powers(5, 6)
    else:
        ruled, plain = RuledConv2d(2, 3, 3, 1, rule), nn.Conv2d(2, 3, 3, padding=1, bias=False)
        read = powers(2, 2, 5, 4)
    plain.weight.data = ruled.weight.data.clone()
    reads = [read.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(each) for layer, each in zip((ruled, plain), reads, strict=True)]
    assert torch.allclose(*outputs)
    for output in outputs:
        output.square().sum().backward()
    assert torch.allclose(ruled.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)
    assert torch.allclose(reads[0].grad, reads[1].grad, rtol=1e-4, atol=1e-4)


def test_quantized_gradient_is_unbiased():
    """The mean of many draws, against 5 of its standard deviations."""
    torch.manual_seed(0)
    layer, read = RuledLinear(4, 3, GradientRule()), torch.randn(6, 4)
    upward, draws = torch.randn(6, 3), []
    for _ in range(4000):
        layer.weight.grad = None
        layer(read).backward(upward)
        draws.append(layer.weight.grad.clone())
    found = torch.stack(draws)
    deviation = found.std(0) / len(draws) ** 0.5
    assert torch.all((found.mean(0) - upward.T @ read).abs() <= 5 * deviation + 1e-6)
    assert float(found.std(0).min()) > 0


def test_released_gradient_leaves_batch_norm_out_of_the_weights_alone():
    torch.manual_seed(0)
    read = torch.randn(7, 5, requires_grad=True)
    layer = RuledLinear(5, 4, GradientRule(quantized=False, batch_norm="released"))
    norm = nn.BatchNorm1d(4)
    norm.weight.data = torch.rand(4) + 0.5
    norm.register_forward_hook(layer.watch)
    normalized = norm(layer(read))
    kept = []
    normalized.register_hook(kept.append)
    normalized.relu().square().sum().backward()
    assert torch.allclose(layer.weight.grad, kept[0].T @ read.detach())
    plain = nn.Linear(5, 4, bias=False)
    plain.weight.data = layer.weight.data
    other = read.detach().clone().requires_grad_()
    norm(plain(other)).relu().square().sum().backward()
    assert torch.allclose(read.grad, other.grad)  # what goes down is exact
    assert not torch.allclose(layer.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("format", [BINARY, TERNARY])
def test_forward_and_backward_share_one_draw(format):
    torch.manual_seed(0)
    layer = nn.Linear(6, 5, bias=False)
    nn.init.uniform_(layer.weight, -1, 1)
    quantizer = ConnectWeight(format, 1.0)
    parametrize.register_parametrization(layer, "weight", quantizer, unsafe=True)
    read = torch.eye(6, requires_grad=True)
    output = layer(read)
    drawn = output.detach().T
    assert set(drawn.unique().tolist()) <= {-1.0, 0.0, 1.0}
    output.backward(torch.eye(6, 5))
    assert torch.equal(read.grad, torch.eye(6, 5) @ drawn)
    latent = layer.parametrizations.weight.original
    assert torch.equal(latent.grad, torch.eye(5, 6))  # straight through
    assert not torch.equal(layer(read.detach()).T, drawn)  # the next minibatch has another


def test_quantized_connect_weights_are_the_nearest_levels():
    latent = torch.tensor([[-0.3, -0.1, 0.0, 0.12, 0.26]])
    binary, ternary = (ConnectWeight(format, 0.25, stochastic=False) for format in (BINARY, TERNARY))
    assert binary(latent).tolist() == [[-0.25, -0.25, 0.25, 0.25, 0.25]]
    assert ternary(latent).tolist() == [[-0.25, 0, 0, 0, 0.25]]
    parameter = nn.Parameter(latent.clone())
    binary.after_step(parameter)
    assert parameter.detach().abs().max() == 0.25


def test_squared_gradients_are_taken_at_the_quantized_weights():
    torch.manual_seed(0)
    latent = nn.Parameter(torch.randn(3, 4))
    quantizer = SolvedWeight(lambda w, d, _: solvers.solve_lat_exact(w, d), TERNARY, latent)
    used = quantizer(latent)
    expected = solvers.solve_lat_exact(latent.detach().numpy())  # no gradients yet: equal curvature
    np.testing.assert_allclose(used.detach().numpy(), expected.value, rtol=1e-6)
    (used**2).sum().backward()
    assert torch.equal(latent.grad, 2 * used.detach())
    for _ in range(2):
        quantizer.after_step(latent)
    expected = 0.001 * latent.grad**2 * (1 + 0.999)  # from zero, without correction
    assert torch.allclose(quantizer.squared_gradient, expected)
    assert latent.detach().abs().max() <= 1
    curvature = expected.sqrt().numpy() + 1e-8
    solved = solvers.solve_lat_exact(latent.detach().numpy(), curvature)
    np.testing.assert_allclose(quantizer(latent).detach().numpy(), solved.value, rtol=1e-5)


def test_alternation_begins_where_the_last_step_ended():
    seen = []

    def solve(weight, curvature, previous):
        seen.append(None if previous is None else previous.copy())
        return solvers.solve_lat(weight, curvature, previous)

    latent = torch.randn(3, 4)
    quantizer = SolvedWeight(solve, TERNARY, latent)
    quantizer(latent)
    quantizer.use = "quantized"  # an evaluation leaves no trace
    quantizer(-latent)
    quantizer.use = "training"
    quantizer(latent)
    assert seen[0] is None
    expected = solvers.solve_lat(latent.numpy(), np.full(latent.shape, 1e-8, np.float32)).code
    assert np.array_equal(seen[1], expected)
    assert np.array_equal(seen[2], expected)


def test_trained_ternary():
    latent = nn.Parameter(torch.tensor([0.8, 0.3, -0.5, 0.01, -0.02]))
    quantizer = TrainedTernaryWeight()
    quantizer.start(latent.detach())
    assert quantizer.positive.item() == pytest.approx(0.55)
    assert quantizer.negative.item() == pytest.approx(0.5)
    used = quantizer(latent)
    assert used.tolist() == pytest.approx([0.55, 0.55, -0.5, 0, 0])
    used.backward(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert float(quantizer.positive.grad) == 3
    assert float(quantizer.negative.grad) == -3
    assert latent.grad.tolist() == pytest.approx([0.55, 1.1, 1.5, 4, 5])


@pytest.mark.parametrize("bit_width", [1, 2, 3])
def test_dorefa_levels(bit_width):
    latent = torch.linspace(-2, 2, 101)
    quantizer = DorefaWeight(bit_width)
    used, n = quantizer(latent), 2**bit_width - 1
    smooth = torch.tanh(latent) / float(torch.tanh(latent).abs().max())
    expected = 2 * torch.floor((smooth / 2 + 0.5) * n + 0.5) / n - 1
    assert torch.allclose(used, expected, atol=1e-6)
    (term,) = quantizer.terms(latent)
    assert set(np.unique(term.code)) == set(range(-n, n + 1, 2))
    assert quantizer.format.lowest <= term.code.min()


def test_learned_steps_of_weights():
    """Esser et al., eq. 2 and 3, and the gradient's scale of section 2.2."""
    latent = nn.Parameter(torch.tensor([0.1, 0.24, -0.9, 3.0]))
    quantizer = LearnedStepWeight(3, 4)
    quantizer.step.data.fill_(0.2)
    used = quantizer(latent)
    assert used.tolist() == pytest.approx([0.2, 0.2, -0.8, 0.6])
    used.sum().backward()
    # rounded less real within the range, the limit beyond it; -0.9 / 0.2 is below the lowest code
    expected = (1 - 0.5) + (1 - 1.2) + -4 + 3
    assert float(quantizer.step.grad) == pytest.approx(expected / (4 * 3) ** 0.5, rel=1e-5)
    assert latent.grad.tolist() == [1, 1, 0, 0]


def test_learned_steps_of_activations():
    relu = QuantizedReLU(2, 10)
    read = torch.tensor([[-1.0, 0.2, 0.5, 9.0]], requires_grad=True)
    relu(read)
    assert relu.step.item() == pytest.approx(2 * (9.7 / 4) / 3**0.5)
    relu.step.data.fill_(0.4)
    left = relu(read)
    assert left.tolist()[0] == pytest.approx([0, 0.4, 0.4, 1.2])
    left.sum().backward()
    assert read.grad.tolist() == [[0, 1, 1, 0]]


def test_a_step_of_activations_that_became_negative_is_the_least_one_and_learns_on():
    relu = QuantizedReLU(2, 10)
    relu.started.fill_(True)
    relu.step.data.fill_(-0.1)
    relu(torch.tensor([[-1.0, 0.5, 9.0]])).sum().backward()
    assert relu.step.item() == pytest.approx(1e-6)  # what a network is exported with
    assert relu.step.grad.item() == pytest.approx(2 * 3 / (10 * 3) ** 0.5)


def test_squared_hinge():
    output = torch.tensor([[2.0, -3.0, 0.5], [0.0, 0.0, -0.5]])
    # the last output of the first frame, and all of the second's, are within the margin
    frames = [1.5**2, 1 + 1 + 0.5**2]
    label = torch.tensor([0, 1])
    assert float(squared_hinge(output, label, "sum")) == pytest.approx(sum(frames) / 2)
    assert float(squared_hinge(output, label, "mean")) == pytest.approx(sum(frames) / 6)
