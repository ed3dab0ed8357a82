"""What happened strip by strip of an image, for machines that work on so many rows of outputs at a time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class Strip(NamedTuple):
    """How a convolution's outputs are cut, and how often one delivery of weights serves."""

    rows: int  # of outputs in each strip; the last one may have fewer
    positions: int  # output positions that one delivery of a row of weights serves


@dataclass(frozen=True, eq=False)
class StripsMet:
    """What the events of each frame met, where outputs are cut into strips."""

    n_row: IntArray  # (n_frame,) rows of weights with a meeting, added up over strips
    n_delivered: IntArray  # (n_frame,) deliveries of rows to the lanes, added up over strips
    n_event: npt.NDArray[np.int64]  # (n_frame, n_strip, n_source) events in the rows of the image that a strip reads
