"""Where counts are written down: by layer, phase, operation, format, memory, capacity and word length."""

import numpy as np


class Book:
    def __init__(self, machine, is_first):
        self.machine = machine
        self.is_first = is_first
        self.counts = {}

    def operations(self, layer, phase, operation, form, per_frame):
        self._add((layer, phase, operation, form, "", 0, 0), per_frame)

    def words(self, layer, direction, memory, capacity, per_frame):
        """Words of a memory read or written; a memory without a capacity is off chip."""
        place = "sram" if capacity else "dram"
        self._add(
            (layer, "memory", f"{place}_{direction}", "", memory, capacity, self.machine["word_length"]), per_frame
        )

    def _add(self, key, per_frame):
        per_frame = np.broadcast_to(np.asarray(per_frame, np.int64), self.is_first.shape)
        for group, members in (("first", self.is_first), ("steady", ~self.is_first)):
            total = int(per_frame[members].sum())
            if total:
                whole = (*key, group)
                self.counts[whole] = self.counts.get(whole, 0) + total


def ceil(number, divisor):
    return -(-number // divisor)
