"""What one synaptic operation is, by the formats of event and weight and the machine's arithmetic; and rows of weights.

Two-term layers do everything twice.
"""

from dataclasses import dataclass

import numpy as np

from .book import ceil
from .compression import entries
from .events import is_depthwise, row_axes, row_weights, touched


@dataclass
class Term:
    """One term of a layer's weights as a machine stores and executes it."""

    executed: np.ndarray  # (channel, tap): weights of a row that an event meets and that count
    row_length: int
    rows: int
    entries_of: np.ndarray  # of each row: (channel, tap), or (channel,) of depthwise layers
    bits: int
    format: object
    counts: np.ndarray  # like the weights: which of them a neuron is touched by


def term(stage, machine, codes, form):
    layer = stage.producer
    rows = row_weights(layer, codes)
    depthwise = is_depthwise(layer, stage.reads[0].shape[0])
    flat = rows.transpose(0, 2, 1).reshape(len(rows), -1) if depthwise else rows.reshape(-1, rows.shape[2])
    places = flat != 0
    if machine.get("weights") == "compressed":
        places = entries(flat, machine["run_bits"])
    of_row = places.sum(axis=1)
    if not machine.get("skip_zero_weights"):
        executed = np.full(rows.shape[:2], rows.shape[2])
        if machine.get("weights") == "compressed":
            raise NotImplementedError("compressed weights whose zeros are executed")
    elif depthwise:
        executed = places.reshape(len(rows), rows.shape[2], rows.shape[1]).sum(axis=1)
    else:
        executed = of_row.reshape(rows.shape[:2])
    counts = codes != 0 if machine.get("skip_zero_weights") else np.ones(codes.shape, bool)
    of_row = of_row if depthwise else of_row.reshape(rows.shape[:2])
    return Term(executed, flat.shape[1], len(flat), of_row, form.bits, form, counts)


def elementary(code, event, weight, values, present, machine):
    """Operations of each event and synapse: [(operation, format or None for the accumulator's, times)].

    `code` is the format of what is read, `event` that of what is presented: under delta a bit more.
    """
    once = present.astype(np.int64)
    if event.is_real:
        return _of_real_events(weight, once)
    if event.kind == "binary":
        return ([("xnor", "binary x binary", once)] if weight.kind == "binary" else []) + [("addition", None, once)]
    if weight.kind in ("binary", "ternary") or code.is_bit:
        return [("addition", None, once)]
    if weight.is_real:
        return _of_real_events(weight, once)
    if weight.kind == "power-of-two":
        return [("variable_shift", event.operand, once), ("addition", None, once)]
    size = np.where(present, np.abs(values), 0)
    if machine["event_arithmetic"] == "shift-add":
        digits = _signed_digits(size)
        return [("variable_shift", weight.operand, digits), ("addition", None, digits)]
    limit = machine["unary_limit"]
    if limit is None:
        return [("addition", None, size)]
    multiplied = once if limit == 0 else (size > limit).astype(np.int64)
    added = once if limit == 0 else np.where(size > limit, 1, size)
    return [("multiplication", f"{event.operand} x {weight.operand}", multiplied), ("addition", None, added)]


def needs_conversion(code, weight):
    """Whether codes are converted before they meet a weight: integers that are not declared bits, and real weights."""
    return weight.is_real and code.kind == "integer" and not code.is_bit


def _of_real_events(weight, once):
    if weight.kind in ("binary", "ternary"):
        return [("addition", None, once)]
    if weight.kind == "power-of-two":
        return [("exponent_addition", "fp32", once), ("addition", None, once)]
    return [("multiplication", "fp32 x fp32", once), ("addition", None, once)]


def _signed_digits(size):
    """Non-zero digits of the form without neighbours: those in which a number and its threefold differ."""
    different = size ^ (3 * size)
    return np.bitwise_count(different.astype(np.uint64)).astype(np.int64)


def count_synapses(book, stage, terms, widths, events, event):
    """Book operations of phase `synapse` and updates of the working store."""
    machine, layer = book.machine, stage.producer
    present = events.present
    if machine.get("zero_operands") == "gated":
        present = present & (events.values != 0)
    for one, width in zip(terms, widths, strict=True):
        if machine.get("operations") == "whole":
            total = (row_axes(layer, present) * one.executed).sum(axis=(1, 2))
            book.operations(stage.name, "synapse", "synaptic_operation", "", total)
            continue
        code = stage.reads[0].format
        for operation, form, times in elementary(code, event, one.format, events.values, present, machine):
            total = (row_axes(layer, times) * one.executed).sum(axis=(1, 2))
            book.operations(stage.name, "synapse", operation, form or width.operand, total)
            if operation == "addition" and machine.get("access") != "per-row":
                book.operations(stage.name, "memory", "register_update", width.operand, total)


def rows_delivered(stage, machine, events):
    """How often each row is delivered. (frames, channels, taps), or (frames, channels) of depthwise layers"""
    layer = stage.producer
    lanes = machine["lanes"]["dense" if layer.type == "dense" else "convolution"]["positions"]
    meetings = row_axes(layer, events.present)
    if is_depthwise(layer, stage.reads[0].shape[0]):
        meetings = meetings.max(axis=2)
    times = ceil(meetings, lanes)
    return np.minimum(times, 1) if machine.get("reuse") == "ideal" else times


def touched_neurons(stage, terms, events, is_first):
    """Neurons that a synaptic operation reached, all in first frames. (frames, *shape) bool"""
    reached = touched(stage.producer, terms[0].counts, events.present)
    for one in terms[1:]:
        reached |= touched(stage.producer, one.counts, events.present)
    reached[is_first] = True
    return reached
