"""How many random networks a test draws that does one elementary operation at a time."""

import os

from hypothesis import settings


def examples(number):
    """So many with `--slow`, else a third of them."""
    return settings(max_examples=number if os.environ.get("HWSIM_SLOW") == "1" else number // 3)
