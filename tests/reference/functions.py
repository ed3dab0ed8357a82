"""Functions of codes as lists, where a machine looks them up."""

from reference.elementwise import Curve, Elementwise, Trace
from reference.tally import Meter


class CodeTable(Elementwise):
    """A curve of codes and whatever follows it up to the next code, as a list with an entry for each code."""

    def __init__(self, layers: list[Elementwise]):
        first = layers[0]
        self.name, self.source, self.tensor, self.before = first.name, first.source, layers[-1].tensor, first.before
        self.layers = layers
        self.lists = {}  # by element, of entries that have been asked for

    def apply(self, meter, element, value, trace):
        entries = self.lists.setdefault(element, [None] * 2**self.source.number.n_bit)
        address = (value + 1) // 2 if self.source.number.kind == "binary" else value % len(entries)
        if entries[address] is None:  # written when the machine was made: nobody pays for it now
            entries[address] = self._worked_out(element, value)
        entry = meter.entry(entries, address)
        trace.code.update(entry.code)
        trace.n_saturated += entry.n_saturated
        return entry.value

    def _worked_out(self, element, value) -> Trace:
        trace, nobody = Trace(), Free()
        for layer in self.layers:
            value = layer.apply(nobody, element, value, trace)
            element = layer.place(element)
        trace.value = value
        return trace

    def place(self, element):
        for layer in self.layers:
            element = layer.place(element)
        return element


class Free(Meter):
    """Looks away."""

    def __init__(self):
        pass

    def _count(self, operation, operands):
        pass

    def curve(self, name, function, value, *operands):
        return function(value)


def carried_out(body: list[Elementwise], machine) -> list[Elementwise]:
    """Element-wise layers as a machine has them: with a list for each curve that it looks up."""
    steps, left = [], list(body)
    while left:
        n = 1
        if isinstance(left[0], Curve) and machine.reads_a_table(left[0].source.number):
            while n < len(left) and left[n - 1].tensor.number.is_real:
                n += 1
            if left[n - 1].tensor.number.is_real:  # no code ever comes of it
                n = 1
            steps.append(CodeTable(left[:n]))
        else:
            steps.append(left[0])
        left = left[n:]
    return steps
