"""Threads: how many there are, and work that is handed to them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Work = TypeVar("Work")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(do: Callable[[Work], None], work: Iterable[Work], n_thread: int) -> None:
    """Do every piece of work, several at a time; what fails or is interrupted begins no other."""
    with ThreadPoolExecutor(n_thread) as pool:
        try:
            for _ in pool.map(do, work):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
