"""How many levels each layer's weights get: energy is spent where it buys most accuracy.

For each layer and each number of levels, what it costs is counted and priced, and what it spoils is measured: how far
the network's outputs move when only that layer is quantized. Starting from the cheapest alphabets, the upgrade that
removes most error per joule is made, again and again. Errors of layers are taken to add up, which is an assumption.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwsim.convert import activations, gpfq
from hwsim.convert.alphabet import Unit
from hwsim.convert.greedy import quantize
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.convert.layers_of_codes import alphabet_of, with_codes
from hwsim.convert.patches import parts_of, whole_of
from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.machine import Machine, load_machine
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.pricing.energy import price
from hwsim.pricing.energy_table import EnergyTable
from hwsim.simulation.simulator import simulate


@dataclass(frozen=True)
class Choice:
    """Levels by layer, and what they are expected to cost and to spoil."""

    levels: dict[str, int]
    energy: float  # of the layers with weights [J per inference]
    error: float  # squared, relative to the outputs: the sum over layers


def frontier(
    network: Network,
    inputs: LayerInputs,
    data: Dataset,
    radius: Mapping[int, float],
    *,
    table: str | EnergyTable = "default_45nm",
    machine: str | Machine = "zero-skipping-mac",
    signal_bit_width: int = 8,
    unit: Unit = "median",
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Choice, ...]:
    """Choices from the cheapest to the richest, each one upgrade of one layer away from the last.

    Parameters
    ----------
    network : Network
        Real.
    inputs : LayerInputs
        Of the network, on calibration frames.
    data : Dataset
        Frames on which errors are measured and events counted; not those that accuracies are reported on.
    radius : mapping
        The numbers of levels to choose from, and the radius of each. [units of the layer's weights]
    table, machine
        What prices the layers, and what executes them.
    signal_bit_width : int
        Of the events that meet the weights. [bits]
    unit : {"median", "nonzero-median", "largest"}
        See `hwsim.convert.alphabet.Unit`.
    progress : callable
        Told what is done next.

    Raises
    ------
    NetworkError
        When there is nothing to choose from.
    """
    if len(radius) < 2:
        raise NetworkError("a choice of levels needs two numbers or more, each with its radius")
    names = [layer.name for layer in inputs.layers]
    energy: dict[tuple[str, int], float] = {}
    for levels, reach in radius.items():
        progress(f"pricing {levels} levels")
        converted = gpfq.convert(network, inputs, levels, reach, unit=unit)
        coded = activations.convert(converted, inputs.data, signal_bit_width)
        priced = _energy_by_layer(coded, data, load_machine(machine), table)
        energy |= {(name, levels): priced[name] for name in names}
    error = _errors(network, inputs, data, radius, unit, progress)
    cheapest = {name: min(radius, key=lambda levels: (energy[name, levels], error[name, levels])) for name in names}
    return _climb(cheapest, energy, error)


def within(choices: Sequence[Choice], budget: float) -> Choice:
    """The richest choice that costs no more than a budget. [J per inference]

    Raises
    ------
    NetworkError
        When even the cheapest does.
    """
    fitting = [choice for choice in choices if choice.energy <= budget]
    if not fitting:
        least = min(choice.energy for choice in choices)
        raise NetworkError(f"a budget of {budget:.3g} J per inference; the cheapest choice takes {least:.3g} J")
    return min(fitting, key=lambda choice: choice.error)


def _energy_by_layer(network: Network, data: Dataset, machine: Machine, table: str | EnergyTable) -> dict[str, float]:
    """[J per inference]"""
    breakdown = price(count(simulate(network, data, machine.execution).activity, machine), table)
    layers = [layer.name for layer in network.layers if isinstance(layer, Synaptic)]
    return {name: breakdown.of(layer=name) / len(data) for name in layers}


def _errors(
    network: Network,
    inputs: LayerInputs,
    data: Dataset,
    radius: Mapping[int, float],
    unit: Unit,
    progress: Callable[[str], None],
) -> dict[tuple[str, int], float]:
    """How far the outputs move when one layer alone is quantized: squared, relative to the outputs."""
    exact = simulate(network, data, "sparse").outputs.astype(np.float64)
    errors = {}
    for layer in inputs.layers:
        progress(f"measuring {layer.name}")
        moments = inputs.moments(layer, inputs.analog)
        for levels, reach in radius.items():
            alphabet = alphabet_of(network, layer, levels, reach, unit)
            parts = parts_of(layer, inputs.joint)
            pairs = zip(parts, moments, strict=True)
            index = np.stack([quantize(weight, of_data, alphabet.level) for weight, of_data in pairs])
            coded = with_codes(layer, alphabet, whole_of(index, layer, inputs.joint))
            layers = tuple(coded if each.name == layer.name else each for each in network.layers)
            outputs = simulate(replace(network, layers=layers), data, "sparse").outputs
            errors[layer.name, levels] = float(np.sum((outputs - exact) ** 2) / np.sum(exact**2))
    return errors


def _climb(
    start: dict[str, int], energy: dict[tuple[str, int], float], error: dict[tuple[str, int], float]
) -> tuple[Choice, ...]:
    """From the cheapest, the upgrade that removes most error per joule, until none removes any."""

    def choice(levels: dict[str, int]) -> Choice:
        return Choice(
            dict(levels), sum(map(energy.__getitem__, levels.items())), sum(map(error.__getitem__, levels.items()))
        )

    levels, choices = dict(start), [choice(start)]
    while True:
        gains = {
            (name, many): (error[name, levels[name]] - error[name, many])
            / max(energy[name, many] - energy[name, levels[name]], 1e-30)
            for name, many in energy
            if error[name, many] < error[name, levels[name]]
        }
        if not gains:
            return tuple(choices)
        name, many = max(gains, key=gains.__getitem__)
        levels[name] = many
        choices.append(choice(levels))
