"""What the conversions to integers share: the networks they take, codes of weights and biases, calibration."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network import Dense, Flatten, Layer, Network, Quantize, ReLU
from hwsim.number_format import integer, round_real
from hwsim.signals import FloatArray, IntArray
from hwsim.simulator import simulate

BLOCK = 5000
"""Calibration runs this many frames at a time. [frames]"""


@dataclass(frozen=True)
class Block:
    """A Dense layer and what stands between it and the one before it."""

    before: tuple[Layer, ...]  # Flatten and ReLU
    dense: Dense
    reads_relu: bool  # whether what it reads cannot be negative

    @property
    def weight(self) -> FloatArray:
        """Real weights. (n_in, n_out) float64"""
        return self.dense.terms[0].value

    @property
    def bias(self) -> FloatArray:
        """Real biases. (n_out,) float64"""
        return np.asarray(self.dense.bias, np.float64)


class Reach(NamedTuple):
    """What calibration found of a signal, in its codes, or in real values where it has none."""

    lowest: float
    highest: float
    mean_square: FloatArray  # (n,)


def blocks_of(network: Network) -> tuple[tuple[Block, ...], tuple[Layer, ...]]:
    """Cut a real network before and after each Dense layer: the blocks, and the layers after the last.

    Raises
    ------
    NetworkError
        When there is a layer other than Flatten, ReLU and Dense with one term of real weights, or no Dense.
    """
    blocks: list[Block] = []
    before: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Dense) and len(layer.terms) == 1 and layer.terms[0].format.is_real:
            reads_relu = any(isinstance(each, ReLU) for each in before)
            blocks.append(Block(tuple(before), layer, reads_relu))
            before = []
        elif isinstance(layer, Flatten | ReLU):
            # the layer it reads will be another one
            before.append(replace(layer, inputs=()))
        else:
            raise NetworkError(
                f"network {network.name}: layer {layer.name}: only Flatten, ReLU and Dense with real weights can be "
                f"converted; this is {type(layer).__name__}{' with codes' if isinstance(layer, Dense) else ''}"
            )
    if not blocks:
        raise NetworkError(f"network {network.name}: no Dense layer, so there is nothing to convert")
    return tuple(blocks), tuple(before)


def calibrate(network: Network, data: Dataset) -> Reach:
    """Run a network over data and see how far what it leaves reaches: codes after Quantize, real values else."""
    reaches = [Reach(out.min(), out.max(), (out**2).sum(axis=0)) for out in _outputs(network, data)]
    return Reach(
        min(reach.lowest for reach in reaches),
        max(reach.highest for reach in reaches),
        np.sum([reach.mean_square for reach in reaches], axis=0) / len(data),
    )


def _outputs(network: Network, data: Dataset) -> Iterator[FloatArray]:
    codes = isinstance(network.layers[-1], Quantize)
    for start in range(0, len(data), BLOCK):
        run = simulate(network, data[start : start + BLOCK], execution="sparse")
        yield np.asarray(run.output_codes if codes else run.outputs, np.float64)


def width_of_codes(lowest: float, highest: float, signed: bool) -> int:
    """Smallest bit width of the integers from lowest to highest. [bits]"""
    return next(
        width
        for width in range(1, 33)
        if integer(width, signed).lowest <= lowest and highest <= integer(width, signed).highest
    )


def weight_codes(value: FloatArray, scale: FloatArray | float, bit_width: int) -> IntArray:
    """Real weights as codes: round(value / scale), half up, clipped to the signed format. (n_in, n_out)"""
    format = integer(bit_width)
    return np.clip(round_real(value / scale), format.lowest, format.highest).astype(np.int64)


def bias_codes(value: FloatArray, step: FloatArray | float) -> IntArray:
    """Real biases in steps of the accumulator: round(value / step), half up. (n_out,)"""
    return round_real(value / step).astype(np.int64)


def about(network: Network, data: Dataset, method: str) -> dict[str, object]:
    """What a converted network states of its making."""
    return {
        "method": method,
        "made_from": network.name,
        "made_from_digest": network.digest,
        "data_set": f"{data.name} {data.split}",
        "calibration_frames": len(data),
        "seed": network.about.get("seed"),
    }
