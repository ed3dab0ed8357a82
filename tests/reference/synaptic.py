"""Layers with synapses: Dense and Conv2d, and the one synaptic operation."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np

from reference.elementwise import Tensor, real_tensor
from reference.head import Head
from reference.machine import Machine
from reference.number import FP32, ZERO, Number, number_of, over_common_power, partial_sum, signed_digits
from reference.storing import compressed
from reference.tally import Meter, Synapses
from reference.window import Slide

MERGE_MULTIPLIER_WIDTH = 16  # of the second weight term's factor [bits]
ADDRESS = "int16"


class Term:
    """One weight tensor of a layer, and the partial sums it adds to."""

    def __init__(self, weight, head: "Synaptic"):
        self.number = number_of(weight.format)
        channel_scale = np.broadcast_to(np.asarray(weight.scale, np.float64), head.n_channel)
        zero_point = np.broadcast_to(np.asarray(weight.zero_point, np.int64), head.n_channel)
        self.zero_point = [int(zero_point[head.channel_of(j)]) for j in range(head.n_out)]
        self.is_offset = any(self.zero_point)
        self.has_own_zero_points = self.is_offset and bool(np.ndim(weight.zero_point))
        self.scale = [float(channel_scale[head.channel_of(j)]) for j in range(head.n_out)]
        self.weight, self.is_nonzero = {}, {}  # by place in the array
        for place in np.ndindex(np.shape(weight.code)):
            code = weight.code[place]
            self.is_nonzero[place] = bool(code != 0)
            # the step of integer codes that meet real weights is baked into the weights
            step = None if head.is_integer else head.source.step[head.an_input_of(place)]
            self.weight[place] = int(code) if head.is_integer else np.float32(float(code) * step)
        self.sum = head.real_number  # format of the partial sums
        self.bound = 0
        self.stored = None  # places with an entry, once they are asked for


class Synaptic(Head):
    """A layer whose events meet weights and add up in partial sums."""

    n_channel: int  # output channels
    row_length: int  # F: weights that lie together and serve one event

    def __init__(self, layer, source: Tensor, shape: tuple[int, ...]):
        super().__init__(layer.name)
        self.source, self.n_out = source, math.prod(shape)
        real = [number for number in (source.number, *(number_of(w.format) for w in layer.terms)) if number.is_real]
        self.is_integer = not real
        self.real_number = real[0] if real else FP32  # in which real numbers are worked on
        self.terms = [Term(weight, self) for weight in layer.terms]
        self.has_bias = layer.bias is not None
        bias = [layer.bias[self.channel_of(j)] if self.has_bias else 0 for j in range(self.n_out)]
        first = self.terms[0]
        # the second term's partial sums start at nothing
        self.start = [[0 if self.is_integer else ZERO] * self.n_out for _ in self.terms]
        self.sums = [list(start) for start in self.start]
        if not self.is_integer:
            self.start[0] = [np.float32(float(bias[j]) / first.scale[j]) for j in range(self.n_out)]
            # a scale that the fused layers take along comes in as many numbers
            n_scale = self.n_channel * np.ndim(layer.terms[0].scale)
            self.tensor = replace(real_tensor(shape, self.real_number), n_step=n_scale)
            self.set_parameters(layer, self.real_number.n_bit)
            return
        self.start[0] = [int(each) for each in bias]
        for k, term in enumerate(self.terms):
            # over the whole kernel, however little of it meets the image
            total = [0] * self.n_channel
            for place, weight in term.weight.items():
                total[self.channel_at(place)] += abs(weight)
            term.bound = max(
                source.bound * total[self.channel_of(j)] + abs(self.start[k][j]) for j in range(self.n_out)
            )
            term.sum = partial_sum(term.bound)
            if layer.accumulator is not None:
                assert term.bound <= 2 ** (layer.accumulator - 1) - 1
                term.sum = Number("integer", layer.accumulator)
        number, bound, self.shift = first.sum, first.bound, 0
        if len(self.terms) == 2:
            # the ratio of the second scale to the first, as integers over one power of two that all neurons share
            ratios = [b / a for a, b in zip(first.scale, self.terms[1].scale, strict=True)]
            self.multiplier, self.shift = over_common_power(ratios, MERGE_MULTIPLIER_WIDTH)
            bound = first.bound * 2**self.shift + self.terms[1].bound * max(self.multiplier)
            number = partial_sum(bound)
            factor_bits = next(n for n in range(2, 65) if max(self.multiplier) < 2 ** (n - 1))
            self.set_parameters(layer, factor_bits)
        step = [source.step[0] * scale / 2.0**self.shift for scale in first.scale]
        self.tensor = Tensor(number, shape, step, self.n_channel * np.ndim(layer.terms[0].scale), bound)

    def set_parameters(self, layer, n_bit: int):
        """Scales that the neurons themselves multiply by, as far as they differ by channel: (how many, bits)."""
        per_channel = [bool(np.ndim(weight.scale)) for weight in layer.terms]
        self.of_scale = (self.n_channel, n_bit) if per_channel[0] else (0, 0)
        self.of_merge = (self.n_channel, n_bit) if any(per_channel) else (0, 0)

    def parameters(self):
        stored = []
        has_scale = not self.is_integer and any(scale != 1 for scale in self.terms[0].scale)
        if has_scale and not self.has_multiplier:
            stored.append(self.of_scale)
        if len(self.terms) == 2:
            stored.append(self.of_merge)
        return stored

    # geometry

    def channel_of(self, neuron: int) -> int:
        """Output channel of a neuron."""
        raise NotImplementedError

    def channel_at(self, place) -> int:
        """Output channel that a weight serves."""
        raise NotImplementedError

    def an_input_of(self, place) -> int:
        """An input that a weight is for."""
        raise NotImplementedError

    def n_channel_read(self) -> int:
        """Input channels."""
        raise NotImplementedError

    def channel_read(self, i: int) -> int:
        """Input channel of an input."""
        raise NotImplementedError

    def fan_out(self, i: int) -> list:
        """(neuron, place of the weight) of every synapse of an input, by output position."""
        raise NotImplementedError

    def rows_of(self, channel: int) -> list:
        """Places of an input channel's weights, in the order in which they are stored, row by row."""
        raise NotImplementedError

    def in_order(self, events):
        """Events in the order in which they are added up."""
        return events

    def lanes(self, machine: Machine) -> tuple[int, int]:
        raise NotImplementedError

    def n_pass(self, machine):
        return 1 if machine.ideal else math.ceil(self.row_length / self.lanes(machine)[0])

    # a frame

    def deliver(self, moment, arrivals):
        """Present every event to every synapse of its input."""
        (arrival,) = arrivals
        machine = moment.machine
        memory, meter = moment.inner_meter(self.name, "memory"), moment.inner_meter(self.name, "synapse")
        chip = moment.meter(self.name, "synapse")
        if moment.from_nothing:
            # one for each channel serves all of its neurons, and the first term alone has any
            if moment.reads_what_is_stored:
                memory.read("bias", sum(self.terms[0].sum.n_bit for _ in range(self.n_channel) if self.has_bias))
            self.sums = [list(start) for start in self.start]
        by_channel = [0] * self.n_channel_read()
        meeting = Counter()  # of events with a kernel tap of their channel, wherever it then stands
        for i, _ in arrival.event:
            by_channel[self.channel_read(i)] += 1
            for row in self.fan_out(i):
                meeting[self.channel_read(i), self.tap_of(row[0][1])] += 1
        self.seen = [Synapses(len(arrival.event), by_channel=list(by_channel)) for _ in self.terms]
        for term in self.terms:
            if moment.loads_weights:
                self._read_weights(machine, memory, term, meeting)
        touched, touched_nonzero = set(), set()
        for i, s in self.in_order(arrival.event):
            magnitude = int(s != 0) if self.source.number.is_real else abs(s)
            for row in self.fan_out(i):
                self._open(machine, memory, row)
                for term in self.terms:
                    # its zero point times the sum of all that is read will be taken off
                    if term.is_offset and not (machine.gate_zero_inputs and s == 0):
                        meter.add(s, s, term.sum.operand)
                        if not machine.per_row:
                            memory.update(term.sum.operand)
                for j, place in row:
                    touched.add(j)
                    for k, term in enumerate(self.terms):
                        self.seen[k].by_magnitude[magnitude] += 1
                        if term.is_nonzero[place]:
                            self.seen[k].by_magnitude_nonzero[magnitude] += 1
                            touched_nonzero.add(j)
                        if machine.whole and not is_skipped(machine, self, term, s, place):
                            chip.whole("synaptic_operation")
                        self.sums[k][j] = synaptic_operation(
                            machine, meter, memory, self, term, self.sums[k][j], s, place
                        )
                self._close(machine, memory, row)
        return sorted(touched), sorted(touched_nonzero)

    def _read_weights(self, machine, memory, term, meeting):
        """Each row once for all the positions at which the lanes need it at a time."""
        n_position = math.inf if machine.ideal else self.lanes(machine)[1]
        address, n_bit = 0, 0
        for channel in range(self.n_channel_read()):
            for row in self.rows_of(channel):
                wanted = max(meeting[channel, self.tap_of(place)] for place in row)
                while wanted > 0:
                    wanted -= n_position
                    address = memory.add(address, self.row_length, ADDRESS)
                    if machine.run_bits is None:
                        memory.read("weights", len(row) * term.number.n_bit)
                        continue
                    for _ in ("where it begins", "where it ends"):
                        memory.read("pointers", machine.word_length)
                    for _ in compressed([term.is_nonzero[place] for place in row], machine.run_bits):
                        n_bit += machine.run_bits + term.number.n_bit
        memory.read("weights", n_bit)  # entries lie packed

    def tap_of(self, place) -> tuple:
        """Kernel tap of a weight; a Dense layer has but one."""
        return tuple(place[2:])

    def stored_places(self, term, run_bits) -> set:
        """Places of the weights that have an entry, among them the zeros that break long runs."""
        found = set()
        for channel in range(self.n_channel_read()):
            for row in self.rows_of(channel):
                at = -1
                for skipped, _ in compressed([term.is_nonzero[place] for place in row], run_bits):
                    at += skipped + 1
                    found.add(row[at])
        return found

    def _open(self, machine, memory, row):
        """Fetch the accumulators of one position, if they are in SRAM."""
        for term in self.terms if machine.per_row else ():
            memory.add(0, row[0][0], ADDRESS)
            memory.read("accumulators", len(row) * term.sum.n_bit)

    def _close(self, machine, memory, row):
        for term in self.terms if machine.per_row else ():
            memory.write("accumulators", len(row) * term.sum.n_bit)

    def settle(self, moment, at_work):
        if not moment.machine.is_delta or moment.machine.per_row:
            return
        memory = moment.inner_meter(self.name, "memory")
        sum_bits = sum(term.sum.n_bit for term in self.terms)
        if not moment.first:  # at first the bias takes the place of the read
            memory.read("sums", len(at_work) * sum_bits)
        memory.write("sums", len(at_work) * sum_bits)

    def number(self, meter, neuron):
        """A neuron's partial sums as the one number that the fused layers read."""
        first, operand = self.sums[0][neuron], self.tensor.number.operand
        for term in self.terms:
            if term.is_offset:  # the codes here are less it already
                factor = term.sum.operand if term.sum.is_real else term.number.operand
                meter.add(0, meter.multiply(0, term.zero_point[neuron], term.sum.operand, factor), term.sum.operand)
        if self.is_integer:
            if len(self.sums) == 1:
                return first  # the scale lives on in the step
            factor, merge = self.multiplier[neuron], f"int{MERGE_MULTIPLIER_WIDTH}"
            second = meter.multiply(self.sums[1][neuron], factor, operand, merge)
            return meter.add(first << self.shift, second, operand)
        if any(scale != 1 for scale in self.terms[0].scale):
            scale = np.float32(self.terms[0].scale[neuron])
            first = first * scale if self.has_multiplier else meter.multiply(first, scale, operand, operand)
        if len(self.sums) == 1:
            return first
        second = meter.multiply(self.sums[1][neuron], np.float32(self.terms[1].scale[neuron]), operand, operand)
        return meter.add(first, second, operand)


class Dense(Synaptic):
    """A fully connected layer. Weights lie at (input, neuron)."""

    def __init__(self, layer, source):
        self.n_channel = self.row_length = int(np.shape(layer.terms[0].code)[1])
        super().__init__(layer, source, (self.n_channel,))

    def channel_of(self, neuron):
        return neuron

    def channel_at(self, place):
        return place[1]

    def an_input_of(self, place):
        return place[0]

    def n_channel_read(self):
        return self.source.size

    def channel_read(self, i):
        return i  # an input is a channel of one position

    def fan_out(self, i):
        return [[(j, (i, j)) for j in range(self.n_out)]]

    def rows_of(self, channel):
        return [[(channel, j) for j in range(self.n_out)]]

    def lanes(self, machine):
        return machine.lanes


class Conv2d(Synaptic):
    """A convolution. Weights lie at (output channel, input channel of the group, tap y, tap x)."""

    def __init__(self, layer, source):
        self.n_channel, self.read_per_group, *kernel = (int(n) for n in np.shape(layer.terms[0].code))
        self.n_group = int(layer.groups)
        self.per_group = self.n_channel // self.n_group
        _, self.height, self.width = source.shape
        self.y, self.x = (
            Slide(source.shape[1 + k], kernel[k], layer.stride[k], layer.padding[k], layer.dilation[k]) for k in (0, 1)
        )
        n_tap = kernel[0] * kernel[1]
        if self.read_per_group == 1 and self.n_group > 1:  # depthwise: the row runs along the kernel
            self.row_length = n_tap * self.per_group
        else:
            self.row_length = self.per_group
        super().__init__(layer, source, (self.n_channel, self.y.n_window, self.x.n_window))

    def channel_of(self, neuron):
        return neuron // (self.y.n_window * self.x.n_window)

    def channel_at(self, place):
        return place[0]

    def an_input_of(self, place):
        channel = place[0] // self.per_group * self.read_per_group + place[1]
        return channel * self.height * self.width  # of the channel's inputs, which share a step, the first

    def n_channel_read(self):
        return self.source.shape[0]

    def channel_read(self, i):
        return i // (self.height * self.width)

    def fan_out(self, i):
        channel, y, x = self._place_of(i)
        group, channel_in_group = divmod(channel, self.read_per_group)
        rows = []
        for window_y, tap_y in self.y.reached_from(y):
            for window_x, tap_x in self.x.reached_from(x):
                rows.append([])
                for out in range(group * self.per_group, (group + 1) * self.per_group):
                    neuron = (out * self.y.n_window + window_y) * self.x.n_window + window_x
                    rows[-1].append((neuron, (out, channel_in_group, tap_y, tap_x)))
        return rows

    def rows_of(self, channel):
        group, channel_in_group = divmod(channel, self.read_per_group)
        outs = range(group * self.per_group, (group + 1) * self.per_group)
        taps = [(tap_y, tap_x) for tap_y in range(self.y.kernel) for tap_x in range(self.x.kernel)]
        if self.row_length > self.per_group:  # depthwise
            return [[(out, channel_in_group, *tap) for out in outs for tap in taps]]
        return [[(out, channel_in_group, *tap) for out in outs] for tap in taps]

    def in_order(self, events):
        def place(event):
            channel, y, x = self._place_of(event[0])
            return y, x, channel

        return sorted(events, key=place)

    def _place_of(self, i):
        position, x = divmod(i, self.width)
        return *divmod(position, self.height), x

    def lanes(self, machine):
        return machine.lanes_convolution


def is_skipped(machine: Machine, head: Synaptic, term: Term, s, place) -> bool:
    """Whether the machine does nothing where an event meets a synapse."""
    if machine.gate_zero_inputs and s == 0:
        return True
    if machine.run_bits is not None:  # it works through the entries of the row, whatever they are
        if term.stored is None:
            term.stored = head.stored_places(term, machine.run_bits)
        return place not in term.stored
    return machine.skip_zero_weights and not term.is_nonzero[place]


def synaptic_operation(machine: Machine, meter: Meter, memory: Meter, head: Synaptic, term: Term, total, s, place):
    """One event s meets the synapse with the weight at a place: the partial sum afterwards."""
    event, weight, operand = head.source.number, term.weight[place], term.sum.operand
    if machine.is_delta:
        event = event.difference

    def accumulate(total, summand):
        if not machine.per_row:
            memory.update(operand)
        return meter.add(total, summand, operand)

    if is_skipped(machine, head, term, s, place):
        return total
    # what the network says the event adds; only the real layers need it below
    product = None if head.is_integer else np.float32(s) * weight
    if term.number.kind in ("binary", "ternary"):
        if event.kind == term.number.kind == "binary":
            agreement = meter.xnor(s, 1 if weight > 0 else -1, event.operand, term.number.operand)
            return accumulate(total, agreement if head.is_integer else product)
        # the weight's sign lets the event pass, negates or blocks it: no multiplier
        return accumulate(total, (s if weight > 0 else -s if weight < 0 else 0) if head.is_integer else product)
    if event.kind in ("binary", "ternary") or event.is_flag:
        return accumulate(total, weight if s > 0 else -weight if s < 0 else type(weight)(0))
    if term.number.kind == "power-of-two":
        if event.is_real:
            return accumulate(total, meter.add_exponents(s, weight, event.operand))
        if not head.is_integer:  # the shifted code still carries the input's step
            meter.shift_left(s, 0, event.operand)
            return accumulate(total, product)
        places = abs(weight).bit_length() - 1 if weight else 0
        moved = meter.shift_left(s, places, event.operand)
        return accumulate(total, moved if weight > 0 else -moved if weight < 0 else 0)
    if event.is_real:
        return accumulate(total, meter.multiply(s, weight, event.operand, event.operand))
    if term.number.is_real:  # the event was converted when it was sent
        return accumulate(total, meter.multiply(np.float32(s), weight, term.number.operand, term.number.operand))
    arithmetic = machine.arithmetic
    if arithmetic == "unary-up-to":
        arithmetic = "unary" if abs(s) <= machine.largest_unary else "multiply"
    if arithmetic == "multiply":
        factor = s if head.is_integer else np.float32(s)
        return accumulate(total, meter.multiply(factor, weight, event.operand, term.number.operand))
    before = total
    if arithmetic == "unary":
        for _ in range(abs(s)):
            total = accumulate(total, weight if s > 0 else -weight)
    else:
        assert arithmetic == "shift-add"
        for position, sign in signed_digits(s):
            moved = meter.shift_left(weight, position, term.number.operand)
            total = accumulate(total, moved if sign > 0 else -moved)
    # in floating point many additions round differently; what the network computes is one rounded product
    return total if head.is_integer else before + product
