"""Carrying a table to another process node by published equations: a step of its own, never part of pricing.

The energy of a gate follows a parabola in the supply voltage, e(V) = e2 V^2 + e1 V + e0, with coefficients for each
node (Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm",
Integration, the VLSI Journal 58, 2017); a figure is multiplied by e_to(V_to) / e_from(V_from). The equations describe
logic. Where the same authors' figures exist for both nodes they disagree with them: Jouppi et al. 2021 print arithmetic
at 7 nm as 0.35 of that at 45 nm, the equations say 0.07 to 0.12. Both belong to the result: the equations give its
energies, the published figures the other end of its interval.
"""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

from hwsim.errors import TableError
from hwsim.pricing.energy_table.figure_schema import Law, Source
from hwsim.pricing.energy_table.price import Points, Price, Process, is_quantity
from hwsim.pricing.energy_table.price_list import PricedLaw
from hwsim.pricing.energy_table.table import EnergyTable

Family = Literal["hp", "lp"]
METHOD = "stillmaker-baas"
SOURCE_KEY = "stillmaker_2017"
SOURCE = Source(
    authors="A. Stillmaker, B. Baas",
    title="Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm",
    venue="Integration, the VLSI Journal 58, pp. 74-81",
    year=2017,
    doi="10.1016/j.vlsi.2017.02.002",
)
# e2, e1, e0 by node [nm]; transcribed from a published program that holds the paper's tables (nodeScale)
_OLD = {180: (0.0, 24.64, -17.98), 130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975)}
COEFFICIENTS = MappingProxyType(
    {
        "hp": _OLD
        | {45: (1.018, -0.3107, 0.1539), 32: (0.8367, -0.4341, 0.1701), 20: (0.373, -0.1582, 0.04104)}
        | {16: (0.2958, -0.1241, 0.03024), 14: (0.2363, -0.09675, 0.02239), 10: (0.2068, -0.09311, 0.02375)}
        | {7: (0.1776, -0.09097, 0.02447)},
        "lp": _OLD
        | {45: (1.103, -0.362, 0.2767), 32: (0.9559, -0.7823, 0.471), 20: (0.2632, -0.14, 0.06841)}
        | {16: (0.2139, -0.1187, 0.05639), 14: (0.1556, -0.06472, 0.03066), 10: (0.1261, -0.0518, 0.02769)}
        | {7: (0.09365, -0.03409, 0.02043)},
    }
)
NOMINAL_SUPPLY = {65: 1.1, 45: 0.9, 32: 0.9, 20: 0.9, 16: 0.8, 14: 0.8, 10: 0.75, 7: 0.7}
"""Supply where none is given [V] by node [nm]; between two of these nodes it is interpolated."""
PUBLISHED_NODES = (7.0, 45.0)
PUBLISHED_EXPONENT = 0.567
"""Published arithmetic (Jouppi et al. 2021, Table 2) as a line in logarithms: energy ~ node to this power."""
PUBLISHED = (
    "Jouppi et al. 2021, Table 2, from 45 to 7 nm: additions x0.23 to x0.42, multiplications x0.31 to x0.48, "
    "geometric mean x0.35; SRAM of 8 KiB x0.75, 32 KiB x0.43, 1 MiB x0.14"
)


@dataclass(frozen=True)
class Scaling:
    """What is multiplied by what, and what published figures say instead."""

    from_node: float  # [nm]
    from_supply: float  # [V]
    to_node: float  # [nm]
    to_supply: float  # [V]
    family: Family
    factor: float
    published_factor: float | None  # None outside the published nodes

    @property
    def text(self) -> str:
        """In one line."""
        return (
            f"{METHOD} ({self.family.upper()}), {self.from_node:g} nm at {self.from_supply:g} V to {self.to_node:g} nm "
            f"at {self.to_supply:g} V: x{self.factor:.4g}"
        )

    @property
    def published_text(self) -> str:
        """What published figures say of the same step, in one line."""
        if self.published_factor is None:
            return f"no published figures for this step beside the equations ({PUBLISHED})"
        return f"published figures give x{self.published_factor:.2g} for this step (a line through {PUBLISHED})"

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest of the two factors."""
        factors = (self.factor, self.factor if self.published_factor is None else self.published_factor)
        return min(factors), max(factors)


def scaling(
    table: EnergyTable,
    to_node: float,
    to_supply: float | None = None,
    from_supply: float | None = None,
    family: str = "hp",
) -> Scaling:
    """How a table's energies change from its node to another.

    Parameters
    ----------
    table : EnergyTable
        Of one process; its supply is used where `from_supply` is not given.
    to_node : float
        Node, 7 to 180. [nm] Between the nodes of the equations their factors are interpolated linearly.
    to_supply, from_supply : float, optional
        Supplies [V]; unless given, what the table states, else the nominal ones of the nodes.
    family : str
        ``hp`` or ``lp``: high-performance or low-power transistors, at both ends.

    Raises
    ------
    TableError
        When the table is of no one process, a node or supply lies outside the equations, or no supply is known.
    """
    if family not in get_args(Family):
        raise TableError(f"no family of transistors {family!r}; write hp or lp")
    if table.process_node is None:
        raise TableError(f"energy table {table.name} is of no one process; only a table with a process_node is scaled")
    others = sorted({node for node in table.parts.values() if node} - {table.process_node})
    if others:
        nodes = " and ".join(f"{node:g}" for node in (table.process_node, *others))
        raise TableError(f"energy table {table.name} is composed of tables of {nodes} nm; scale each by itself")
    for node in (table.process_node, to_node):  # before supplies, which would not help
        _neighbours(node, tuple(COEFFICIENTS[family]))
    from_supply = _supply(from_supply, "--from-supply")
    from_supply = from_supply or table.supply or _nominal(table.process_node, "--from-supply")
    to_supply = _supply(to_supply, "--to-supply") or _nominal(to_node, "--to-supply")
    start, end = (
        _energy(node, supply, family) for node, supply in ((table.process_node, from_supply), (to_node, to_supply))
    )
    inside = all(PUBLISHED_NODES[0] <= node <= PUBLISHED_NODES[1] for node in (table.process_node, to_node))
    published = (to_node / table.process_node) ** PUBLISHED_EXPONENT if inside else None
    return Scaling(table.process_node, from_supply, to_node, to_supply, family, end / start, published)  # type: ignore[arg-type]


def _supply(supply: float | None, option: str) -> float | None:
    """A supply that was given [V]; None where none was."""
    if supply is not None and not (is_quantity(supply) and supply > 0):
        raise TableError(f"{option} {supply!r}: write a supply in volts, above 0")
    return supply


def _neighbours(node: float, known: tuple[int, ...]) -> tuple[int, int]:
    """The known nodes around one, or itself twice."""
    if not is_quantity(node):
        raise TableError(f"{node!r} is no node; write one in nanometres, such as 22")
    if not min(known) <= node <= max(known):
        raise TableError(f"{node:g} nm: the equations hold from {min(known)} to {max(known)} nm")
    return max(each for each in known if each <= node), min(each for each in known if each >= node)


def _between(node: float, below: int, above: int, values: tuple[float, float]) -> float:
    return values[0] if below == above else values[0] + (values[1] - values[0]) * (node - below) / (above - below)


def _nominal(node: float, option: str) -> float:
    known = tuple(NOMINAL_SUPPLY)
    if not min(known) <= node <= max(known):
        raise TableError(f"{node:g} nm: no nominal supply is known; give {option} in volts")
    below, above = _neighbours(node, known)
    return _between(node, below, above, (NOMINAL_SUPPLY[below], NOMINAL_SUPPLY[above]))


def _energy(node: float, supply: float, family: str) -> float:
    """The equations' energy at a node and supply, in their own unit."""
    rows = COEFFICIENTS[family]
    below, above = _neighbours(node, tuple(rows))
    energies = []
    for each in (below, above):
        e2, e1, e0 = rows[each]
        energy, slope = e2 * supply**2 + e1 * supply + e0, 2 * e2 * supply + e1
        if not (math.isfinite(energy) and energy > 0 and slope > 0):
            raise TableError(f"{supply:g} V at {each} nm: outside the equations; give a supply near the nominal one")
        energies.append(energy)
    return _between(node, below, above, (energies[0], energies[1]))


def scale(table: EnergyTable, step: Scaling) -> EnergyTable:
    """A table carried to another node: every energy but DRAM's, standing `scaled`, its original beside it.

    Parameters
    ----------
    table : EnergyTable
        The table that `step` was made for.
    step : Scaling
        From :func:`scaling`. The interval of each figure runs from its low times the smaller to its high times the
        larger of the two factors.

    Returns
    -------
    EnergyTable
        Without leakage, which the equations do not describe.
    """
    name = f"{table.name}_at_{step.to_node:g}nm"
    kept = {kind: columns for kind, columns in table.memories.items() if kind.startswith("dram")}
    memories = {
        kind: {word_length: _scaled_points(points, step) for word_length, points in columns.items()}
        for kind, columns in table.memories.items()
        if kind not in kept
    }
    left_out = ("leakage (the equations do not describe it)",) if table.leakage else ()
    unscaled = ("DRAM at another process (kept as it is)",) if kept else ()
    others = tuple(f"equations of its own for what was of {process}" for process in table.other_processes)
    return replace(
        table,
        name=name,
        description=f"{table.name} scaled by {step.text}; {step.published_text}.",
        process_node=step.to_node,
        supply=step.to_supply,
        sources={**table.sources, SOURCE_KEY: SOURCE},
        exact={key: _scaled(price, step) for key, price in table.exact.items()},
        laws={key: _scaled_law(law, step) for key, law in table.laws.items()},
        memories={**memories, **kept},
        leakage={},
        unpriced={},
        variants={},
        parts={},
        missing=(*table.missing, *left_out, *unscaled, *others),
    )


def _where(where: str, standing: str, step: Scaling) -> str:
    return f"{where}; {standing} there; scaled by {step.text} ({SOURCE_KEY})"


def _scaled_points(points: Points, step: Scaling) -> Points:
    original = f"these energies divided by {step.factor:.6g}, at {step.from_node:g} nm"
    return {capacity: _scaled(price, step, original) for capacity, price in points.items()}


def _scaled(price: Price, step: Scaling, original: str = "") -> Price:
    least, most = step.bounds
    original = original or f"{1e12 * price.energy:.6g} pJ at {step.from_node:g} nm"
    return price._replace(
        energy=price.energy * step.factor,
        low=price.low * least,
        high=price.high * most,
        standing="scaled",
        where=f"{_where(price.where, price.standing, step)}; originally {original}",
        process=Process(step.to_node, step.to_supply),
    )


def _scaled_law(priced: PricedLaw, step: Scaling) -> PricedLaw:
    law, (least, most) = priced.law, step.bounds
    energy, low, high = law.formulas
    return PricedLaw(
        Law(
            **{
                **dict(law),
                "energy": energy.times(step.factor),
                "low": low.times(least),
                "high": high.times(most),
                "standing": "scaled",
                "original": f"{energy.text(law.n_operand)} {priced.unit} at {step.from_node:g} nm",
                "where": _where(law.where, law.standing, step),
                "process_node": None,  # the table's
                "supply": None,
            }
        ),
        priced.unit,
        Process(step.to_node, step.to_supply),
    )
