"""Wires that lead numbers elsewhere: a border around images, a part of a frame, any numbers in any order."""

from dataclasses import replace

import numpy as np

from reference.elementwise import Tensor, concatenated
from reference.head import Arrival, Relay


class Wires(Relay):
    """Numbers that are others, one by one, or constants: those are known, and nobody sends them."""

    def __init__(self, layer, source: Tensor, shape, origin, value, step):
        is_real = source.number.is_real
        self.constant = {
            i: np.float32(value[i]) if is_real else round(value[i] / step[i])
            for i, origin_of_it in enumerate(origin)
            if origin_of_it is None
        }
        bound = 0 if is_real else max(source.bound, *map(abs, self.constant.values()), 0)
        super().__init__(layer.name, replace(source, shape=tuple(shape), step=step, bound=bound))
        self.origin = origin

    def together(self, moment, arrivals):
        everything = super().together(moment, arrivals)
        sent, whole = dict(everything.event), Arrival([], [])
        for i, origin in enumerate(self.origin):
            code = self.constant[i] if origin is None else everything.code[origin]
            whole.code.append(code)
            if origin is not None:
                if origin in sent:
                    whole.event.append((i, sent[origin]))
            elif moment.machine.is_dense or (moment.from_nothing and code != 0):  # it never changes
                whole.event.append((i, code))
        return whole


class Pad2d(Wires):
    """A larger image, pixel by pixel."""

    def __init__(self, layer, sources: list[Tensor]):
        (source,) = sources
        (top, bottom), (left, right) = layer.padding
        channels, height, width = source.shape
        origin, step = [], []
        for channel in range(channels):
            for y in range(-top, height + bottom):
                for x in range(-left, width + right):
                    is_inside = 0 <= y < height and 0 <= x < width
                    origin.append((channel * height + y) * width + x if is_inside else None)
                    step.append(source.step[channel * height * width])
        shape = (channels, height + top + bottom, width + left + right)
        super().__init__(layer, source, shape, origin, [layer.value] * len(origin), step)


class Slice(Wires):
    """Every element whose coordinate along the axis is wanted."""

    def __init__(self, layer, sources: list[Tensor]):
        (source,) = sources
        size = source.shape[layer.axis]
        wanted = [k for k in range(size) if layer.start <= k < (layer.stop or size)]
        wanted = [k for k in wanted if (k - layer.start) % layer.stride == 0]
        behind = 1
        for n in source.shape[layer.axis + 1 :]:
            behind *= n
        origin = [i for i in range(source.size) if i // behind % size in wanted]
        shape = [len(wanted) if axis == layer.axis else n for axis, n in enumerate(source.shape)]
        step = [source.step[i] for i in origin]
        n_step = min(source.n_step, shape[0]) if any(each != step[0] for each in step) else 0
        super().__init__(layer, replace(source, n_step=n_step), shape, origin, [], step)


class Gather(Wires):
    """Elements from anywhere in signals that lie one after the other."""

    def __init__(self, layer, sources: list[Tensor]):
        source = concatenated(sources) if len(sources) > 1 else sources[0]
        origin = [int(place) if place >= 0 else None for place in layer.places]
        value = [layer.values[-1 - place] if place < 0 else None for place in layer.places]
        n_in_channel = len(origin) // layer.shape[0]
        step = []
        for i in range(len(origin)):
            first = i // n_in_channel * n_in_channel
            of_channel = [at for at in origin[first : first + n_in_channel] if at is not None]
            step.append(source.step[of_channel[0] if of_channel else 0])
        n_step = 0
        if any(each != step[0] for each in step):
            n_step = min(sum(each.n_step or 1 for each in sources), layer.shape[0])
        super().__init__(layer, replace(source, n_step=n_step), layer.shape, origin, value, step)
