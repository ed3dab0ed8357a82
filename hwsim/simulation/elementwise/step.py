"""What a step is."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Step(NamedTuple):
    """One element-wise layer at work."""

    run: Callable[[Array, Array], int]  # (n_frame, >= n) in, (n_frame, >= n) to write; returns codes clipped
    dtype: Any  # of the result, where nothing narrower is asked for
