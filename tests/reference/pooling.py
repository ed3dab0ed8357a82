"""Layers that make one number of a window of numbers, channel by channel."""

import math

import numpy as np

from reference.elementwise import Tensor, real_tensor
from reference.head import Head
from reference.number import is_power_of_two, partial_sum
from reference.window import Slide


class Pool(Head):
    """Windows that slide over every channel."""

    def __init__(self, layer, source: Tensor):
        super().__init__(layer.name)
        self.source = source
        self.n_channel, self.height, self.width = source.shape
        if type(layer).__name__ == "GlobalAvgPool":
            self.y, self.x = Slide(self.height, self.height), Slide(self.width, self.width)
        else:
            self.y, self.x = (
                Slide(
                    source.shape[1 + k],
                    layer.kernel[k],
                    layer.stride[k],
                    layer.padding[k],
                    layer.dilation[k],
                    ceil_mode=layer.ceil_mode,
                )
                for k in (0, 1)
            )
        self.shape = (self.n_channel, self.y.n_window, self.x.n_window)
        self.n_out = math.prod(self.shape)
        self.window = [self._inputs_of(neuron) for neuron in range(self.n_out)]  # its inputs, ascending

    def place_of(self, neuron: int) -> tuple[int, int, int]:
        """(channel, y, x) of a window."""
        position, x = divmod(neuron, self.x.n_window)
        return *divmod(position, self.y.n_window), x

    def _inputs_of(self, neuron):
        channel, window_y, window_x = self.place_of(neuron)
        return [
            (channel * self.height + y) * self.width + x for y in self.y.meets(window_y) for x in self.x.meets(window_x)
        ]


class MaxPool2d(Pool):
    """The largest code of each window, as sent."""

    def __init__(self, layer, source):
        super().__init__(layer, source)
        step = [source.step[window[0]] for window in self.window]
        self.tensor = Tensor(source.number, self.shape, step, source.n_step, source.bound)

    def deliver(self, moment, arrivals):
        (arrival,) = arrivals
        self.code = arrival.code
        changed = {i for i, _ in arrival.event}
        touched = [j for j in range(self.n_out) if not moment.machine.is_delta or changed & set(self.window[j])]
        return touched, touched

    def settle(self, moment, at_work):
        if moment.machine.is_delta:  # a maximum cannot be kept up to date without all of its codes
            n_code = sum(len(self.window[j]) for j in at_work)
            moment.meter(self.name, "memory").read("window codes", n_code * self.source.number.n_bit)

    def number(self, meter, neuron):
        largest, *others = (self.code[i] for i in self.window[neuron])
        for code in others:
            if meter.exceeds(code, largest, self.source.number.operand):
                largest = code
        return largest


class AvgPool2d(Pool):
    """The mean of each window: of real numbers, or the sum of codes, whose step carries the division."""

    def __init__(self, layer, source):
        super().__init__(layer, source)
        includes_padding = getattr(layer, "count_include_pad", False)
        self.divisor = []
        for neuron in range(self.n_out):
            _, y, x = self.place_of(neuron)
            self.divisor.append(self.y.divisor(y, includes_padding) * self.x.divisor(x, includes_padding))
        self.sums = [source.number.zero] * self.n_out
        if source.number.is_real:
            self.tensor = real_tensor(self.shape, source.number)
            return
        assert len(set(self.divisor)) == 1, "the network should have been refused"
        bound = source.bound * max(len(window) for window in self.window)
        step = [source.step[self.window[j][0]] / self.divisor[j] for j in range(self.n_out)]
        self.tensor = Tensor(partial_sum(bound), self.shape, step, source.n_step, bound)

    def deliver(self, moment, arrivals):
        (arrival,) = arrivals
        if moment.from_nothing:
            self.sums = [self.source.number.zero] * self.n_out
        meter, sum_number = moment.meter(self.name, "neuron"), self.tensor.number
        if not moment.machine.is_delta:
            for j, (first, *others) in enumerate(self.window):
                self.sums[j] += arrival.code[first]  # into the empty sum
                for i in others:
                    self.sums[j] = meter.add(self.sums[j], arrival.code[i], sum_number.operand)
            everyone = list(range(self.n_out))
            return everyone, everyone
        touched, n_addition = set(), 0
        for i, s in arrival.event:
            for j in range(self.n_out):
                if i in self.window[j]:
                    self.sums[j] = meter.add(self.sums[j], s, sum_number.operand)
                    touched.add(j)
                    n_addition += 1
        memory = moment.meter(self.name, "memory")
        memory.read("sums", n_addition * sum_number.n_bit)
        memory.write("sums", n_addition * sum_number.n_bit)
        return sorted(touched), sorted(touched)

    def number(self, meter, neuron):
        total = self.sums[neuron]
        if not self.source.number.is_real:
            return total
        part, operand = np.float32(1.0 / self.divisor[neuron]), self.tensor.number.operand
        if self.has_multiplier or all(divisor == 1 for divisor in self.divisor):
            return total * part
        if all(is_power_of_two(divisor) for divisor in self.divisor):
            return meter.scale_by_power(total, part, operand)
        return meter.multiply(total, part, operand, operand)
