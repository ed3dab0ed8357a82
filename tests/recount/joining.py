"""Poolings and Add: operations on codes as they arrive, and what they keep under delta."""

import numpy as np

from .book import ceil
from .windows import windows

MEANS = ("avgpool2d", "globalavgpool")


def count_joining(book, walk, stage, state):
    """Book a pooling's or an Add's own work and state; return its touched outputs. (frames,)"""
    events = [walk.events[name].present for name in stage.sources]
    if stage.type == "add":
        return _count_add(book, walk, stage, events, state)
    (changed,) = events
    slides = windows(stage.producer, changed.shape[2:])
    inputs = np.broadcast_to(slides.inputs(), (len(changed), changed.shape[1], *slides.size))
    arriving = np.zeros(inputs.shape, np.int64)  # changes that each window sees
    for tap in slides.taps:
        arriving[:, :, *tap.made] += changed[:, :, *tap.read]
    active = arriving > 0
    if walk.execution == "delta":
        active[book.is_first] = True
    else:
        active[:] = True
    if stage.type in MEANS:
        additions = arriving if walk.execution == "delta" else inputs - 1
        _book_additions(book, stage, additions.sum(axis=(1, 2, 3)), state)
    else:
        _count_maxima(book, stage, np.where(active, inputs, 0), active, state)
    return active.sum(axis=(1, 2, 3))


def _count_maxima(book, stage, inputs, active, state):
    """Windows with a changed input are gone through anew, and their codes read."""
    form = stage.reads[0].format
    comparisons = (inputs - active).sum(axis=(1, 2, 3))
    book.operations(stage.name, "neuron", "comparison", form.operand, comparisons)
    if book.machine["execution"] == "delta":
        words = ceil(inputs.sum(axis=(1, 2, 3)) * form.bits, book.machine["word_length"])
        book.words(stage.name, "read", "state", state, words)


def _count_add(book, walk, stage, events, state):
    n_frame = len(walk.frames.codes)
    if walk.execution != "delta":
        _book_additions(book, stage, np.full(n_frame, (len(events) - 1) * stage.made.n), state)
        return np.full(n_frame, stage.made.n)
    changed = [happens.reshape(n_frame, -1) for happens in events]
    _book_additions(book, stage, sum(happens.sum(axis=1) for happens in changed), state)
    touched = np.logical_or.reduce(changed)
    touched[book.is_first] = True
    return touched.sum(axis=1)


def _book_additions(book, stage, additions, state):
    """Additions to sums, which are kept under delta and then read and written each time."""
    width = stage.made.format
    book.operations(stage.name, "neuron", "addition", width.operand, additions)
    if book.machine["execution"] == "delta":
        words = ceil(additions * width.bits, book.machine["word_length"])
        book.words(stage.name, "read", "state", state, words)
        book.words(stage.name, "write", "state", state, words)
