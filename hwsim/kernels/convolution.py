"""Delivery of events to the accumulators of a convolution.

With one group, the events within the window of an output position are gathered: the rows of the kernel meet
contiguous ranges of the list of events, which are copied, as pairs of a row of weights and a value, for as many
positions as a scratch list holds. Then, tile by tile of output channels, so that the tile's weights stay in the
cache, the accumulators of a position are taken into registers, meet all their events, and are stored once. One
synaptic operation loads one weight and nothing else, and no silent input is looked at.

With several groups an event meets few channels: it is scattered to the positions that its taps reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from hwsim.kernels.compile import kernel
from hwsim.kernels.pixels import Geometry

WIDTHS = (16, 32, 64)
"""Output channels of a tile."""

CHUNK = 16
"""Events copied at once."""

COST = (0.4, 0.6, 1.0)
"""Time that tiles of these widths take, measured, in parts of the widest one's."""

CACHE = 2 * 1024 * 1024
"""What a tile's weights may take; 64 channels at once were faster than 32 still at 1.2 MB. [bytes]"""

LINE = 64
"""A line of the cache. [bytes]"""

AHEAD = 2**17
"""Events that are gathered, at least, before tiles of weights take their turns."""

LANES = 16
"""Channels that a vector adds in the time that a single one takes."""

CHOSEN: str | None = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
FEATURES = (llvmlite.binding.get_host_cpu_features().flatten() if CHOSEN is None else CHOSEN).split(",")
PAIRED = 32 if "+avx512bw" in FEATURES else 16 if "+avx2" in FEATURES else 0
"""Channels whose products of 16 bits the processor adds in pairs; 0 if it does not."""


class Part(NamedTuple):
    """What one call computes: output rows [first_row, last_row), tiles of channels [first_tile, last_tile)."""

    first_row: int
    last_row: int
    first_tile: int
    last_tile: int


class Scratch(NamedTuple):
    """Lists of the events within windows; one for each call that runs at the same time."""

    first: np.ndarray  # (n_position,) int64, where the events of each output position start
    stop: np.ndarray  # (n_position,) int64, and where they end
    row: np.ndarray  # (n_slot,) int32, row of weights that each event meets
    amount: np.ndarray  # (n_slot,) dtype of the events' values
    line: np.ndarray  # (out_width * width,) dtype of the accumulators


def choose_width(n_row: int, n_out: int, item_size: int) -> int:
    """How many output channels of weights (n_row, n_out), of item_size bytes each, make a tile."""
    fitting = [width for width in WIDTHS if width * n_row * item_size <= CACHE] or WIDTHS[:1]
    cost = dict(zip(WIDTHS, COST, strict=True))
    return min(reversed(fitting), key=lambda width: -(-n_out // width) * cost[width])


def tile_weight(weight: np.ndarray, width: int) -> np.ndarray:
    """Cut weights (n_row, n_out) into tiles (n_tile, n_row, width), the last one padded with zeros.

    Tiles begin with a line of the cache: vectors that cross lines take twice the time.
    """
    n_row, n_out = weight.shape
    n_tile = -(-n_out // width)
    n = n_tile * n_row * width
    memory = np.zeros(n + LINE // weight.itemsize, weight.dtype)
    skipped = -memory.ctypes.data % LINE // weight.itemsize
    tiles = memory[skipped : skipped + n].reshape(n_tile, n_row, width)
    for tile, each in enumerate(tiles):
        columns = weight[:, tile * width : (tile + 1) * width]
        each[:, : columns.shape[1]] = columns
    return tiles


def make_scratch(geometry: Geometry, width: int, value: np.dtype[Any], total: np.dtype[Any]) -> Scratch:
    """Scratch for `gather`, from the dtypes of the events' values and of the accumulators."""
    window = geometry.kernel_height * geometry.kernel_width * geometry.channels + 2
    n_slot = AHEAD + geometry.out_width * window + 2 * CHUNK
    n_position = geometry.out_width + AHEAD // 16
    return Scratch(
        np.zeros(n_position, np.int64),
        np.zeros(n_position, np.int64),
        np.zeros(n_slot, np.int32),
        np.zeros(n_slot, value),
        np.zeros(geometry.out_width * width, total),
    )


# ------------------------------------------------------------------------------------------------ the inner loops


def copy_events(place: Any, value: Any, e: Any, n: Any, base: int, row: Any, amount: Any, at: int) -> None:
    """Copy n events from e on to `at`, their places less a base.

    This is the definition, and what runs when compilation is disabled. Compiled, up to CHUNK events more are read
    and written.
    """
    row[at : at + n] = place[e : e + n] - base
    amount[at : at + n] = value[e : e + n]


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
def _copy_events(  # type: ignore[no-untyped-def]
    context, place, value, e, n, base, row, amount, at
):
    """Emit `copy_events`, CHUNK events at a time."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(k: int, position: Any) -> Any:
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            kind = ir.VectorType(context.get_data_type(signature.args[k].dtype), CHUNK)
            return builder.bitcast(builder.gep(array.data, [position]), kind.as_pointer())

        def copy(moved: Any) -> None:
            places = builder.load(address(0, builder.add(e, moved)), align=1)
            values = builder.load(address(1, builder.add(e, moved)), align=1)
            rows = builder.sub(places, _spread(builder, base, places.type))
            builder.store(rows, address(5, builder.add(at, moved)), align=1)
            builder.store(values, address(6, builder.add(at, moved)), align=1)

        e, n, base, at = arguments[2], arguments[3], arguments[4], arguments[7]
        step = ir.Constant(n.type, CHUNK)
        copy(ir.Constant(n.type, 0))  # few ranges are longer, and whether one is empty cannot be foreseen
        with _steps(builder, step, n, step) as moved:
            copy(moved)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(place, value, whole, whole, whole, row, amount, whole), generate


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
    sums = [_load(builder, before, c, kind) for c in range(0, width, lanes)]
    sums = [_variable(builder, each) for each in sums]
    with _steps(builder, first, stop, ir.Constant(first.type, 1)) as e:
        line = _line_of(builder, row, e, weight, width)
        factor = _spread(builder, builder.load(builder.gep(amount, [e])), kind)
        for c, each in zip(range(0, width, lanes), sums, strict=True):
            weights = _load(builder, line, c, kind)
            if real:
                added = builder.fadd(builder.load(each), builder.fmul(factor, weights))
            else:
                added = builder.add(builder.load(each), builder.mul(factor, weights))
            builder.store(added, each)
    for c, each in zip(range(0, width, lanes), sums, strict=True):
        _store(builder, builder.load(each), after, c)


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
        parts = [_load(builder, before, c + end, half) for end in ends]
        for order in (low, high):
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(order) // 2), order[::2])
            sums.append(_variable(builder, builder.shuffle_vector(*parts, chosen)))
    with _steps(builder, first, stop, ir.Constant(first.type, 2)) as e:
        lines = [_line_of(builder, row, builder.add(e, ir.Constant(e.type, n)), weight, width) for n in (0, 1)]
        two = builder.load(builder.bitcast(builder.gep(amount, [e]), ir.IntType(32).as_pointer()), align=2)
        factors = builder.bitcast(_spread(builder, two, half), words)
        for b, c in enumerate(blocks):
            both = [_load(builder, line, c, words) for line in lines]
            for n, order in enumerate((low, high)):
                mixed = builder.shuffle_vector(*both, ir.Constant(ir.VectorType(ir.IntType(32), channels), order))
                product = _pair_products(builder, mixed, factors, half)
                builder.store(builder.add(builder.load(sums[2 * b + n]), product), sums[2 * b + n])
    back = np.argsort([*low[::2], *high[::2]]).tolist()
    for b, c in enumerate(blocks):
        halves = [builder.load(each) for each in sums[2 * b : 2 * b + 2]]
        for end in ends:
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), channels // 2), back[end : end + channels // 2])
            _store(builder, builder.shuffle_vector(*halves, chosen), after, c + end)


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


@contextmanager
def _steps(builder: Any, first: Any, stop: Any, step: Any) -> Iterator[Any]:
    """A loop that LLVM leaves as it is: unrolled, its rest would be a second loop whose end is foreseen wrongly."""
    before = builder.block
    head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(first.type)
    k.add_incoming(first, before)
    builder.cbranch(builder.icmp_signed("<", k, stop), body, end)
    builder.position_at_end(body)
    yield k
    k.add_incoming(builder.add(k, step), builder.block)
    once = builder.module.add_metadata([ir.MetaDataString(builder.module, "llvm.loop.unroll.disable")])
    loop = builder.module.add_metadata([ir.MetaDataString(builder.module, k.name), once])
    loop.operands = (loop, once)  # its first operand is a loop's name
    builder.branch(head).set_metadata("llvm.loop", loop)
    builder.position_at_end(end)


def _line_of(builder: Any, row: Any, e: Any, weight: Any, width: int) -> Any:
    """Address of the weights that event e meets."""
    number = builder.sext(builder.load(builder.gep(row, [e])), e.type)
    return builder.gep(weight, [builder.mul(number, ir.Constant(e.type, width))])


def _variable(builder: Any, value: Any) -> Any:
    """A place for a value that changes in a loop; it becomes a register."""
    place = cgutils.alloca_once(builder, value.type)  # type: ignore[no-untyped-call]
    builder.store(value, place)
    return place


def _load(builder: Any, pointer: Any, c: int, kind: ir.VectorType) -> Any:
    """Elements from c on, as vectors of another type."""
    found = ir.VectorType(pointer.type.pointee, kind.count)
    at = builder.gep(pointer, [ir.Constant(ir.IntType(64), c)])
    return _resize(builder, builder.load(builder.bitcast(at, found.as_pointer()), align=1), kind)


def _store(builder: Any, vector: Any, pointer: Any, c: int) -> None:
    """Write elements from c on."""
    kind = ir.VectorType(pointer.type.pointee, vector.type.count)
    at = builder.gep(pointer, [ir.Constant(ir.IntType(64), c)])
    builder.store(_resize(builder, vector, kind), builder.bitcast(at, kind.as_pointer()), align=1)


def _spread(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """A vector of one value."""
    value = _resize(builder, value, kind.element)
    undefined = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))


def _resize(builder: Any, value: Any, kind: Any) -> Any:
    """Numbers in another type: integers are cut or extended, or become real."""
    have, want = (getattr(each, "element", each) for each in (value.type, kind))
    if have == want:
        return value
    if not isinstance(want, ir.IntType):
        return builder.sitofp(value, kind)
    return builder.trunc(value, kind) if have.width > want.width else builder.sext(value, kind)


@overload(copy_events, inline="always")
def _compiled_copy_events(place, value, e, n, base, row, amount, at):  # type: ignore[no-untyped-def]
    return lambda place, value, e, n, base, row, amount, at: _copy_events(  # type: ignore[call-arg]
        place, value, e, n, base, row, amount, at
    )


@overload(add_events, inline="always")
def _compiled_add_events(  # type: ignore[no-untyped-def]
    row, amount, first, stop, weight, before, i, after, k
):
    return lambda row, amount, first, stop, weight, before, i, after, k: _add_events(  # type: ignore[call-arg]
        row, amount, first, stop, weight, before, i, after, k
    )


# --------------------------------------------------------------------------------------------------- one group


@kernel
def gather(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    part: Part,
    scratch: Scratch,
    total: np.ndarray,
) -> None:
    """Add to the accumulators of every output position the events within its window: a convolution of one group.

    Integers are exact. Real products are rounded and then added, in ascending order of the inputs.

    Parameters
    ----------
    geometry : Geometry
    pixel : (n_frame, n_pixel + 1) int
        Where the events of each pixel start.
    place : (n_slot,) int32
        Input of each event, channels last; CHUNK more than there are events can be read, as with those below.
    value : (n_slot,) int or float32
        Signed value of each event.
    weight : (n_tile, n_row, width) int or float32
        Weights of row (ky * kernel_width + kx) * channels + c, by `tile_weight`.
    bias : (n_out,) dtype of total
        What the accumulators hold after a reset.
    reset : (n_frame,) bool
        Frames that start from the bias.
    part : Part
        Which output rows and tiles of channels are computed; calls for different parts may run side by side.
    scratch : Scratch
        By `make_scratch`; its `amount` is of the dtype of value, its `line` of the dtype of total.
    total : (n_frame + 1, out_height * out_width * n_out) int or float32
        Channels last. Row 0 holds the accumulators before the first frame; of the others the part is written.
    """
    n_row = part.last_row - part.first_row
    room = scratch.row.shape[0] - 2 * CHUNK
    room -= geometry.out_width * (geometry.kernel_height * geometry.kernel_width * geometry.channels + 2)
    # a typed zero, because for the literal one a helper would be compiled once more
    line: Any = np.int64(0)
    last_line = n_row * reset.shape[0]
    while line < last_line:
        first_line, n, k = line, 0, 0
        while line < last_line and n <= room and k + geometry.out_width <= scratch.first.shape[0]:
            t, oy = line // n_row, part.first_row + line % n_row
            first, stop = scratch.first[k : k + geometry.out_width], scratch.stop[k : k + geometry.out_width]
            first[0] = n
            n = _collect_line(geometry, oy, pixel[t], place, value, scratch.row, scratch.amount, first, stop)
            k += geometry.out_width
            line += 1
        for tile in range(part.first_tile, part.last_tile):
            _deliver(geometry, first_line, line, n_row, tile, weight[tile], bias, reset, part, scratch, total)


@kernel
def _collect_line(
    geometry: Geometry,
    oy: int,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    row: np.ndarray,
    amount: np.ndarray,
    first: np.ndarray,
    stop: np.ndarray,
) -> Any:
    """List the events within the windows of a line of positions from first[0] on; return where the lists end."""
    width, channels = geometry.width, geometry.channels
    # neighbouring taps meet neighbouring pixels, whose events are one range
    ranges = 1 if geometry.dilation_x == 1 else geometry.kernel_width
    taps = geometry.kernel_width // ranges
    top = oy * geometry.stride_y - geometry.top
    n = first[0]
    for ox in range(geometry.out_width):
        first[ox] = n
        x = ox * geometry.stride_x - geometry.left
        a, b = max(x, 0), min(x + taps, width)
        for ky in range(geometry.kernel_height):
            y = top + ky * geometry.dilation_y
            if y < 0 or y >= geometry.height:
                continue
            for kx in range(ranges):
                if ranges > 1:
                    x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
                    a, b = max(x, 0), min(x + 1, width)
                if a >= b:
                    continue
                base = (y * width + x - ky * geometry.kernel_width - kx) * channels
                # unsigned, so that it is not asked whether they are to be counted from the end
                e = np.int64(pixel[np.uint64(y * width + a)])
                found = np.int64(pixel[np.uint64(y * width + b)]) - e
                copy_events(place, value, e, found, base, row, amount, n)
                n += found
        stop[ox] = n
        # integer events are delivered in pairs
        row[n] = 0
        amount[n] = 0
        n += 1
    return n


@kernel
def _deliver(
    geometry: Geometry,
    first_line: int,
    last_line: int,
    n_row: int,
    tile: int,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    part: Part,
    scratch: Scratch,
    total: np.ndarray,
) -> None:
    """Add the listed events of some rows of output positions to one tile of their accumulators."""
    n_out, width, n_position = bias.shape[0], weight.shape[1], geometry.out_width
    c = tile * width
    n = min(width, n_out - c)
    for line in range(first_line, last_line):
        t, oy = line // n_row, part.first_row + line % n_row
        k = oy * n_position * n_out + c
        before, i, i_step, after, j, j_step = total[t], k, n_out, total[t + 1], k, n_out
        if reset[t]:
            before, i, i_step = bias, c, 0
        if n < width:
            # a part of a tile, as a whole one, where nothing else is overwritten
            for ox in range(n_position):
                for f in range(n):
                    scratch.line[ox * width + f] = before[i + ox * i_step + f]
            before, i, i_step, after, j, j_step = scratch.line, 0, width, scratch.line, 0, width
        p = (line - first_line) * n_position
        first, stop = scratch.first[p : p + n_position], scratch.stop[p : p + n_position]
        _deliver_line(scratch.row, scratch.amount, first, stop, weight, before, i, i_step, after, j, j_step)
        if n < width:
            for ox in range(n_position):
                for f in range(n):
                    total[t + 1, k + ox * n_out + f] = after[ox * width + f]


@kernel
def _deliver_line(
    row: np.ndarray,
    amount: np.ndarray,
    first: np.ndarray,
    stop: np.ndarray,
    weight: np.ndarray,
    before: np.ndarray,
    i: int,
    i_step: int,
    after: np.ndarray,
    j: int,
    j_step: int,
) -> None:
    """Add the listed events of a line of positions to their accumulators, which are steps apart from i and j on."""
    for ox in range(first.shape[0]):
        add_events(row, amount, first[ox], stop[ox], weight, before, i + ox * i_step, after, j + ox * j_step)


# ----------------------------------------------------------------------------------------------- several groups


@kernel
def scatter(
    geometry: Geometry,
    groups: int,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    first_row: int,
    last_row: int,
    line: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add every event to the accumulators that its taps reach: a convolution of several groups.

    Integers are exact. Real products are rounded and then added, in ascending order of the inputs.

    Parameters
    ----------
    groups : int
        Groups of channels.
    weight : (kernel_height * kernel_width * channels // groups, n_out) int or float32
        Weights of row (ky * kernel_width + kx) * (channels // groups) + channel of the group.
    first_row, last_row : int
        Which output rows are computed; calls for different rows may run side by side.
    line : (channels,) dtype of total
        Scratch.
    geometry, pixel, place, value, bias, reset, total
        As those of `gather`.
    """
    line[:] = 0
    n_out = bias.shape[0]
    for t in range(reset.shape[0]):
        _begin(geometry, bias, reset[t], first_row, last_row, total[t], total[t + 1])
        # rows of channels as such, because indices that are sums keep a loop from being vectorized
        after = total[t + 1].reshape((geometry.out_height * geometry.out_width, groups, n_out // groups))
        if n_out == geometry.channels == groups:
            _scatter_channels(
                geometry, pixel[t], place, value, line, weight, first_row, last_row, after.reshape((-1, n_out))
            )
        else:
            weights = weight.reshape((-1, groups, n_out // groups))
            _scatter_groups(geometry, pixel[t], place, value, line, weights, first_row, last_row, after)


@kernel
def _begin(
    geometry: Geometry,
    bias: np.ndarray,
    reset: bool,
    first_row: int,
    last_row: int,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
    """Start some rows of accumulators from the bias, or from what they held before."""
    n_out = bias.shape[0]
    first, last = first_row * geometry.out_width * n_out, last_row * geometry.out_width * n_out
    if reset:
        for at in range(first, last, n_out):
            for j in range(n_out):
                after[at + j] = bias[j]
    else:
        for at in range(first, last):
            after[at] = before[at]


@kernel
def _scatter_channels(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    line: np.ndarray,
    weight: np.ndarray,
    first_row: int,
    last_row: int,
    total: np.ndarray,
) -> None:
    """Add the events of one frame where every channel is a group, pixel by pixel and tap by tap.

    An accumulator meets a pixel over one tap at most.
    """
    channels = line.shape[0]
    for y in range(geometry.height):
        for x in range(geometry.width):
            p = y * geometry.width + x
            first, last, base = pixel[p], pixel[p + 1], p * geometry.channels
            if first == last:
                continue
            for e in range(first, last):
                line[place[e] - base] = value[e]
            for ky in range(geometry.kernel_height):
                oy = _reached(y + geometry.top - ky * geometry.dilation_y, geometry.stride_y)
                if oy < first_row or oy >= last_row:
                    continue
                for kx in range(geometry.kernel_width):
                    ox = _reached(x + geometry.left - kx * geometry.dilation_x, geometry.stride_x)
                    if ox < 0 or ox >= geometry.out_width:
                        continue
                    at, tap = oy * geometry.out_width + ox, ky * geometry.kernel_width + kx
                    if (last - first) * LANES < channels:
                        for e in range(first, last):
                            c = place[e] - base
                            total[at, c] += line[c] * weight[tap, c]
                    else:
                        # where many channels have an event, all of them as vectors are faster than those alone
                        for c in range(channels):
                            total[at, c] += line[c] * weight[tap, c]
            for e in range(first, last):
                line[place[e] - base] = 0


@kernel
def _scatter_groups(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    line: np.ndarray,
    weight: np.ndarray,
    first_row: int,
    last_row: int,
    total: np.ndarray,
) -> None:
    """Add the events of one frame, each to the channels of its group, pixel by pixel and tap by tap."""
    groups, each_out = total.shape[1], total.shape[2]
    each_in = geometry.channels // groups
    for y in range(geometry.height):
        for x in range(geometry.width):
            p = y * geometry.width + x
            first, last, base = pixel[p], pixel[p + 1], p * geometry.channels
            if first == last:
                continue
            for e in range(first, last):
                line[place[e] - base] = value[e]
            for ky in range(geometry.kernel_height):
                oy = _reached(y + geometry.top - ky * geometry.dilation_y, geometry.stride_y)
                if oy < first_row or oy >= last_row:
                    continue
                for kx in range(geometry.kernel_width):
                    ox = _reached(x + geometry.left - kx * geometry.dilation_x, geometry.stride_x)
                    if ox < 0 or ox >= geometry.out_width:
                        continue
                    at, tap = oy * geometry.out_width + ox, ky * geometry.kernel_width + kx
                    for e in range(first, last):
                        c = np.int64(place[e]) - base
                        group = c // each_in
                        s, row = line[c], tap * each_in + c - group * each_in
                        for j in range(each_out):
                            total[at, group, j] += s * weight[row, group, j]
            for e in range(first, last):
                line[place[e] - base] = 0


@kernel
def _reached(offset: int, stride: int) -> int:
    """Window that begins at an offset from the padded border, or -1 if none does."""
    if offset < 0 or stride == 1:  # a division takes longer than all the rest
        return offset
    position = offset // stride
    return position if position * stride == offset else -1
