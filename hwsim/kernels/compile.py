"""The one decorator that compiles a kernel, and why it does so this way."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from hwsim.kernels.cache import SLOWER, KernelCache, say_once

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a kernel.

    It is kept for the next process, which starts at once, where there is a folder for that (`hwsim.kernels.cache`).
    ``nogil``: blocks of frames run in threads side by side. ``error_model="numpy"``: no branch for a division by zero,
    so that loops vectorize. No ``fastmath``: a product is rounded before it is added, in the order written, so that
    every execution gives the same bits.
    """
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if compiled is not function:  # as it is with NUMBA_DISABLE_JIT
        try:
            compiled._cache = KernelCache(function)
        except RuntimeError:
            where = "set NUMBA_CACHE_DIR to a folder that can be written"
            say_once(f"no folder can be written where compiled kernels are kept; {SLOWER}: {where}")
    return cast(Function, compiled)
