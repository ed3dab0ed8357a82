"""From frames of codes to lists of events.

The list is made without a branch per code: 32 codes are compared with the last frame's at once, and those that
differ are packed to the front of a vector, together with their positions, by LLVM's ``vector.compress`` (one
instruction on AVX-512, a short branch-free sequence elsewhere). On MNIST this takes a seventh of the time of the
best scalar loop we found, which would cost as much as delivering the events.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from hwsim.kernels.compile import kernel

LANES = 32
"""Codes compared at once; rows of codes are padded with zeros to a multiple of this."""

GROUP = 8
"""Events delivered in one pass; every frame's list is padded to a multiple of this with null events."""


def pack_changes(row: Any, last: Any, i: int, index: Any, value: Any, n: int) -> int:
    """List where row and last differ within [i, i + LANES), from place n on; return how many do.

    This is the definition, and what runs when compilation is disabled. Compiled, up to LANES places behind the
    last event are overwritten.
    """
    found = 0
    for k in range(i, i + LANES):
        if row[k] != last[k]:
            index[n + found] = k
            value[n + found] = value.dtype.type(row[k]) - value.dtype.type(last[k])
            found += 1
    return found


@intrinsic
def _pack_changes(  # type: ignore[no-untyped-def]
    context, row, last, i, index, value, n
):
    """Emit `pack_changes` as vector code."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        def address(k, position, lane):  # type: ignore[no-untyped-def]
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            return builder.bitcast(builder.gep(array.data, [position]), ir.VectorType(lane, LANES).as_pointer())

        def lane_of(k):  # type: ignore[no-untyped-def]
            return context.get_data_type(signature.args[k].dtype)

        code, place, change = lane_of(0), lane_of(3), lane_of(4)
        position, n = arguments[2], arguments[5]
        new = builder.load(address(0, position, code), align=1)
        old = builder.load(address(1, position, code), align=1)
        if isinstance(code, ir.IntType):
            differs = builder.icmp_signed("!=", new, old)
            wide = ir.VectorType(change, LANES)
            if code.width < change.width:
                new, old = builder.sext(new, wide), builder.sext(old, wide)
            difference = builder.sub(new, old)
        else:
            differs = builder.fcmp_unordered("!=", new, old)
            difference = builder.fsub(new, old)
        places = ir.VectorType(place, LANES)
        first = builder.insert_element(
            ir.Constant(places, ir.Undefined), builder.trunc(position, place), ir.Constant(ir.IntType(32), 0)
        )
        spread = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        first = builder.shuffle_vector(first, ir.Constant(places, ir.Undefined), spread)
        where = builder.add(first, ir.Constant(places, list(range(LANES))))
        for k, vector in ((3, where), (4, difference)):
            lane = lane_of(k)
            kind = ir.VectorType(lane, LANES)
            name = (
                f"llvm.experimental.vector.compress.v{LANES}{'i' if isinstance(lane, ir.IntType) else 'f'}{_bits(lane)}"
            )
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind, ir.VectorType(ir.IntType(1), LANES), kind]), name
            )
            packed = builder.call(function, [vector, differs, ir.Constant(kind, ir.Undefined)])
            builder.store(packed, address(k, n, lane), align=1)
        return builder.zext(builder.ctpop(builder.bitcast(differs, ir.IntType(LANES))), ir.IntType(64))

    return types.int64(row, last, types.int64, index, value, types.int64), generate


def _bits(lane: ir.Type) -> int:
    return lane.width if isinstance(lane, ir.IntType) else {ir.FloatType: 32, ir.DoubleType: 64}[type(lane)]


@overload(pack_changes)
def _compiled_pack_changes(row, last, i, index, value, n):  # type: ignore[no-untyped-def]
    return lambda row, last, i, index, value, n: _pack_changes(row, last, i, index, value, n)


@kernel
def list_changes(
    code: np.ndarray,
    rest: np.ndarray,
    reset: np.ndarray,
    start: np.ndarray,
    n_event: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
) -> None:
    """List, frame by frame, the codes that differ from the last frame's, or from rest after a reset.

    With a reset at every frame these are the non-zero codes: the events of a sparse execution.

    Parameters
    ----------
    code : (n_frame + 1, n_code) int8, int16, int32, int64 or float32
        Row 0 is what came before the first frame; n_code is a multiple of LANES. [codes less zero point]
    rest : (n_code,) same dtype
        Zeros.
    reset : (n_frame,) bool
        Frames that start from rest.
    start : (n_frame + 1,) int64
        Written: where each frame's events start; lists are padded with null events to a multiple of GROUP.
    n_event : (n_frame,) int64
        Written: events of each frame, without the padding.
    index, value : (n_frame * (n_code + GROUP) + LANES,)
        Written: input and signed value of each event.
    """
    n = 0
    start[0] = 0
    for t in range(reset.shape[0]):
        row = code[t + 1]
        last = rest if reset[t] else code[t]
        first = n
        for i in range(0, row.shape[0], LANES):
            n += pack_changes(row, last, i, index, value, n)
        n_event[t] = n - first
        while (n - first) % GROUP:
            index[n] = 0
            value[n] = 0
            n += 1
        start[t + 1] = n


@kernel
def hold_back(code: np.ndarray, rest: np.ndarray, reset: np.ndarray, threshold: int) -> None:
    """Replace codes by what a sender with a threshold has sent: a change waits until |change| >= threshold.

    Parameters
    ----------
    code : (n_frame + 1, n_code) int
        Row 0 is what was sent before the first frame; the others are replaced. [codes less zero point]
    rest : (n_code,) same dtype
        Zeros: what counts as sent after a reset.
    reset : (n_frame,) bool
        Frames that start from rest.
    threshold : int
        Smallest change that is sent. [codes]
    """
    for t in range(reset.shape[0]):
        last = rest if reset[t] else code[t]
        row = code[t + 1]
        for i in range(row.shape[0]):
            if abs(np.int64(row[i]) - np.int64(last[i])) < threshold:
                row[i] = last[i]
