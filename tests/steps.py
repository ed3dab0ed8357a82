"""What is put before the steps of writing (`hwsim.files.whole.before`): the end of the process, a full disk, or a copy.

A copy of a folder before a step is what a process leaves that ends there: one run shows what all such ends leave.
"""

import contextlib
import errno
import os
import shutil

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
