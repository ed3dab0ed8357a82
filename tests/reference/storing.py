"""Rows of weights stored without their zeros."""


def compressed(row, run_bits: int) -> list:
    """Entries (zeros skipped, weight) of a row, made one weight at a time.

    An entry can skip at most 2**run_bits - 1 zeros. Where there are more, the next zero is stored as an entry of its
    own, and counting starts again. Nothing is stored of the zeros behind the last weight.
    """
    entries, waiting, skipped = [], [], 0
    for weight in row:
        if weight:
            entries += [*waiting, (skipped, weight)]
            waiting, skipped = [], 0
        elif skipped == 2**run_bits - 1:
            waiting.append((skipped, 0))  # stored only if a weight comes after it
            skipped = 0
        else:
            skipped += 1
    return entries


def expanded(entries, n_weight: int) -> list:
    """The row that entries stand for."""
    row = []
    for skipped, weight in entries:
        row += [0] * skipped + [weight]
    return row + [0] * (n_weight - len(row))
