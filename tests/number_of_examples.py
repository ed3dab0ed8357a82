"""How many examples a test draws."""

import os

from hypothesis import settings

FEWER = 8


def examples(number):
    """So many with `--slow`, else an eighth of them."""
    return settings(max_examples=number if os.environ.get("HWSIM_SLOW") == "1" else max(number // FEWER, 5))
