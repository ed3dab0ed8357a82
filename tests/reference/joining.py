"""The sum of several signals; the product and the quotient of two."""

import math

import numpy as np

from reference.elementwise import Tensor, real_tensor
from reference.head import Head
from reference.number import is_power_of_two, over_common_power, partial_sum

FACTOR_WIDTH = 24  # of what codes of unequal steps are multiplied by, unless declared [bits]


class Add(Head):
    """Sum of signals; codes of unequal steps are brought to a common one by integer factors first."""

    def __init__(self, layer, sources: list[Tensor]):
        super().__init__(layer.name)
        self.sources = sources
        first, self.n_out = sources[0], sources[0].size
        self.sums = [first.number.zero] * self.n_out
        self.sign = list(layer.signs) or [1] * len(sources)
        self.cost = ["none"] * len(sources)
        if first.number.is_real:
            self.tensor = real_tensor(first.shape, *(source.number for source in sources))
            return
        common = first.step if layer.step is None else first.spread(layer.step)
        ratios = [step / base for source in sources for step, base in zip(source.step, common, strict=True)]
        self.factor_width = layer.multiplier_bit_width or FACTOR_WIDTH
        multipliers, shift = over_common_power(ratios, self.factor_width)
        self.factor = [multipliers[k * self.n_out : (k + 1) * self.n_out] for k in range(len(sources))]
        for k, factors in enumerate(self.factor):
            if any(factor != 1 for factor in factors):
                self.cost[k] = "shift" if all(is_power_of_two(factor) for factor in factors) else "multiply"
        bound = sum(source.bound * max(factors) for source, factors in zip(sources, self.factor, strict=True))
        step = [each / 2.0**shift for each in common]
        self.n_common = first.n_step if layer.step is None else first.shape[0] * np.ndim(layer.step)
        self.tensor = Tensor(partial_sum(bound), first.shape, step, self.n_common, bound)

    def deliver(self, moment, arrivals):
        if moment.from_nothing:
            self.sums = [self.tensor.number.zero] * self.n_out
        meter, sum_number = moment.meter(self.name, "neuron"), self.tensor.number
        if not moment.machine.is_delta:
            for k, arrival in enumerate(arrivals):
                for j, code in enumerate(arrival.code):
                    summand = self._in_common_step(meter, k, j, code)
                    # the first goes into the empty sum
                    self.sums[j] = meter.add(self.sums[j], summand, sum_number.operand) if k else self.sums[j] + summand
            everyone = list(range(self.n_out))
            return everyone, everyone
        touched, n_addition = set(), 0
        for k, arrival in enumerate(arrivals):
            for j, s in arrival.event:
                self.sums[j] = meter.add(self.sums[j], self._in_common_step(meter, k, j, s), sum_number.operand)
                touched.add(j)
                n_addition += 1
        memory = moment.meter(self.name, "memory")
        memory.read("sums", n_addition * sum_number.n_bit)
        memory.write("sums", n_addition * sum_number.n_bit)
        return sorted(touched), sorted(touched)

    def parameters(self):
        return [
            (max(self.n_common, source.n_step), self.factor_width)
            for source, cost in zip(self.sources, self.cost, strict=True)
            if cost == "multiply"
        ]

    def _in_common_step(self, meter, k, j, code):
        """With its sign, which turns an addition into a subtraction: they cost the same."""
        code = code if self.sign[k] == 1 else -code
        if self.cost[k] == "none":
            return code
        factor, operand = self.factor[k][j], self.sources[k].number.operand
        places = (factor & -factor).bit_length() - 1 if factor else 0  # its power of two is a shift
        if self.cost[k] == "multiply":
            code = meter.multiply(code, factor >> places, operand, f"int{self.factor_width}")
        return meter.shift_right(code, -places, "floor", self.tensor.number.operand)

    def number(self, meter, neuron):
        return self.sums[neuron]


class Pair(Head):
    """What is made of two numbers, one of each signal; one signal may have a single number for each channel."""

    def __init__(self, layer, sources: list[Tensor]):
        super().__init__(layer.name)
        self.sources = sources
        self.shape = max((source.shape for source in sources), key=lambda shape: (math.prod(shape), len(shape)))
        self.n_out = math.prod(self.shape)
        n_position = self.n_out // self.shape[0]
        self.operand = [  # of each signal, the number that each pair takes
            [j if source.size == self.n_out else j // n_position for j in range(self.n_out)] for source in sources
        ]
        self.tensor = real_tensor(self.shape, *(source.number for source in sources))

    def deliver(self, moment, arrivals):
        self.code = [arrival.code for arrival in arrivals]
        everyone = list(range(self.n_out))
        if not moment.machine.is_delta:
            return everyone, everyone
        changed = [{i for i, _ in arrival.event} for arrival in arrivals]
        touched = [j for j in everyone if any(at[j] in each for at, each in zip(self.operand, changed, strict=True))]
        return touched, touched

    def settle(self, moment, at_work):
        if moment.machine.is_delta:  # what has not changed has to be known as well
            for source, at in zip(self.sources, self.operand, strict=True):
                needed = {at[j] for j in at_work}
                moment.meter(self.name, "memory").read("operands", len(needed) * source.number.n_bit)

    def pair(self, neuron):
        return (code[at[neuron]] for code, at in zip(self.code, self.operand, strict=True))


class Multiply(Pair):
    def __init__(self, layer, sources):
        super().__init__(layer, sources)
        first, second = sources
        if first.number.is_real:
            return
        step = [first.step[i] * second.step[j] for i, j in zip(*self.operand, strict=True)]
        n_step, bound = max(first.n_step, second.n_step), first.bound * second.bound
        self.tensor = Tensor(partial_sum(bound), self.shape, step, n_step, bound)

    def number(self, meter, neuron):
        first, second = self.pair(neuron)
        return meter.multiply(first, second, *(source.number.operand for source in self.sources))


class Divide(Pair):
    def number(self, meter, neuron):
        first, second = self.pair(neuron)
        with np.errstate(all="ignore"):
            return meter.divide(first, second, self.tensor.number.operand)
