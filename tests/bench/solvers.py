"""Measure how the time of the exact solvers grows with the number of weights; print a Markdown table.

python tests/bench/solvers.py [--readme]
"""

import numpy as np
from table import interleaved, publish

from hwsim import solvers

FEW, MANY = 100_000, 3_200_000


def problem(n):
    """Weights and curvatures as training has them. (n,), (n,) float32"""
    generator = np.random.default_rng(0)
    return generator.normal(size=n).astype(np.float32), generator.exponential(size=n).astype(np.float32) + 1e-8


def main():
    rows = []
    few, many = problem(FEW), problem(MANY)
    for name, solve in (("ternary", solvers.solve_lat_exact), ("two scales", solvers.solve_lat_two_scales_exact)):
        fewest = interleaved(*(lambda solve=solve, given=given: solve(*given) for given in (few, many)))
        work = f"{name}, loss-aware, solved exactly: {MANY:,} weights ({fewest[1]:.2f} s)"
        rows.append((work, f"{FEW:,} weights", 1, f"{fewest[1] / fewest[0]:.0f} times as long", "about n log n: 42"))
    publish("solvers.py", rows)


if __name__ == "__main__":
    main()
