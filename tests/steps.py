"""Commands that end, or find the disk full, before a step of writing.

``python steps.py end 3 convert int8 ...`` ends the process before the third step; ``python steps.py full 1000 ...``
lets the disk take 1,000 bytes. In this process, `left_behind` copies what a process would leave that ended there.
"""

import contextlib
import errno
import os
import shutil
import sys

from hwsim.files import whole

ENDED = 77
"""Exit code of a process that was ended."""


def ending(number):
    """Before the step of that number (the first is 1), end the process without a word."""
    steps = iter(range(1, number))

    def before(step, size=0):
        if next(steps, None) is None:
            os._exit(ENDED)

    return before


def filling(room):
    """Let the disk take so many bytes."""
    taken = [0]

    def before(step, size=0):
        taken[0] += size
        if taken[0] > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return before


@contextlib.contextmanager
def left_behind(folder, copies):
    """Copy a folder before every step, into `copies`; what is yielded lists the steps."""
    steps, usual = [], whole.before

    def before(step, size=0):
        steps.append(step)
        shutil.copytree(folder, copies / f"{len(steps)}", symlinks=True)

    whole.before = before
    try:
        yield steps
    finally:
        whole.before = usual


if __name__ == "__main__":
    kind, number, *command = sys.argv[1:]
    whole.before = {"end": ending, "full": filling}[kind](int(number))
    sys.argv = ["hwsim", *command]
    from hwsim.__main__ import main

    main()
