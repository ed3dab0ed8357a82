"""The whole recount: what a machine does when a network reads frames."""

import numpy as np

from .book import Book
from .events import present
from .joining import count_joining
from .memories import capacity, stored_state, stored_weights
from .running import run
from .signals import accumulators
from .stages import stages
from .synapse import count_synapses, needs_conversion, term, touched_neurons
from .words import (
    count_last_codes,
    count_outputs,
    count_parameters,
    count_raw_frame,
    count_signal,
    count_sums,
    count_weights,
)


class Walk:
    """A network on frames under one execution: all that machines of this execution have in common."""

    def __init__(self, model, frames, execution, values=None):
        self.model, self.frames, self.execution = model, frames, execution
        self.found = stages(model, frames)
        self.values = values or run(self.found, frames, execution)
        self.events = {name: present(value, execution, frames.is_first) for name, value in self.values.items()}

    def under(self, execution):
        """The same run presented by another execution, which may not keep real sums where this one does not."""
        return Walk(self.model, self.frames, execution, self.values)


def recount(walk, machine):
    """Counts by (layer, phase, operation, format, memory, capacity, word length, frames)."""
    book = Book(machine, walk.frames.is_first)
    terms, widths = {}, {}
    for stage in walk.found:
        synaptic = stage.is_synaptic
        widths[stage.name] = accumulators(stage.producer, stage.reads[0]) if synaptic else []
        terms[stage.name] = []
        if synaptic:
            terms[stage.name] = [term(stage, machine, codes, form) for codes, _, form in stage.producer.terms()]
    whole = machine.get("operations") == "whole"
    kept = [stage for stage in walk.found if not (whole and stage.is_synaptic)]
    weight_bits = sum(stored_weights(machine, stage, terms[stage.name], widths[stage.name]) for stage in kept)
    state_bits = sum(stored_state(stage, widths[stage.name]) for stage in kept)
    sizes = {"weights": capacity(machine, "weights", weight_bits), "state": capacity(machine, "state", state_bits)}
    _count_input(book, walk, sizes)
    for stage in walk.found[1:]:
        if stage.is_synaptic:
            _count_synaptic(book, walk, stage, terms[stage.name], widths[stage.name], sizes)
        else:
            _count_joining(book, walk, stage, sizes)
    return book.counts


def _count_input(book, walk, sizes):
    stage, n_frame = walk.found[0], len(walk.frames.codes)
    all_of_them = np.full(n_frame, stage.emits.n)
    for operation, form in stage.work:
        book.operations("input", "encode", operation, form, all_of_them)
    _tests(book, stage, "encode", all_of_them)
    count_parameters(book, stage, sizes["weights"], all_of_them)
    raw = stage.made.n * _raw_bits(walk)
    count_raw_frame(book, stage, raw)
    is_raw = walk.execution == "dense" and all(layer.type == "flatten" for layer in stage.fused)
    _leave(book, walk, stage, sizes, all_of_them, raw if is_raw else 0)


def _raw_bits(walk):
    """Bits of a number of the raw frame: the data's, or what the network declares that it reads."""
    declared = walk.model.format
    return walk.frames.codes.dtype.itemsize * 8 if declared.is_real else declared.bits


def _count_synaptic(book, walk, stage, terms, widths, sizes):
    machine, source = book.machine, stage.sources[0]
    events = walk.events[source]
    event = stage.reads[0].format.difference() if walk.execution == "delta" else stage.reads[0].format
    n_frame = len(walk.frames.codes)
    touched = np.full(n_frame, stage.emits.n)
    if walk.execution == "delta":
        reached = touched_neurons(stage, terms, events, book.is_first)
        touched = reached.reshape(n_frame, -1).sum(axis=1)
    count_synapses(book, stage, terms, widths, events, event)
    if machine.get("operations") == "whole":
        book.operations(stage.name, "neuron", "neuron_update", "", touched)
        _leave(book, walk, stage, sizes, touched)
        return
    count_weights(book, stage, terms, widths, events, sizes["weights"], n_frame)
    count_parameters(book, stage, sizes["weights"], touched)
    count_sums(book, stage, widths, sizes["state"], touched, events)
    _count_neurons(book, stage, touched)
    _leave(book, walk, stage, sizes, touched)


def _count_neurons(book, stage, touched):
    for operation, form in stage.work:
        book.operations(stage.name, "neuron", operation, form, touched)
    if not stage.is_last:
        _tests(book, stage, "neuron", touched)


def _tests(book, stage, phase, codes):
    """The test for zero of codes that are sent, and under delta the difference before it."""
    if book.machine["execution"] != "dense":
        book.operations(stage.name, phase, "comparison", stage.emits.format.operand, codes)
    if book.machine["execution"] == "delta":
        book.operations(stage.name, phase, "addition", stage.emits.format.operand, codes)


def _count_joining(book, walk, stage, sizes):
    """A pooling or Add: its own operations, then what is fused into it."""
    touched = count_joining(book, walk, stage, sizes["state"])
    count_parameters(book, stage, sizes["weights"], touched)
    _count_neurons(book, stage, touched)
    _leave(book, walk, stage, sizes, touched)


def _leave(book, walk, stage, sizes, touched, raw_bits=0):
    """What a stage leaves behind: outputs, or codes or events for others, and the codes it last sent."""
    if stage.is_last:
        count_outputs(book, stage, touched)
        return
    events = walk.events[stage.name]
    readers = [other for other in walk.found if stage.name in other.sources]
    count_signal(book, stage, readers, events, raw_bits)
    _count_conversions(book, walk, stage, readers, events)
    in_chip = book.machine.get("operations") == "whole" and stage.is_synaptic
    if walk.execution == "delta" and not in_chip:
        count_last_codes(book, stage, sizes["state"], touched, events.changed)


def _count_conversions(book, walk, stage, readers, events):
    """Integer events for real weights: each is converted once for each layer that reads it."""
    if book.machine.get("operations") == "whole":
        return
    code = stage.emits.format
    event = code.difference() if walk.execution == "delta" else code
    for reader in readers:
        if reader.is_synaptic and needs_conversion(code, reader.producer.terms()[0][2]):
            phase = "encode" if stage.type == "input" else "neuron"
            book.operations(stage.name, phase, "conversion", f"{event.operand} x fp32", events.count())
