"""How long levels keep what passes through them, and how often it is fetched for that."""

from collections.abc import Sequence

from hwsim.traffic.loops import Loops, Stay, Tiling

PASSED_BY = -1
"""In place of a stay: a level that cannot keep an operand even for the innermost loop."""


def stays_over_positions(tiling: Tiling, stay: int) -> bool:
    """Whether weights that stay so long are read once for all positions of a batch, and not for each tile of them."""
    return stay >= (Stay.TILE if tiling.order == "weight-stationary" else Stay.LAYER)


def code_fills(loops: Loops, tiling: Tiling, stay: int) -> tuple[int, bool]:
    """How often codes are read for a level that keeps them so long, and whether whole frames are, or position tiles."""
    if stay >= Stay.LAYER:
        return 1, True
    stays_over_channels = tiling.order == "code-stationary" and stay >= Stay.TILE
    return 1 if stays_over_channels else loops.n_repeat(tiling.channels), False


def through(stays: Sequence[int]) -> list[tuple[int, int]]:
    """The levels that an operand passes through, from far to near, each with how long it keeps it.

    What is farther out than where the operand always is, is not asked; what cannot keep it is passed by; a level
    farther out stays at least as long as those nearer by, since it is asked only when they are.
    """
    kept: list[tuple[int, int]] = []
    for k in reversed(range(len(stays))):
        if stays[k] == PASSED_BY:
            continue
        kept.insert(0, (k, max(stays[k], kept[0][1] if kept else PASSED_BY)))
        if stays[k] == Stay.ALWAYS:
            break
    return kept


def code_path(stays: Sequence[int], home: int) -> list[tuple[int, int]]:
    """The levels that codes pass through from where they live to the lanes, each with how long it keeps them."""
    return [(home + k, stay) for k, stay in through([Stay.ALWAYS, *stays[home + 1 :]])]
