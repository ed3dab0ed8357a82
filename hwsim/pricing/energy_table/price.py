"""A price, and prices between stated ones: linear in logarithms, inside the stated range only."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

Standing = Literal["printed", "converted", "simulated", "fitted", "second-hand", "assumed", "remembered", "scaled"]
STANDINGS: tuple[Standing, ...] = (
    "printed",  # stands so in the source
    "converted",  # printed in another unit or width; the table says in which
    "simulated",  # the output of a program that models the circuit
    "fitted",  # a formula through figures of the source
    "second-hand",  # known from a text that quotes the source
    "assumed",  # chosen by the author of the table
    "remembered",  # unconfirmed: never a citation
    "scaled",  # carried from another process by equations, which may err by a factor of several
)
"""How well a figure is founded, best first."""


INTERPOLATED = "interpolated in "
"""What the rule of a price between two stated ones says."""


class Process(NamedTuple):
    """Node and supply at which a figure holds; None where its source does not say, or it is of no one process."""

    node: float | None = None  # [nm]
    supply: float | None = None  # [V]

    def __str__(self) -> str:
        """In words, such as ``45 nm at 1.1 V``."""
        node = f"{self.node:g} nm" if self.node else "no one process"
        return f"{node} at {self.supply:g} V" if self.supply else f"{node}, supply not stated"


class Price(NamedTuple):
    """What one operation costs, how the price was found and where it comes from."""

    energy: float  # [J]
    low: float  # [J]
    high: float  # [J]
    rule: str  # "exact", "law: ...", "as ...", "interpolated in ...", or what a rule says (see `price_list.MARKS`)
    standing: Standing  # of the figures it rests on, the weakest of them
    source: str  # keys of the table's sources, joined by " + "
    where: str = ""  # table, figure and remarks
    process: Process = Process()  # of the figures it rests on, where they are of one

    def times(self, factor: float) -> "Price":
        """So many times the energy, its interval likewise."""
        return self._replace(energy=factor * self.energy, low=factor * self.low, high=factor * self.high)


Points: TypeAlias = Mapping[int, Price]
"""Stated prices by capacity [bytes] or word length [bits]."""


def is_quantity(value: object) -> bool:
    """Whether something is a finite number: ``True`` is none, and NaN is none."""
    numbers = (int, float, np.integer, np.floating)
    return isinstance(value, numbers) and not isinstance(value, bool) and math.isfinite(value)


def weakest(*standings: Standing) -> Standing:
    """The standing of what rests on figures of several standings."""
    return max(standings, key=STANDINGS.index)


def neighbours(points: Mapping[int, object], at: int) -> tuple[int, ...]:
    """The stated point itself, or the two around it, or none outside the stated range."""
    if at in points:
        return (at,)
    below, above = [point for point in points if point < at], [point for point in points if point > at]
    return (max(below), min(above)) if below and above else ()


def at_capacity(points: Points, capacity: int) -> Price | None:
    """Price of an access to a memory of some capacity [bytes]; a smaller one than stated is built as the smallest."""
    smallest = min(points)
    if capacity < smallest:
        return points[smallest]._replace(rule=f"smallest capacity, {smallest} bytes")
    return interpolate(points, capacity, "capacity", "bytes")


def interpolate(points: Points, at: int, axis: str, unit: str) -> Price | None:
    """The price at a point: energy and interval each linear in log-log between the neighbours.

    Parameters
    ----------
    points : mapping of int to Price
        Stated prices, above zero.
    at : int
        Where the price is wanted.
    axis, unit : str
        What is measured along the points, for the rule of the result.

    Returns
    -------
    Price or None
        None outside the stated range.
    """
    near = neighbours(points, at)
    if len(near) < 2:
        return points[near[0]] if near else None
    start, end = (points[point] for point in near)
    weight = math.log(at / near[0]) / math.log(near[1] / near[0])

    def between(first: float, second: float) -> float:
        return math.exp((1 - weight) * math.log(first) + weight * math.log(second))

    rules = [price.rule for price in (start, end) if price.rule != "exact"]
    rules.append(f"{INTERPOLATED}{axis} between {near[0]} and {near[1]} {unit}")
    return Price(
        between(start.energy, end.energy),
        between(start.low, end.low),
        between(start.high, end.high),
        "; ".join(dict.fromkeys(rules)),
        weakest(start.standing, end.standing),
        " + ".join(dict.fromkeys((start.source, end.source))),
        "; ".join(dict.fromkeys((start.where, end.where))),
        start.process if start.process == end.process else Process(),
    )
