"""Architectures as text, ``784-200-200-10`` or ``3x32x32-128C3-MP2-10``, some of them by name."""

import re
from dataclasses import dataclass
from typing import Literal

from hwsim.errors import UnknownNameError
from hwsim.network.layers.window import Axis
from hwsim.train import TrainingError

ARCHITECTURES = {
    "mlp-784-200-200-10": "784-200-200-10",
    "mlp-784-1024x3-10": "784-1024-1024-1024-10",
    "mlp-784-2048x3-10": "784-2048-2048-2048-10",
    "cnn-lin-2016": "3x32x32-128C3-128C3-MP2-256C2-256C2-MP2-512C2-512C2-MP2-1024C2-1024-10",
    "cnn-hou-2018": "3x32x32-128C3p1-128C3p1-MP2-256C3p1-256C3p1-MP2-512C3p1-512C3p1-MP2-1024-1024-10",
}
"""Networks of Lin et al. 2016 and of Hou & Kwok 2018, of each for MNIST and for CIFAR-10; and a small one."""

MOST = 10**6
"""Largest number that a text may hold; what fits into memory is far below."""

EXAMPLE = "784-200-200-10, 3x32x32-128C3-MP2-10 or one of " + ", ".join(ARCHITECTURES)


@dataclass(frozen=True)
class Unit:
    """A layer with weights and what belongs to it: its pooling, batch norm and, but for the last, ReLU."""

    kind: Literal["dense", "conv"]
    n_in: int  # inputs, or input channels
    n_out: int
    kernel: int = 1  # along either axis
    padding: int = 0
    pool: int = 1  # along either axis, 1 for none
    flatten: bool = False  # whether its input is an image that becomes a vector
    n_neuron: int = 0  # numbers that leave it

    @property
    def n_weight(self) -> int:
        """Weights."""
        return self.n_in * self.n_out * self.kernel**2


@dataclass(frozen=True)
class Architecture:
    """Units in order."""

    text: str
    input_shape: tuple[int, ...]  # (n,) or (C, H, W)
    units: tuple[Unit, ...]

    @property
    def is_convolutional(self) -> bool:
        """Whether it reads images as such."""
        return self.units[0].kind == "conv"


def parse(text: str) -> Architecture:
    """Read an architecture's name or text.

    ``784`` and ``3x32x32`` are inputs, ``200`` is a dense layer, ``128C3`` a convolution with 128 channels and a 3 x 3
    kernel, ``128C3p1`` one with a border of one zero, ``MP2`` a maximum over 2 x 2, which belongs to the convolution
    before it.

    Raises
    ------
    UnknownNameError
        For a name that is none.
    TrainingError
        For a text that is none, or layers that do not fit together.
    """
    if re.fullmatch(r"(mlp|cnn).*", text) and text not in ARCHITECTURES:
        raise UnknownNameError("architecture", text, ARCHITECTURES)
    text = ARCHITECTURES.get(text, text)
    first, *rest = text.split("-")
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*x[1-9]\d*)?", first) or not rest:
        raise TrainingError(f"layers {text!r}: write {EXAMPLE}")
    for number in re.findall(r"\d+", text):
        if len(number) > len(str(MOST)) or int(number) > MOST:
            raise TrainingError(f"layers {text[:80]!r}: {number[:20]} is too large; write numbers up to {MOST:,}")
    shape = tuple(map(int, first.split("x")))
    units: list[Unit] = []
    now = shape
    for word in rest:
        now = _add(units, word, now, text)
    if units[-1].kind != "dense":
        raise TrainingError(
            f"layers {text!r}: end with {rest[-1]}; the last one has to be dense, with a unit per class"
        )
    return Architecture(text, shape, tuple(units))


def _add(units: list[Unit], word: str, now: tuple[int, ...], text: str) -> tuple[int, ...]:
    """Add what a word says; the shape of what leaves it."""
    dense = re.fullmatch(r"[1-9]\d*", word)
    conv = re.fullmatch(r"([1-9]\d*)C([1-9]\d*)(?:p(\d+))?", word)
    pool = re.fullmatch(r"MP([1-9]\d*)", word)
    if dense:
        n_in, n_out = _size(now), int(word)
        units.append(Unit("dense", n_in, n_out, flatten=len(now) == 3, n_neuron=n_out))
        return (n_out,)
    if conv and len(now) == 3:
        n_out, kernel, padding = int(conv[1]), int(conv[2]), int(conv[3] or 0)
        side = tuple(Axis(n, kernel, 1, padding, padding).n_window for n in now[1:])
        units.append(Unit("conv", now[0], n_out, kernel, padding, n_neuron=_size((n_out, *side))))
        return (n_out, *side)
    if pool and units and units[-1].kind == "conv" and units[-1].pool == 1:
        width = int(pool[1])
        left = (now[0], *(Axis(n, width, width).n_window for n in now[1:]))
        last = units.pop()
        units.append(Unit("conv", last.n_in, last.n_out, last.kernel, last.padding, width, n_neuron=_size(left)))
        return left
    raise TrainingError(
        f"layers {text!r}: {word or 'nothing'} cannot come after {'x'.join(map(str, now))}; write {EXAMPLE}"
    )


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for each in shape:
        n *= each
    return n
