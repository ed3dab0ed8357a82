"""Element-wise layers that wait behind a tensor, until it is known what they lead to.

On an integer accumulator a batch norm that a quantizer follows need not be computed: both together are thresholds,
which are exact. So element-wise layers are kept back, and made only where nothing absorbs them.
"""

import numpy as np

from hwsim.network.layers import Affine, ElementWise
from hwsim.network.signals import Signal
from hwsim.onnx_file.graph import Array

Chain = tuple[ElementWise, ...]


def with_affine(chain: Chain, name: str, scale: Array | float, offset: Array | float) -> Chain:
    """A chain with scale x value + offset at its end; after another Affine both are one."""
    factor, added = np.asarray(scale, np.float64), np.asarray(offset, np.float64)
    if chain and isinstance(chain[-1], Affine):
        before, chain, name = chain[-1], chain[:-1], chain[-1].name
        added = np.asarray(factor * np.asarray(before.offset) + added)
        factor = np.asarray(factor * np.asarray(before.scale))
    factor, added = (each.ravel()[0] if np.all(each == each.ravel()[0]) else each for each in (factor, added))
    if np.all(factor == 1) and np.all(added == 0):
        return chain
    return (*chain, Affine(name, scale=factor, offset=added))


def factor_of(chain: Chain) -> float | None:
    """The one positive number that a chain multiplies by; None where it does something else."""
    if not chain:
        return 1.0
    (first, *rest) = chain
    if rest or not isinstance(first, Affine) or np.ndim(first.scale) or np.any(first.offset):
        return None
    return float(np.asarray(first.scale)) if np.asarray(first.scale) > 0 else None


def is_uniform(chain: Chain) -> bool:
    """Whether a chain does the same to every channel, so that frames may be rearranged before it."""
    return not any(isinstance(each, Affine) and (np.ndim(each.scale) or np.ndim(each.offset)) for each in chain)


def is_rising(chain: Chain) -> bool:
    """Whether a larger number stays the larger one, in every channel; the largest may then be taken before."""
    return all(each.direction == 1 for each in chain)


def whole_factor_bits(affine: Affine, signal: Signal) -> int:
    """Bits of multipliers that are the factors themselves, of whole numbers that stay such; 0 of any others. [bits]"""
    whole = all(np.all(np.asarray(each) % 1 == 0) for each in (signal.step, affine.scale, affine.offset))
    largest = float(np.abs(affine.scale).max() * np.max(signal.step))
    return int(largest).bit_length() + 1 if whole and largest < 2**31 else 0
