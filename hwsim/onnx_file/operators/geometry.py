"""Kernels, strides and paddings, as ONNX writes them, of one or two axes."""

from dataclasses import dataclass

from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.refusal import Refused

Pads = tuple[tuple[int, int], tuple[int, int]]


def pads_of(padding: Pads) -> tuple[int, int, int, int]:
    """Top, left, bottom, right, as ONNX writes them."""
    (top, bottom), (left, right) = padding
    return top, left, bottom, right


@dataclass(frozen=True)
class Geometry:
    """A window on images; of sequences, which are images of height 1, along x."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: Pads


def geometry_of(node: Node, kernel: tuple[int, ...], image: tuple[int, int]) -> Geometry:
    """A node's window of a kernel over images (H, W)."""
    n_axis = len(kernel)
    if n_axis not in (1, 2):
        raise Refused(f"its kernel {kernel} has {n_axis} axes; one or two are supported")
    written = node.attributes.get("kernel_shape", kernel)
    if tuple(written) != tuple(kernel):
        raise Refused(f"kernel_shape {written}, but its weight has {kernel}")
    stride = _both(node.attributes.get("strides"), n_axis, "strides")
    dilation = _both(node.attributes.get("dilations"), n_axis, "dilations")
    whole = (1, kernel[0]) if n_axis == 1 else (kernel[0], kernel[1])
    return Geometry(whole, stride, dilation, _padding(node, n_axis, image, whole, stride, dilation))


def _both(values: tuple[int, ...] | None, n_axis: int, what: str) -> tuple[int, int]:
    if values is None:
        return 1, 1
    if len(values) != n_axis or min(values) < 1:
        raise Refused(f"{what} {values}; expected {n_axis} whole numbers from 1")
    return (1, values[0]) if n_axis == 1 else (values[0], values[1])


def _padding(
    node: Node,
    n_axis: int,
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        y, x = (_same(image[k], kernel[k], stride[k], dilation[k], automatic == "SAME_LOWER") for k in (0, 1))
        return y, x
    pads = tuple(node.attributes.get("pads") or (0,) * (2 * n_axis))
    if automatic == "VALID":
        pads = (0,) * (2 * n_axis)
    if len(pads) != 2 * n_axis or min(pads) < 0:
        raise Refused(f"pads {pads}; expected {2 * n_axis} whole numbers from 0")
    if n_axis == 1:
        return (0, 0), (pads[0], pads[1])
    return (pads[0], pads[2]), (pads[1], pads[3])


def _same(size: int, kernel: int, stride: int, dilation: int, lower: bool) -> tuple[int, int]:
    """Padding such that there are as many windows as strides begin in the input."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    less = total // 2
    return (total - less, less) if lower else (less, total - less)
