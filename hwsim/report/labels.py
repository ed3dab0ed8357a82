"""Where the names of points go, so that none covers another name or a point."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle. [pixels]"""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> "Box":
        """The rectangle with a centre and a size."""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def overlap(self, other: "Box") -> float:
        """Area that two rectangles share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


LINE_HEIGHT = 14.0  # of 11-pixel text
CHARACTER_WIDTH = 6.2  # of 11-pixel text, on average
MARKER = 16.0


def place(
    points: Sequence[tuple[float, float]], names: Sequence[Sequence[str]], area: Box, bars: Sequence[Box] = ()
) -> list[tuple[float, float]]:
    """Offsets of the names' centres from their points.

    One after the other, each takes the nearest place that is free; where there is none, the one that covers least.

    Parameters
    ----------
    points : sequence of (x, y)
        Where the points are. [pixels]
    names : sequence of sequences of str
        The lines of each name.
    area : Box
        Where names may be. [pixels]
    bars : sequence of Box
        What else they must not cover. [pixels]
    """
    taken = [*bars, *(Box.around(x, y, MARKER, MARKER) for x, y in points)]
    offsets = []
    for (x, y), lines in zip(points, names, strict=True):
        width = CHARACTER_WIDTH * max(map(len, lines)) + 6
        height = LINE_HEIGHT * len(lines) + 2
        best, least = (0.0, 0.0), float("inf")
        for dx, dy in _candidates(width, height):
            box = Box.around(x + dx, y + dy, width, height)
            covered = sum(box.overlap(other) for other in taken) + 5 * (width * height - box.overlap(area))
            if covered < least:
                best, least = (dx, dy), covered
            if covered < 1:
                break
        offsets.append(best)
        taken.append(Box.around(x + best[0], y + best[1], width, height))
    return offsets


def _candidates(width: float, height: float) -> Iterator[tuple[float, float]]:
    """Centres around a point, the nearest first: above, below, then beside and further away."""
    near = height / 2 + MARKER / 2 + 3
    for ring in range(5):
        for side in (0.0, 0.35, -0.35, 0.7, -0.7):
            for way in (-1, 1):
                yield side * width, way * (near + ring * (height + 4))
        if ring == 0:
            beside = width / 2 + MARKER / 2 + 3
            yield from ((beside, 0.0), (-beside, 0.0))
