"""Numbers as a reader wants them: three figures, thousands separated, and one unit for a whole table."""

import math
from collections.abc import Iterable
from typing import NamedTuple

_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))


class Unit(NamedTuple):
    """A unit of energy or power, and how many joules or watts it is."""

    name: str  # e.g. "nJ"
    joule: float  # [J], or [W]

    def of(self, energy: float) -> float:
        """An energy [J] in this unit."""
        return energy / self.joule

    def text(self, energy: float | None) -> str:
        """An energy [J] in this unit, without its name; a dash where there is none."""
        return "-" if energy is None else figures(self.of(energy))


def energy_unit(energies: Iterable[float]) -> Unit:
    """The unit for energies shown side by side [J]: the largest in which the smallest of them is 1 or more.

    Of energies further than 10^5 apart the largest would be unreadable, so it is given up to seven places.
    """
    above_zero = [energy for energy in energies if energy > 0 and math.isfinite(energy)]
    if not above_zero:
        return Unit("nJ", 1e-9)
    smallest = max(min(above_zero), max(above_zero) / 1e6)
    scale, prefix = next((each for each in _PREFIXES if smallest >= each[0] * (1 - 1e-12)), _PREFIXES[-1])
    return Unit(f"{prefix}J", scale)


def power_unit(powers: Iterable[float | None]) -> Unit:
    """The unit for powers shown side by side [W], chosen as for energies."""
    unit = energy_unit(power for power in powers if power is not None)
    return unit._replace(name=unit.name.replace("J", "W"))


def time_unit(times: Iterable[float]) -> Unit:
    """The unit for times shown side by side [s], chosen as for energies."""
    unit = energy_unit(times)
    return unit._replace(name=unit.name.replace("J", "s"))


def figures(value: float) -> str:
    """Three figures or all whole places; never an exponent: ``9,983``, ``12.3``, ``0.004``, ``<0.0001``."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "∞" if value > 0 else "-"
    size = abs(value)
    if size < 0.0005:
        return "<0.0001" if size < 0.00005 else f"{value:.4f}"
    if size < 0.9995:
        return f"{value:.3f}"
    places = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{places}f}"


def whole(value: float) -> str:
    """A mean count: whole from 100 on, else with decimals."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else figures(value)


def times(factor: float | None, sign: str = "x") -> str:
    """A factor, e.g. ``23.2x``; a dash where there is none."""
    return "-" if factor is None else f"{figures(factor)}{sign}"


def with_prefix(value: float, unit: str) -> str:
    """A quantity with the prefix that suits it: ``4.77 µW``."""
    if value <= 0 or not math.isfinite(value):
        return f"{figures(value)} {unit}"
    scale, prefix = next((each for each in _PREFIXES if value >= each[0] * 0.9995), _PREFIXES[-1])
    return f"{figures(value / scale)} {prefix}{unit}"


def percent(fraction: float | None, n_frame: int) -> str:
    """An accuracy without its sign: to a tenth of a point, or to a hundredth where there are frames enough for it."""
    if fraction is None:
        return "-"
    return f"{100 * fraction:.{2 if n_frame >= 1000 else 1}f}"


def size(n_byte: int) -> str:
    """A memory's capacity."""
    for scale, name in ((1024**2, "MiB"), (1024, "KiB")):
        if n_byte >= scale:
            return f"{n_byte / scale:g} {name}"
    return f"{n_byte} bytes"
