"""Rounding that can be learned: codings as parameters, and what rounding passes back to them.

Codes are s = floor(k x - o + 1/2), read as g s / k. Rounding has no derivative that helps, so one of three takes its
place. All share the paper's rule (section 4.2) that layers behind a rounding see it as the identity.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from hwsim.convert.coding import Coding
from hwsim.convert.scales import SignalSets
from hwsim.train.graph import Graph, Tensor
from hwsim.train.scale_settings import Cost

OCTAVE_PART = 0.15
"""The secant's reach: scales are compared e^0.15 above and below."""

OFFSET_PART = 0.2
"""And offsets, above and below. [codes]"""

LEAST_OFFSET = -0.49
"""Below, a zero would become a one; above, it does not matter whether ReLU is before the offset or behind. [codes]"""


class Parameters:
    """Codings of all sets of signals: log scales, and where wanted log gains (times the scale) and offsets.

    Parameters
    ----------
    graph : Graph
        The network.
    scale : sequence of Coding
        To begin with, one for each layer with weights.
    per_unit : bool
        One of each for every unit, where units may be rounded apart.
    more : bool
        Learn gains and offsets, too.
    """

    def __init__(self, graph: Graph, scale: Sequence[Coding], per_unit: bool, more: bool) -> None:
        sets = SignalSets(graph.network)
        self.graph, self.more = graph, more
        self.of_readers = sets.of_readers
        self.has_offset = {number: more and sets.may_have_offset(number) for number in self.of_readers}
        self.log_scale: dict[int, Tensor] = {}
        self.log_gain: dict[int, Tensor] = {}
        self.offset: dict[int, Tensor] = {}
        for number, each in zip(self.of_readers, scale, strict=True):
            n = sets.n_unit(number) if per_unit else 1
            start = [np.broadcast_to(value, (n,)) for value in (np.log(each.scale), np.log(each.gain), each.offset)]
            for kind, value in zip((self.log_scale, self.log_gain, self.offset), start, strict=True):
                kind.setdefault(number, torch.tensor(value, dtype=graph.dtype))
        for parameter in self.learned:
            parameter.requires_grad_()

    @property
    def learned(self) -> list[Tensor]:
        """What an optimizer is to change."""
        if not self.more:
            return list(self.log_scale.values())
        offsets = [value for number, value in self.offset.items() if self.has_offset[number]]
        return [*self.log_scale.values(), *self.log_gain.values(), *offsets]

    def of(self, k: int) -> "Rounder":
        """How the k-th layer with weights reads."""
        number, shape = self.of_readers[k], self.graph.reads(k).shape
        scale, gain, offset = (_spread(kind[number], shape) for kind in (self.log_scale, self.log_gain, self.offset))
        return Rounder(scale, gain, offset, self.has_offset[number])

    def codings(self) -> tuple[Coding, ...]:
        """As they are now, one for each layer with weights."""
        made = {
            number: Coding(*(value.detach().double().numpy() for value in (scale.exp(), gain.exp(), offset)))
            for number, scale, gain, offset in (
                (number, self.log_scale[number], self.log_gain[number], self.offset[number])
                for number in self.log_scale
            )
        }
        return tuple(made[number] for number in self.of_readers)

    @torch.no_grad()
    def clip(self) -> None:
        """Bring offsets back to where zero stays zero."""
        for value in self.offset.values():
            value.clamp_(min=LEAST_OFFSET)


class Rounder(NamedTuple):
    """One layer's coding, in a shape that its input takes."""

    log_scale: Tensor
    log_gain: Tensor
    offset: Tensor
    has_offset: bool

    @property
    def scale(self) -> Tensor:
        """Codes per unit."""
        return self.log_scale.exp()

    def codes(self, x: Tensor, stretch: float = 0.0, shift: float = 0.0) -> Tensor:
        """Codes, as hardware would make them; of a scale e^stretch times as large, and an offset larger by shift."""
        rounded = torch.floor((self.scale * np.exp(stretch)) * x - (self.offset + shift) + 0.5)
        return rounded.clamp(min=0) if self.has_offset else rounded

    def decode(self, codes: Tensor) -> Tensor:
        """Codes as values."""
        return codes * torch.exp(self.log_gain - self.log_scale)


def magnitude(codes: Tensor, cost: Cost) -> Tensor:
    """What codes cost in unit events, unit by unit: |s|, or |change of s|, of which the first frame has none."""
    return codes.abs() if cost == "rounding" else torch.diff(codes, dim=0).abs()


def straight_through(rounder: Rounder, x: Tensor, cost: Cost) -> tuple[Tensor, Tensor]:
    """The paper's: what rounding adds is a constant, and the cost's derivative is that of |k x| (section 4.2).

    Returns
    -------
    Tensor, Tensor
        What is read, and events (n_frame or n_frame - 1, *shape); their values are true, their derivatives stand in.
    """
    scaled = rounder.scale * x - rounder.offset
    codes = scaled + (rounder.codes(x) - scaled).detach()
    # the cost of a layer passes nothing back to those before it: the authors saw it make scales unstable
    passing = magnitude(rounder.scale * x.detach() - rounder.offset, cost)
    return rounder.decode(codes), _with_value(passing, magnitude(codes.detach(), cost))


def noise(rounder: Rounder, x: Tensor, cost: Cost) -> tuple[Tensor, Tensor]:
    """The paper's for deep networks: in place of rounding, uniform noise of its size (section 5.3)."""
    scaled = rounder.scale * x - rounder.offset
    drawn = torch.rand(x.shape, dtype=x.dtype) - 0.5
    passing = magnitude(rounder.scale * x.detach() - rounder.offset, cost)
    return rounder.decode(scaled + drawn), _with_value(passing, magnitude(rounder.codes(x.detach()), cost))


def secant(rounder: Rounder, x: Tensor, cost: Cost) -> tuple[Tensor, Tensor]:
    """Ours: how codes, and what they cost, differ between a scale (an offset) somewhat larger and one smaller.

    At a code per unit and below, the residue that the paper holds constant is most of the signal, and scales matter
    by which units come to be zero. That, a difference sees.
    """
    with torch.no_grad():
        base = rounder.codes(x)
        passing = (base > 0) | (rounder.scale * x - rounder.offset > -0.5) if rounder.has_offset else base == base
    codes = base + torch.where(passing, rounder.scale.detach(), 0.0) * (x - x.detach())
    events = magnitude(base, cost)
    parts = [(rounder.log_scale, OCTAVE_PART, {"stretch": OCTAVE_PART}, {"stretch": -OCTAVE_PART})]
    if rounder.has_offset:
        parts.append((rounder.offset, OFFSET_PART, {"shift": OFFSET_PART}, {"shift": -OFFSET_PART}))
    for parameter, reach, above, below in parts:
        with torch.no_grad():
            high, low = rounder.codes(x, **above), rounder.codes(x, **below)
            slope = (high - low) / (2 * reach)
            cost_slope = (magnitude(high, cost) - magnitude(low, cost)) / (2 * reach)
        change = parameter - parameter.detach()
        codes, events = codes + slope * change, events + cost_slope * change
    return rounder.decode(codes), events


def _with_value(derivative: Tensor, value: Tensor) -> Tensor:
    """A number whose value is one and whose derivative is another's."""
    return derivative + (value - derivative).detach()


def _spread(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One number, or one for each unit, to be broadcast over frames of a shape."""
    if value.numel() == 1 or len(shape) == 1:
        return value.repeat_interleave(shape[0] // value.numel()) if value.numel() > 1 else value
    return value[:, None, None]
