"""The one decorator that compiles a kernel, and why it does so this way."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a kernel.

    ``cache``: the second process starts at once. ``nogil``: blocks of frames run in threads side by side.
    ``error_model="numpy"``: no branch for a division by zero, so that loops vectorize. No ``fastmath``: a product
    is rounded before it is added, in the order written, so that every execution gives the same bits.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
