"""Images with a border of one value."""

from dataclasses import replace

import numpy as np

from reference.elementwise import Tensor
from reference.head import Arrival, Relay


class Pad2d(Relay):
    """A larger image, pixel by pixel: the border is known, and nobody sends it."""

    def __init__(self, layer, source: Tensor):
        (top, bottom), (left, right) = layer.padding
        channels, height, width = source.shape
        self.origin = []  # of each number, the one it is; None: the border
        border, step = [], []
        for channel in range(channels):
            for y in range(-top, height + bottom):
                for x in range(-left, width + right):
                    is_inside = 0 <= y < height and 0 <= x < width
                    self.origin.append((channel * height + y) * width + x if is_inside else None)
                    step.append(source.step[channel * height * width])
                    border.append(layer.value / step[-1])
        is_real = source.number.is_real
        self.border = [np.float32(each) if is_real else round(each) for each in border]
        shape = (channels, height + top + bottom, width + left + right)
        bound = 0 if is_real else max(source.bound, *map(abs, self.border))
        super().__init__(layer.name, replace(source, shape=shape, step=step, bound=bound))

    def together(self, moment, arrivals):
        (arrival,) = arrivals
        sent, whole = dict(arrival.event), Arrival([], [])
        for i, origin in enumerate(self.origin):
            code = self.border[i] if origin is None else arrival.code[origin]
            whole.code.append(code)
            if origin is not None:
                if origin in sent:
                    whole.event.append((i, sent[origin]))
            elif moment.machine.is_dense or (moment.from_nothing and code != 0):  # it never changes
                whole.event.append((i, code))
        return whole
