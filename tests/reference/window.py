"""Where a window that slides over an image stands, and what it meets there."""

import math


class Slide:
    """One axis: window o meets inputs o x stride - before + tap x dilation, as far as there are such."""

    def __init__(self, size, kernel, stride=1, pads=(0, 0), dilation=1, ceil_mode=False):
        self.size, self.kernel, self.stride, self.dilation = size, kernel, stride, dilation
        self.before, self.after = pads
        room = size + self.before + self.after - dilation * (kernel - 1) - 1
        self.n_window = math.floor(room / stride) + 1
        if ceil_mode:
            self.n_window = math.ceil(room / stride) + 1
            if (self.n_window - 1) * stride >= size + self.before:
                self.n_window -= 1  # it would begin beyond the image

    def meets(self, window: int) -> list[int]:
        """The inputs in a window, ascending."""
        places = [window * self.stride - self.before + tap * self.dilation for tap in range(self.kernel)]
        return [place for place in places if 0 <= place < self.size]

    def reached_from(self, place: int) -> list[tuple[int, int]]:
        """(window, tap) of every window that an input is in."""
        found = []
        for tap in range(self.kernel):
            window, rest = divmod(place + self.before - tap * self.dilation, self.stride)
            if rest == 0 and 0 <= window < self.n_window:
                found.append((window, tap))
        return found

    def divisor(self, window: int, count_include_pad: bool) -> int:
        """Taps that count for a mean: those on inputs, or on padding too, but none beyond the padding."""
        if not count_include_pad:
            return len(self.meets(window))
        start = window * self.stride - self.before
        return sum(start + tap * self.dilation < self.size + self.after for tap in range(self.kernel))
