"""What the conversions to integers share: widths, codes of weights and biases, and what a result states."""

import numpy as np

from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.number_format import integer, round_real
from hwsim.network.signals import FloatArray, IntArray


def width_of_codes(lowest: float, highest: float, signed: bool) -> int:
    """Smallest bit width of the integers from lowest to highest. [bits]"""
    return next(
        width
        for width in range(1, 33)
        if integer(width, signed).lowest <= lowest and highest <= integer(width, signed).highest
    )


def weight_codes(value: FloatArray, scale: FloatArray | float, bit_width: int) -> IntArray:
    """Real weights as codes: round(value / scale), half up, clipped to the signed format."""
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
