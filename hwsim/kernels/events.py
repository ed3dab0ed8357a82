"""From frames of codes to lists of events.

The list is made without a branch per code: 32 codes are compared with the last frame's at once, and those that
differ are packed to the front of a vector, together with their positions, by LLVM's ``vector.compress`` (one
instruction on AVX-512, a short branch-free sequence elsewhere). On MNIST this takes a seventh of the time of the
best scalar loop we found, which would cost as much as delivering the events.
"""

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from hwsim.kernels.compile import kernel

LANES = 32
"""Codes compared at once; rows of codes are padded with zeros to a multiple of this."""

GROUP = 8
"""Events delivered in one pass; every frame's list is padded to a multiple of this with null events."""


CHOSEN: str | None = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
FEATURES = llvmlite.binding.get_host_cpu_features().flatten() if CHOSEN is None else CHOSEN
REGISTER = 512 if "+avx512vbmi2" in FEATURES else 128
"""Vectors that the processor has as such [bits]; LLVM 22 was seen to miscompile the compression of wider ones."""


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

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def element(k: int) -> Any:
            return context.get_data_type(signature.args[k].dtype)

        def address(k: int, position: Any) -> Any:
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            kind = ir.VectorType(element(k), n_lane)
            return builder.bitcast(builder.gep(array.data, [position]), kind.as_pointer())

        n_lane = min(REGISTER // max(_bits(element(k)) for k in (3, 4)), LANES)
        place = n = arguments[5]
        for first in range(0, LANES, n_lane):
            position = builder.add(arguments[2], ir.Constant(arguments[2].type, first))
            new, old = (builder.load(address(k, position), align=1) for k in (0, 1))
            differs, change = _compare(builder, new, old, ir.VectorType(element(4), n_lane))
            where = _count_from(builder, position, ir.VectorType(element(3), n_lane))
            for k, vector in ((3, where), (4, change)):
                builder.store(_compress(builder, vector, differs), address(k, place), align=1)
            found = builder.ctpop(builder.bitcast(differs, ir.IntType(n_lane)))
            place = builder.add(place, builder.zext(found, place.type))
        return builder.sub(place, n)

    return types.int64(row, last, types.int64, index, value, types.int64), generate


def _compare(builder: Any, new: Any, old: Any, kind: ir.VectorType) -> tuple[Any, Any]:
    """Where two vectors differ, and their difference in another type."""
    if not isinstance(new.type.element, ir.IntType):
        return builder.fcmp_unordered("!=", new, old), builder.fsub(new, old)
    differs = builder.icmp_signed("!=", new, old)
    if _bits(new.type.element) < _bits(kind.element):
        new, old = builder.sext(new, kind), builder.sext(old, kind)
    return differs, builder.sub(new, old)


def _count_from(builder: Any, first: Any, kind: ir.VectorType) -> Any:
    """The vector first, first + 1, first + 2 ..."""
    undefined, zero = ir.Constant(kind, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    spread = builder.insert_element(undefined, builder.trunc(first, kind.element), zero)
    spread = builder.shuffle_vector(spread, undefined, ir.Constant(ir.VectorType(zero.type, kind.count), None))
    return builder.add(spread, ir.Constant(kind, list(range(kind.count))))


def _compress(builder: Any, vector: Any, chosen: Any) -> Any:
    """The chosen elements of a vector, moved to its front."""
    kind = vector.type
    letter = "i" if isinstance(kind.element, ir.IntType) else "f"
    name = f"llvm.experimental.vector.compress.v{kind.count}{letter}{_bits(kind.element)}"
    signature = ir.FunctionType(kind, [kind, chosen.type, kind])
    function = cgutils.get_or_insert_function(builder.module, signature, name)  # type: ignore[no-untyped-call]
    return builder.call(function, [vector, chosen, ir.Constant(kind, ir.Undefined)])


def _bits(element: ir.Type) -> int:
    return int(element.width) if isinstance(element, ir.IntType) else 32


@overload(pack_changes)
def _compiled_pack_changes(row, last, i, index, value, n):  # type: ignore[no-untyped-def]
    return lambda row, last, i, index, value, n: _pack_changes(row, last, i, index, value, n)  # type: ignore[call-arg]


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
def hold_back(code: np.ndarray, rest: np.ndarray, reset: np.ndarray, threshold: int, zero: Any) -> None:
    """Replace codes by what a sender with a threshold has sent: a change waits until |change| >= threshold.

    Parameters
    ----------
    code : (n_frame + 1, n_code) int or float32
        Row 0 is what was sent before the first frame; the others are replaced. [codes less zero point]
    rest : (n_code,) same dtype
        Zeros: what counts as sent after a reset.
    reset : (n_frame,) bool
        Frames that start from rest.
    threshold : int
        Smallest change that is sent. [codes]
    zero : int64 or float32
        Of the type in which changes are compared.
    """
    for t in range(reset.shape[0]):
        last = rest if reset[t] else code[t]
        row = code[t + 1]
        for i in range(row.shape[0]):
            if abs((row[i] + zero) - (last[i] + zero)) < threshold:
                row[i] = last[i]
