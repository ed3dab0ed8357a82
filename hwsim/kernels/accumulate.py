"""The addition of events to accumulators, which take every synaptic operation of convolutions and of dense layers.

The accumulators of a tile are taken into registers, meet all their events, and are stored once. One synaptic
operation loads one weight and nothing else, and no silent input is looked at.

`gather` and `dense` share it, against the rule that helpers stay in the file of their kernel, as a second copy would
be worse.
"""

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from hwsim.kernels.tiles import WIDTHS
from hwsim.kernels.vectors import load, spread, steps, store, variable

CHOSEN: str | None = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
FEATURES = (llvmlite.binding.get_host_cpu_features().flatten() if CHOSEN is None else CHOSEN).split(",")
PAIRED = 32 if "+avx512bw" in FEATURES else 16 if "+avx2" in FEATURES else 0
"""Channels whose products of 16 bits the processor adds in pairs; 0 if it does not."""


def add_events(
    row: Any, amount: Any, first: int, stop: int, weight: Any, before: Any, i: int, after: Any, k: int
) -> None:
    """Add events [first, stop) to the accumulators before[i:], and leave them in after[k:].

    This is the definition, and what runs when compilation is disabled. Compiled for integers, the event at `stop`
    may be added too, and must be null.
    """
    real = after.dtype.kind == "f"
    work = np.float32 if real else np.int64
    line = before[i : i + weight.shape[1]].astype(work)
    for e in range(first, stop):
        line += work(amount[e]) * weight[row[e]].astype(work)
    after[k : k + weight.shape[1]] = line


@intrinsic
def _add_events(  # type: ignore[no-untyped-def]
    context, row, amount, first, stop, weight, before, i, after, k
):
    """Emit `add_events`: for every width of tiles a loop whose accumulators are registers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(k: int) -> Any:
            return context.make_array(signature.args[k])(context, builder, arguments[k])

        first, stop, i, k = (arguments[n] for n in (2, 3, 6, 8))
        row, amount, weight = (array(n).data for n in (0, 1, 4))
        before, after = builder.gep(array(5).data, [i]), builder.gep(array(7).data, [k])
        _, columns = cgutils.unpack_tuple(builder, array(4).shape, 2)  # type: ignore[no-untyped-call]
        for width in WIDTHS:
            chosen = builder.icmp_signed("==", columns, ir.Constant(columns.type, width))
            with builder.if_then(chosen):
                emit = _emit_pairs if _is_paired(amount, weight, after) else _emit_single
                emit(builder, width, row, amount, first, stop, weight, before, after)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(row, amount, whole, whole, weight, before, whole, after, whole), generate


def _is_paired(amount: Any, weight: Any, after: Any) -> bool:
    """Whether products of 16 bits are added in pairs of 32 bits."""
    kinds = [pointer.type.pointee for pointer in (amount, weight, after)]
    whole = all(isinstance(kind, ir.IntType) for kind in kinds)
    return PAIRED > 0 and whole and all(kind.width <= most for kind, most in zip(kinds, (16, 16, 32), strict=True))


def _emit_single(
    builder: Any, width: int, row: Any, amount: Any, first: Any, stop: Any, weight: Any, before: Any, after: Any
) -> None:
    """One event at a time: a product is rounded, if real, and then added."""
    total = after.type.pointee
    real = not isinstance(total, ir.IntType)
    element = total if real or total.width == 64 else ir.IntType(32)
    lanes = 8 if element == ir.IntType(64) else 16
    kind = ir.VectorType(element, lanes)
    sums = [load(builder, before, c, kind) for c in range(0, width, lanes)]
    sums = [variable(builder, each) for each in sums]
    with steps(builder, first, stop, ir.Constant(first.type, 1)) as e:
        line = _line_of(builder, row, e, weight, width)
        factor = spread(builder, builder.load(builder.gep(amount, [e])), kind)
        for c, each in zip(range(0, width, lanes), sums, strict=True):
            weights = load(builder, line, c, kind)
            if real:
                added = builder.fadd(builder.load(each), builder.fmul(factor, weights))
            else:
                added = builder.add(builder.load(each), builder.mul(factor, weights))
            builder.store(added, each)
    for c, each in zip(range(0, width, lanes), sums, strict=True):
        store(builder, builder.load(each), after, c)


def _emit_pairs(
    builder: Any, width: int, row: Any, amount: Any, first: Any, stop: Any, weight: Any, before: Any, after: Any
) -> None:
    """Two events at a time: their weights, interleaved, meet both values in one instruction."""
    channels = min(PAIRED, width)
    half = ir.VectorType(ir.IntType(32), channels // 2)
    words = ir.VectorType(ir.IntType(16), channels)
    low, high = _interleaving(channels)
    ends, blocks = [channels // 2 * n for n in (0, 1)], range(0, width, channels)
    sums = []
    for c in blocks:
        # instructions interleave within 128 bits, so that sums are kept in that order
        parts = [load(builder, before, c + end, half) for end in ends]
        for order in (low, high):
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(order) // 2), order[::2])
            sums.append(variable(builder, builder.shuffle_vector(*parts, chosen)))
    with steps(builder, first, stop, ir.Constant(first.type, 2)) as e:
        lines = [_line_of(builder, row, builder.add(e, ir.Constant(e.type, n)), weight, width) for n in (0, 1)]
        two = builder.load(builder.bitcast(builder.gep(amount, [e]), ir.IntType(32).as_pointer()), align=2)
        factors = builder.bitcast(spread(builder, two, half), words)
        for b, c in enumerate(blocks):
            both = [load(builder, line, c, words) for line in lines]
            for n, order in enumerate((low, high)):
                mixed = builder.shuffle_vector(*both, ir.Constant(ir.VectorType(ir.IntType(32), channels), order))
                product = _pair_products(builder, mixed, factors, half)
                builder.store(builder.add(builder.load(sums[2 * b + n]), product), sums[2 * b + n])
    back = np.argsort([*low[::2], *high[::2]]).tolist()
    for b, c in enumerate(blocks):
        halves = [builder.load(each) for each in sums[2 * b : 2 * b + 2]]
        for end in ends:
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), channels // 2), back[end : end + channels // 2])
            store(builder, builder.shuffle_vector(*halves, chosen), after, c + end)


def _interleaving(channels: int) -> tuple[list[int], list[int]]:
    """How two vectors of 16-bit words are interleaved within each 128 bits: the lower and the upper halves."""
    orders = []
    for half in (0, 4):
        firsts = [8 * lane + half + k for lane in range(channels // 8) for k in range(4)]
        orders.append([place for word in firsts for place in (word, channels + word)])
    return orders[0], orders[1]


def _pair_products(builder: Any, one: Any, other: Any, kind: ir.VectorType) -> Any:
    """Products of 16-bit words, neighbours added in 32 bits."""
    name = "llvm.x86.avx512.pmaddw.d.512" if one.type.count == 32 else "llvm.x86.avx2.pmadd.wd"
    signature = ir.FunctionType(kind, [one.type, one.type])
    function = cgutils.get_or_insert_function(builder.module, signature, name)  # type: ignore[no-untyped-call]
    return builder.call(function, [one, other])


def _line_of(builder: Any, row: Any, e: Any, weight: Any, width: int) -> Any:
    """Address of the weights that event e meets."""
    number = builder.sext(builder.load(builder.gep(row, [e])), e.type)
    return builder.gep(weight, [builder.mul(number, ir.Constant(e.type, width))])


@overload(add_events, inline="always")
def _compiled_add_events(  # type: ignore[no-untyped-def]
    row, amount, first, stop, weight, before, i, after, k
):
    return lambda row, amount, first, stop, weight, before, i, after, k: _add_events(  # type: ignore[call-arg]
        row, amount, first, stop, weight, before, i, after, k
    )
