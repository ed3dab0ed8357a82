"""Alphabets: the levels that a quantized weight may have, as whole codes and one scale.

An alphabet of M levels is equispaced and symmetric (Lybrand & Saab, JMLR 22 (156), 2021; as their code has it,
radius x linspace(-1, 1, M)). With M odd, zero is among them and codes are -(M - 1)/2 ... (M - 1)/2; with M even it
is not, and codes are the odd numbers from -(M - 1) to M - 1. That of the follow-up (Zhang, Zhou & Saab, SIAM J. Math.
Data Sci. 5 (2), 2023) has 2^b + 1 levels, so an odd number, and a gap around zero where small weights are dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic, Weight
from hwsim.network.number_format import BINARY, TERNARY, NumberFormat, integer, width_of
from hwsim.network.signals import FloatArray, IntArray

Unit: TypeAlias = Literal["median", "nonzero-median", "largest"]
"""What a radius is a multiple of: the layer's median |w| (the paper), that of the weights that are not zero (for
pruned networks, where more than half are), or the mean over neurons of their largest |w| (the follow-up)."""

Number = TypeVar("Number", int, float)
PerLayer: TypeAlias = Number | Sequence[Number] | Mapping[str, Number]
"""One number for all layers with weights, one for each in their order, or by their names."""

MOST_LEVELS = 2**15 - 1


@dataclass(frozen=True, eq=False)
class Alphabet:
    """Levels code x scale, rising."""

    code: IntArray  # (n_level,)
    scale: float  # real value of one code

    @property
    def level(self) -> FloatArray:
        """The levels. (n_level,) float64"""
        return np.asarray(self.code * np.float64(self.scale))

    def weight(self, index: npt.NDArray[np.int16]) -> Weight:
        """Weights of which level each is, in the layer's layout; -1 stands for a zero outside the alphabet."""
        # short ones, because large layers have 1e8 weights
        code = self.code.astype(np.min_scalar_type(-int(self.code[-1]) - 1))[index]
        code[index < 0] = 0
        return Weight(code, self._format(bool(np.any(code == 0))), self.scale)

    def _format(self, has_zero: bool) -> NumberFormat:
        largest = int(self.code[-1])
        if largest == 1:
            return TERNARY if has_zero or self.code.size > 2 else BINARY
        return integer(width_of(largest))


def equispaced(levels: int, radius: float) -> Alphabet:
    """The alphabet of M levels from -radius to radius.

    Parameters
    ----------
    levels : int
        M, from 2 on: 3 is ternary, 16 has 4 bits.
    radius : float
        The highest level. [units of weight]

    Raises
    ------
    NetworkError
        For fewer than two levels or a radius that is no positive number.
    """
    if not 2 <= levels <= MOST_LEVELS or levels != int(levels):
        raise NetworkError(f"{levels} levels: write a whole number from 2 to {MOST_LEVELS}, such as 3: ternary weights")
    check_radius(radius)
    levels = int(levels)
    code = np.arange(-(levels - 1), levels, 2) // (1 + levels % 2)
    return Alphabet(code, radius / int(code[-1]))


def gapped(levels: int, radius: float, threshold: float) -> Alphabet:
    """The follow-up's alphabet for hard thresholds: 0 and, from the threshold to the radius, levels of one spacing.

    M = 2 K + 1 levels become 0 and K + 1 levels on either side. So that they are codes of one scale, the threshold is
    made the nearest whole number of spacings. Three levels stay three, and so do others where that number is none.

    Parameters
    ----------
    levels : int
        M, odd.
    radius, threshold : float
        Highest and lowest positive level. [units of weight]

    Raises
    ------
    NetworkError
        For an even number of levels, or a threshold that is not between zero and the radius.
    """
    plain = equispaced(levels, radius)
    if levels % 2 == 0:
        raise NetworkError(f"{levels} levels: a threshold drops small weights to zero, so take an odd number")
    if not 0 <= threshold < radius:
        raise NetworkError(f"threshold {threshold:g}: expected a number from 0 to below the radius, {radius:g}")
    n_step = int(plain.code[-1])
    gap = round(threshold * n_step / (radius - threshold))
    if levels == 3 or gap == 0:
        return plain
    positive = np.arange(gap, n_step + gap + 1)
    return Alphabet(np.concatenate([-positive[::-1], [0], positive]), radius / (n_step + gap))


def unit_of(weight: FloatArray, unit: Unit) -> float:
    """What the radius of a layer is a multiple of.

    Parameters
    ----------
    weight : (n_in, n_out) or (C_out, C_in / groups, kH, kW)
        Real weights of a layer.
    unit : {"median", "nonzero-median", "largest"}
        See `Unit`.

    Raises
    ------
    NetworkError
        When it is zero, or another unit is asked for.
    """
    magnitude = np.abs(weight)
    if unit not in get_args(Unit):
        raise NetworkError(f"radius in units of {unit!r}; write {', '.join(get_args(Unit))}")
    if not magnitude.any():
        raise NetworkError("all its weights are 0: there is nothing to quantize")
    if unit == "largest":
        return float(magnitude.max(axis=0 if weight.ndim == 2 else (1, 2, 3)).mean())
    value = float(np.median(magnitude[magnitude > 0] if unit == "nonzero-median" else magnitude))
    if value == 0:
        raise NetworkError("its median |weight| is 0, so that its alphabet has no radius; take the unit nonzero-median")
    return value


def per_layer(network: Network, given: PerLayer[Number], what: str) -> dict[str, Number]:
    """A number for each layer with weights, by its name.

    Raises
    ------
    NetworkError
        When numbers and layers do not match.
    """
    names = [layer.name for layer in network.layers if isinstance(layer, Synaptic)]
    if isinstance(given, int | float | np.integer | np.floating):
        return dict.fromkeys(names, given)
    if isinstance(given, Mapping):
        numbers = dict(given)
    elif len(given) == len(names):
        numbers = dict(zip(names, given, strict=True))
    else:
        raise NetworkError(f"network {network.name}: {len(given)} {what} for {len(names)} layers with weights")
    if set(numbers) != set(names):
        odd = sorted(set(numbers) ^ set(names))
        raise NetworkError(
            f"network {network.name}: {what} by layer: {', '.join(odd)} missing, or no layer with weights"
        )
    return numbers


def check_radius(radius: float) -> None:
    """Raise a NetworkError for what is no positive number."""
    if not (np.isfinite(radius) and radius > 0):
        raise NetworkError(f"radius {radius}: expected a positive number")
