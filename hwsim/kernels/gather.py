"""Convolutions of one group: the events within the window of an output position are gathered.

The rows of the kernel meet contiguous ranges of the list of events, which are copied, as pairs of a row of weights and
a value, for as many positions as a scratch list holds. Then they are added to the accumulators of every position, tile
by tile of output channels, so that the tile's weights stay in the cache.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from hwsim.kernels.accumulate import add_events
from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry
from hwsim.kernels.vectors import spread, steps

CHUNK = 16
"""Events copied at once."""

AHEAD = 2**17
"""Events that are gathered, at least, before tiles of weights take their turns."""


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


def copy_events(place: Any, value: Any, e: Any, n: Any, base: int, row: Any, amount: Any, at: int) -> None:
    """Copy n events from e on to `at`, their places less a base.

    This is the definition, and what runs when compilation is disabled. Compiled, up to CHUNK events more are read
    and written.
    """
    row[at : at + n] = place[e : e + n] - base
    amount[at : at + n] = value[e : e + n]


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
            rows = builder.sub(places, spread(builder, base, places.type))
            builder.store(rows, address(5, builder.add(at, moved)), align=1)
            builder.store(values, address(6, builder.add(at, moved)), align=1)

        e, n, base, at = arguments[2], arguments[3], arguments[4], arguments[7]
        step = ir.Constant(n.type, CHUNK)
        copy(ir.Constant(n.type, 0))  # few ranges are longer, and whether one is empty cannot be foreseen
        with steps(builder, step, n, step) as moved:
            copy(moved)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(place, value, whole, whole, whole, row, amount, whole), generate


@overload(copy_events, inline="always")
def _compiled_copy_events(place, value, e, n, base, row, amount, at):  # type: ignore[no-untyped-def]
    return lambda place, value, e, n, base, row, amount, at: _copy_events(  # type: ignore[call-arg]
        place, value, e, n, base, row, amount, at
    )


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
