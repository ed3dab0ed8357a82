"""Time the nine layers that EIE's authors time (S. Han et al., ISCA 2016) on 64 elements; print a Markdown table.

python tests/bench/eie.py

Weights are drawn at random in the density of each layer, events likewise. Theirs are of trained networks, so only
sizes, densities and padding are alike. Sizes and the densities of Alex-6 are the paper's, as are all printed times;
the other densities are from memory and could not be looked up again: the table says for which layers.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "timing"))
from test_load_balance import LONGEST_RUN, N_CORE, makespan

CLOCK = 800e6  # Hz
PLACES = 8
# inputs, outputs, share of weights, share of inputs that are events, printed times [us]: in theory and as measured
LAYERS = {
    "Alex-6": (9216, 4096, 0.09, 0.351, 28.1, 30.3),
    "Alex-7": (4096, 4096, 0.09, 0.353, 11.7, 12.2),
    "Alex-8": (4096, 1000, 0.25, 0.375, 8.9, 9.9),
    "VGG-6": (25088, 4096, 0.04, 0.183, 28.1, 34.4),
    "VGG-7": (4096, 4096, 0.04, 0.375, 7.9, 8.7),
    "VGG-8": (4096, 1000, 0.23, 0.411, 7.3, 8.4),
    "NT-We": (4096, 600, 0.10, 1.0, 5.2, 8.0),
    "NT-Wd": (600, 8791, 0.11, 1.0, 13.0, 13.9),
    "NT-LSTM": (1201, 2400, 0.10, 1.0, 6.5, 7.5),
}
CONFIRMED = {"Alex-6"}


def entries_of(n_in, n_out, density, share):
    """Of the row of each event, on each element, weights drawn at random, and padding. (n_event, n_element)"""
    generator = np.random.default_rng(0)
    found, zeros = np.zeros((2, round(share * n_in), N_CORE), np.int64)
    for first in range(0, n_out, N_CORE):
        is_there = first + np.arange(N_CORE) < n_out
        is_weight = is_there & (generator.random(found.shape) < density)
        found += np.where(is_weight, zeros // LONGEST_RUN + 1, 0)
        zeros = np.where(is_weight, 0, zeros + 1)
    return found


def main():
    print(
        "| layer | densities | in theory: printed, ours [µs] | with queues of 8: printed, ours [µs] | ours / printed |"
    )
    print("|---|---|---|---|---|")
    for name, (n_in, n_out, density, share, theory, actual) in LAYERS.items():
        entries = entries_of(n_in, n_out, density, share)
        even, found = entries.sum() / N_CORE / CLOCK * 1e6, makespan(entries, PLACES) / CLOCK * 1e6
        known = "the paper's" if name in CONFIRMED else "from memory"
        print(f"| {name} | {known} | {theory}, {even:.1f} | {actual}, {found:.1f} | {found / actual:.2f} |", flush=True)


if __name__ == "__main__":
    main()
