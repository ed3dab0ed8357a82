"""Numbers that move between two memories under a fixed order of loops: ZigZag's, and a product of loop sizes."""

from math import prod
from pathlib import Path

import pytest

SIZES = {
    "convolution": {"K": 4, "C": 2, "OX": 4, "OY": 4, "FX": 3, "FY": 3},
    "product": {"M": 6, "N": 4, "K": 5},  # codes M x K, weights K x N
}
OF_WEIGHTS = {"convolution": {"K", "C", "FX", "FY"}, "product": {"K", "N"}}
OF_SUMS = {"convolution": {"K", "OX", "OY"}, "product": {"M", "N"}}

# What ZigZag 3.9.1 finds (tests/bench/zigzag_fills.py): loops from inside to outside; weights and sums that the two
# buffers hold; weights that come in, sums that go out and that come back.
ZIGZAG = (
    ("convolution", "FX FY C OX OY K", 18, 1, 72, 64, 0),
    ("convolution", "FX FY C OX OY K", 9, 1, 1152, 64, 0),
    ("convolution", "FX FY OX OY C K", 9, 16, 72, 64, 0),
    ("convolution", "FX FY OX OY C K", 9, 4, 72, 128, 128),
    ("convolution", "FX FY OX C OY K", 9, 4, 288, 64, 0),
    ("convolution", "FX FY K OX OY C", 36, 64, 72, 64, 0),
    ("convolution", "FX FY K OX OY C", 36, 4, 72, 128, 128),
    ("convolution", "FX FY K OX OY C", 9, 4, 1152, 128, 128),
    ("product", "K N M", 20, 1, 20, 24, 0),
    ("product", "K N M", 5, 1, 120, 24, 0),
    ("product", "N K M", 4, 4, 120, 24, 0),
    ("product", "N M K", 4, 24, 20, 24, 0),
    ("product", "N M K", 4, 4, 20, 120, 120),
    ("product", "M N K", 1, 6, 20, 120, 120),
    ("product", "M K N", 5, 6, 20, 24, 0),
)


def moved(sizes, order, own, capacity):
    """Numbers that pass between a buffer and what is behind it: it keeps what the most inner loops need that fit.

    A loop that an operand does not depend on needs no room, and each iteration of the loops outside moves all anew.
    """
    needed = [prod(sizes[loop] for loop in order[:n] if loop in own) for n in range(len(order) + 1)]
    kept = max(n for n, number in enumerate(needed) if number <= capacity)
    return needed[kept] * prod(sizes[loop] for loop in order[kept:])


@pytest.mark.parametrize("case", ZIGZAG, ids=lambda case: "-".join(map(str, case[:4])))
def test_fills_are_those_of_zigzag(case):
    layer, loops, n_weight, n_sum, weights, out, back = case
    sizes, order = SIZES[layer], loops.split()
    assert moved(sizes, order, OF_WEIGHTS[layer], n_weight) == weights
    assert moved(sizes, order, OF_SUMS[layer], n_sum) == out
    # sums come back but for the first time, which ZigZag counts as well, unless none of them ever does
    n_output = prod(sizes[loop] for loop in OF_SUMS[layer])
    assert out - n_output == (back - n_output if back else 0)


def test_the_page_prints_what_was_run():
    page = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8").splitlines()
    rows = [f"| {' | '.join(map(str, case))} |" for case in ZIGZAG]
    assert [line for line in page if line.startswith(("| convolution | ", "| product | "))] == rows
