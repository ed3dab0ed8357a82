"""What lanes take for what happened, for machines on which a large event takes longer than a small one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupCost:
    """How a machine groups the meetings of a row of weights, and what a group takes.

    A group is what one delivery of the row serves. Lanes move together, so that each of their passes takes as long as
    its costliest event.
    """

    rows: int | None  # of outputs in each strip, beyond which no group reaches; None: whole frames, or no image
    positions: int  # output positions in a group, in raster order
    digits: bool  # whether an event takes a cycle for each of its signed digits; else one for each unit
    largest: float  # magnitude of an event up to which this is so; a larger one is multiplied
    multiply: int  # what that takes [cycles]
    n_pass: int = 1  # of all lanes, until the channels of a row have been served
    at_least: int = 0  # what else the row waits for takes [cycles]
