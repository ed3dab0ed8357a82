"""How large each memory is: the smallest power of two bytes for the worst case, or off chip."""

from .book import ceil
from .events import is_depthwise
from .joining import MEANS

POINTER = 32
"""Of a pointer to where a compressed row begins. [bits]"""


def bytes_for(machine, bits):
    """Capacity of a memory on chip, 0 where the contents are off chip. [bytes]"""
    needed = max(1, ceil(int(bits), 8))
    limit = machine.get("on_chip_limit")
    if limit is not None and needed > limit:
        return 0
    return 1 << (needed - 1).bit_length()


def capacity(machine, memory, bits):
    """Of one of a machine's memories, whose contents take so many bits."""
    if "off_chip" in machine["memories"][memory]:
        return 0
    return bytes_for(machine, bits)


def stored_weights(machine, stage, terms, widths):
    """Bits of a stage's rows, bias and parameters; rows, and what is left of them without zeros, in whole words."""
    word, bits = machine["word_length"], sum(n * b for n, b in stage.stored)
    for one in terms:
        if machine.get("weights") == "compressed":
            bits += ceil(int(one.entries_of.sum()) * (one.bits + machine["run_bits"]), word) * word
            bits += POINTER * (one.rows + 1)  # a row ends where the next begins
        else:
            bits += one.rows * ceil(one.row_length * one.bits, word) * word
    if terms and stage.producer.bias is not None:
        bits += len(stage.producer.bias) * widths[0].bits
    return bits


def stored_state(stage, widths):
    """Bits of a stage's sums and last codes."""
    kept = [stage.made.format] if stage.type in (*MEANS, "add") else widths
    sums = stage.emits.n * sum(width.bits for width in kept)
    codes = 0 if stage.is_last else stage.emits.n * stage.emits.format.bits
    return sums + codes


def row_length(stage):
    """Weights that lie in a row: how many codes' worth of channels one reading of the inputs serves."""
    layer = stage.producer
    codes = layer.terms()[0][0]
    if layer.type == "dense":
        return codes.shape[1]
    made = codes.shape[0] // layer.settings["groups"]
    if is_depthwise(layer, stage.reads[0].shape[0]):
        return made * codes.shape[2] * codes.shape[3]
    return made
