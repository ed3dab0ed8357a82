"""Phase `memory`: words of weights, parameters, codes, events, outputs and state, in every frame."""

import numpy as np

from .book import ceil
from .events import row_axes
from .memories import capacity, row_length
from .synapse import rows_delivered


def count_weights(book, stage, terms, widths, events, size, frames):
    """Rows with their addresses, and the bias."""
    machine, word = book.machine, book.machine["word_length"]
    number = np.arange(frames)
    begun = np.maximum.accumulate(np.where(book.is_first, number, 0))  # a batch ends with its stream
    served = (number - begun) % machine.get("batch", 1) == 0
    delivered = rows_delivered(stage, machine, events)
    rows = delivered.reshape(frames, -1).sum(axis=1)
    for one in terms:
        if machine.get("weights") == "compressed":
            stored = (delivered * one.entries_of).reshape(frames, -1).sum(axis=1)
            words = ceil(stored * (one.bits + machine["run_bits"]), word) + 2 * rows
        else:
            words = rows * ceil(one.row_length * one.bits, word)
        book.words(stage.name, "read", "weights", size, words * served)
        book.operations(stage.name, "memory", "addition", "int16", rows * served)
    if stage.producer.bias is not None:
        words = ceil(len(stage.producer.bias) * widths[0].bits, word)
        book.words(stage.name, "read", "weights", size, words * _starts(book))


def count_parameters(book, stage, size, touched):
    """Multipliers and offsets that differ by channel: at most as many as neurons touched."""
    for numbers, bits in stage.stored:
        book.words(
            stage.name, "read", "weights", size, ceil(np.minimum(numbers, touched) * bits, book.machine["word_length"])
        )


def _starts(book):
    """Frames in which accumulators start from the bias."""
    return book.is_first if book.machine["execution"] == "delta" else np.ones_like(book.is_first)


def passes(book, stage):
    """How often a stage reads its inputs."""
    if not stage.is_synaptic or book.machine.get("reuse") == "ideal":
        return 1
    lanes = book.machine["lanes"]["dense" if stage.type == "dense" else "convolution"]["channels"]
    return ceil(row_length(stage), lanes)


def count_raw_frame(book, stage, bits):
    size = _buffer(book, bits)
    book.words("input", "read", "activations", size, ceil(bits, book.machine["word_length"]))


def count_signal(book, stage, readers, events, raw_bits):
    """What a stage leaves for others, written once and read by each of them: codes, or events.

    `raw_bits` is given where a dense machine finds its codes in the raw frame.
    """
    word, n = book.machine["word_length"], stage.emits.n
    if book.machine["execution"] == "dense":
        held = raw_bits or n * stage.emits.format.bits
        words = np.full(len(book.is_first), ceil(held, word))
    else:
        value = stage.emits.format
        value = value.difference() if book.machine["execution"] == "delta" else value
        bits = value.bits + (n - 1).bit_length()
        held = n * bits
        words = ceil(events.count() * bits, word)
    size = _buffer(book, held)
    if not raw_bits:
        book.words(stage.name, "write", "activations", size, words)
    for i, reader in enumerate(readers):
        times = passes(book, reader) - (1 if raw_bits and i == 0 else 0)
        if i and book.machine.get("reuse") == "ideal":
            times = 0
        book.words(reader.name, "read", "activations", size, words * times)


def count_outputs(book, stage, touched):
    bits = stage.emits.format.bits
    size = _buffer(book, stage.emits.n * bits)
    book.words(stage.name, "write", "activations", size, ceil(touched * bits, book.machine["word_length"]))


def _buffer(book, bits):
    return capacity(book.machine, "activations", bits * book.machine.get("batch", 1))


def count_sums(book, stage, widths, size, touched, events):
    """Sums kept under delta; or, without a working store, accumulators in memory, row by row and term by term."""
    machine, word = book.machine, book.machine["word_length"]
    if machine.get("access") == "per-row":
        meetings, reached = _meetings(stage, events)
        for width in widths:
            words = meetings * ceil(reached * width.bits, word)
            book.words(stage.name, "read", "state", size, words)
            book.words(stage.name, "write", "state", size, words)
            book.operations(stage.name, "memory", "addition", "int16", meetings)
    elif machine["execution"] == "delta":
        words = ceil(touched * sum(width.bits for width in widths), word)
        book.words(stage.name, "read", "state", size, words * ~book.is_first)
        book.words(stage.name, "write", "state", size, words)


def _meetings(stage, events):
    """Meetings of events and taps in each frame, and the accumulators that each reaches."""
    layer = stage.producer
    codes = layer.terms()[0][0]
    reached = codes.shape[1] if layer.type == "dense" else codes.shape[0] // layer.settings["groups"]
    return row_axes(layer, events.present).sum(axis=(1, 2)), reached


def count_last_codes(book, stage, size, read, changed):
    word, bits = book.machine["word_length"], stage.emits.format.bits
    book.words(stage.name, "read", "state", size, ceil(read * bits, word))
    book.words(stage.name, "write", "state", size, ceil(changed * bits, word))
