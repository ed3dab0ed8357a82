"""Threads: how many there are, work that is handed to them, and how they end when nobody wants it any more.

An interrupt reaches the main thread alone, and what runs compiled hears nothing. So work comes in small pieces, and
between them a thread asks whether it is still wanted.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Work = TypeVar("Work")

_here = threading.local()
"""Of each thread: ``stops``, the events of the teams that it works for, from the outermost inwards."""


class Stopped(Exception):
    """Raised in a thread whose work is not wanted any more; nobody waits for its result."""


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def go_on() -> None:
    """Ask, between two pieces of work, whether the next is wanted.

    Raises
    ------
    Stopped
        When a team that this thread works for, or works for in turn, has been stopped.
    """
    if any(stop.is_set() for stop in getattr(_here, "stops", ())):
        raise Stopped


@contextmanager
def team(n_thread: int) -> Iterator[ThreadPoolExecutor]:
    """Threads to work side by side; what fails or is interrupted meanwhile begins no other work, and stops them."""
    stop, above = threading.Event(), getattr(_here, "stops", ())

    def begin() -> None:
        _here.stops = (*above, stop)

    pool = ThreadPoolExecutor(n_thread, initializer=begin)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        stop.set()
        pool.shutdown(cancel_futures=True)
        raise


def in_threads(do: Callable[[Work], None], work: Iterable[Work], n_thread: int) -> None:
    """Do every piece of work, several at a time."""
    with team(n_thread) as pool:
        for _ in pool.map(do, work):
            pass
