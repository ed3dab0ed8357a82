"""What a network's layers leave open, settled when the network is made, and the signals between them."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwsim.errors import NetworkError
from hwsim.files.memory import expect_memory
from hwsim.network.layers import Add, HardTanh, Layer, Quantize, ReLU
from hwsim.network.layers.scaling import MULTIPLIER_BIT_WIDTH
from hwsim.network.signals import BYTES_OF_A_NUMBER, Signal, positive
from hwsim.network.sums import MOST_SUMS, QuantizedAdd


def resolved(layers: Sequence[Layer], signals: dict[str, Signal]) -> tuple[Layer, ...]:
    """The layers with all widths of multipliers, each settled once and kept from then on.

    Parameters
    ----------
    layers : sequence of Layer
        In order, inputs named.
    signals : dict
        The input's; those of the layers are added.

    Raises
    ------
    NetworkError
        When a layer cannot read what it is given.
    """
    behind = _quantizers(layers)
    settled: dict[str, Layer] = {}
    n_number = sum(each.size for each in signals.values())
    for layer in layers:
        layer = settled.get(layer.name, layer)
        reads = tuple(signals[name] for name in layer.inputs)
        try:
            if isinstance(layer, Add) and layer.name in behind and _is_open(layer, behind[layer.name], reads):
                layer.signal(*reads)
                layer, quantize = QuantizedAdd(layer, behind[layer.name], reads).with_fewest_bits()
                settled[quantize.name] = quantize
            elif isinstance(layer, Quantize) and layer.multiplier_bit_width is None:
                layer = replace(layer, multiplier_bit_width=MULTIPLIER_BIT_WIDTH)
            signals[layer.name] = made = layer.signal(*reads)
            n_number += made.size
            check_size(made.shape, n_number)
            positive(made.step, "makes codes of a step of")
        except NetworkError as error:
            raise NetworkError(f"layer {layer.name}: {error}") from None
        settled[layer.name] = layer
    return tuple(settled[layer.name] for layer in layers)


def check_size(shape: tuple[int, ...], n_number: int) -> None:
    """Refuse a signal with which a frame becomes too large to run, before it is tried.

    Parameters
    ----------
    shape : tuple of int
        Of the signal.
    n_number : int
        Numbers of a frame, of all signals so far.

    Raises
    ------
    NetworkError
        When a run of one frame needs more memory than may be asked for.
    """
    what = f"frames of shape {shape}, {math.prod(shape):,} numbers"
    expect_memory(BYTES_OF_A_NUMBER * n_number, what, "make images or the network smaller", NetworkError)


def _is_open(add: Add, quantize: Quantize, reads: Sequence[Signal]) -> bool:
    """Whether there is anything to settle: codes, and factors that nobody has declared."""
    if any(read.format.is_real for read in reads) or len(reads) < 2:
        return False
    if QuantizedAdd(add, quantize, tuple(reads)).is_exact:
        is_multiplied = quantize.ratio(add.signal(*reads)).kind == "multiply"
        return quantize.multiplier_bit_width is None and is_multiplied
    return add.step is None and add.multiplier_bit_width is None


def _quantizers(layers: Sequence[Layer]) -> dict[str, Quantize]:
    """By name of an Add, the Quantize that alone reads it; between them may be layers that only clip."""
    readers: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        for name in layer.inputs:
            readers[name].append(layer)
    found = {}
    for layer in layers:
        if isinstance(layer, Add):
            following = readers[layer.name]
            while len(following) == 1 and isinstance(following[0], ReLU | HardTanh):
                following = readers[following[0].name]
            if len(following) == 1 and isinstance(following[0], Quantize):
                found[layer.name] = following[0]
    return found


def sum_notes(layers: Sequence[Layer], signals: dict[str, Signal]) -> Iterator[str]:
    """What a reader must know of sums that lead to another code than the nearest."""
    behind = _quantizers(layers)
    for add in layers:
        quantize = behind.get(add.name)
        reads = tuple(signals[name] for name in add.inputs)
        if not isinstance(add, Add) or quantize is None or any(read.format.is_real for read in reads):
            continue
        place = QuantizedAdd(add, quantize, reads)
        if place.n_sum > MOST_SUMS:
            yield (
                f"{add.name}: sums of {len(reads)} signals, of too many combinations of codes to try them all; next to "
                "a tie a code may be the neighbouring one"
            )
        elif n_wrong := place.n_wrong(add, quantize):
            yield (
                f"{add.name}: of {place.n_sum * len(place.sums):,} combinations of codes {n_wrong:,} lead to another "
                f"code than the nearest, with multipliers of {add.multiplier_bits} bits"
            )
