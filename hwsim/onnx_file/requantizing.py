"""Scale and offset between integers and a quantizer, as hardware has them: multiplier, stored constant, shift."""

from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.network.layers import Add, Affine, HardTanh, ReLU, Synaptic
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import Chain
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import turned


@dataclass(frozen=True, eq=False)
class Requantized:
    """What a quantizer reads: codes x step x factor + offset, then clips."""

    tensor: Tensor
    factor: float = 1.0
    offset: Array = field(default_factory=lambda: np.zeros(()))  # () or (channels,) [values]
    after: Chain = ()


def is_straight(chain: Chain) -> bool:
    """Whether a chain only clips, and scales and shifts at most once."""
    return (
        all(isinstance(each, Affine | ReLU | HardTanh) for each in chain)
        and sum(isinstance(each, Affine) for each in chain) <= 1
    )


def requantized(builder: Builder, tensor: Tensor) -> Requantized | None:
    """A tensor of integers without what waits behind it, which a quantizer takes over; None where it cannot.

    A factor that differs by channel, or falls, goes into the weights before it, whose steps then differ by channel.
    """
    if not is_straight(tensor.chain):
        return None
    at = next((k for k, each in enumerate(tensor.chain) if isinstance(each, Affine)), len(tensor.chain))
    before, affine, after = tensor.chain[:at], Affine("affine"), tensor.chain[at + 1 :]
    if at < len(tensor.chain):
        affine = tensor.chain[at]  # type: ignore[assignment]
    factor, offset = np.asarray(affine.scale, np.float64), np.asarray(affine.offset, np.float64)
    if not np.any(offset) and all(isinstance(each, ReLU) for each in after):
        before, after = (*before, *after), ()  # zero stays where it is
    if factor.ndim or np.any(factor <= 0):
        if not _folded(builder, tensor, factor, before):
            return None
        factor = np.asarray(1.0)
    # which may make the offset a whole number of the new steps
    if tensor.is_alone and not before and builder.folded(tensor.layer, Affine("offset", offset=offset / factor)):
        offset = np.zeros(())
    for clip in dict.fromkeys(before):
        tensor = replace(tensor, layer=builder.add(clip, tensor.layer))
    return Requantized(replace(tensor, chain=()), float(factor), offset, after)


def _folded(builder: Builder, tensor: Tensor, factor: Array, before: Chain) -> bool:
    """Take factors into the weights, their signs into the codes; whether that can be done."""
    layer = builder.layers.get(tensor.layer)
    if not tensor.is_alone or not isinstance(layer, Synaptic) or len(layer.terms) != 1:
        return False
    if not all(isinstance(each, ReLU) for each in before) or (before and np.any(factor <= 0)):
        return False
    sign = np.broadcast_to(np.sign(factor).astype(np.int64), (layer.n_channel,))
    if np.any(sign == 0) and layer.terms[0].format.kind not in ("integer", "ternary"):
        return False
    if np.any(sign <= 0) and not turned(builder, tensor, sign):
        return False
    magnitude = np.where(factor == 0, 1, np.abs(factor))
    return builder.folded(tensor.layer, Affine("factor", scale=one_or_all(magnitude)))


def one_or_all(number: Array) -> Array:
    """One number where all channels have the same."""
    return number.ravel()[0] if number.ndim and np.all(number == number.ravel()[0]) else number


def is_sum(builder: Builder, tensor: Tensor) -> bool:
    """Whether an Add of codes of unequal steps is all that is before a tensor, so that the Network finds its widths."""
    layer = builder.layers.get(tensor.layer)
    while isinstance(layer, ReLU | HardTanh):
        layer = builder.layers.get(layer.inputs[0])
    return isinstance(layer, Add) and tensor.is_alone
