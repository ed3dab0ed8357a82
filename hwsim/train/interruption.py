"""Interrupts that wait until a step is done, so that the checkpoint written then has all of it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ASKING = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and a kill that lets its process end by itself."""


@contextmanager
def waiting() -> Iterator[Callable[[], bool]]:
    """Hold back the first interrupt; what is yielded tells whether there was one. A second one strikes at once.

    Either signal becomes a KeyboardInterrupt: here at the latest, where the body has not raised it. Signals that the
    process ignores, or handles in its own way, stay as they are, and so do all of them outside the main thread, where
    none arrives.
    """
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    usual = (signal.SIG_DFL, signal.default_int_handler)
    in_main = threading.current_thread() is threading.main_thread()
    replaced = {number: signal.getsignal(number) for number in ASKING if in_main and signal.getsignal(number) in usual}
    for number in replaced:
        signal.signal(number, ask)
    try:
        yield lambda: bool(asked)
    finally:
        for number, before in replaced.items():
            signal.signal(number, before)
    if asked:
        raise KeyboardInterrupt
