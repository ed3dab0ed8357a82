"""From element-wise layers to steps: a registered one, or the layer's `apply`."""

from collections.abc import Sequence

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.layers import ElementWise
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, is_defined, maker_of


def run_steps(steps: Sequence[Step], block: Array, out: Array, n: int) -> int:
    """Take a block of frames through the steps into out; return how many codes were clipped.

    Parameters
    ----------
    steps : sequence of Step
        May be empty: the block is then copied.
    block : (n_frame, >= n)
        What the first step reads.
    out : (n_frame, >= n)
        Written by the last step.
    n : int
        Numbers per frame.
    """
    if not steps:
        out[:, :n] = block[:, :n]
    clipped = 0
    for k, step in enumerate(steps):
        target = out if k == len(steps) - 1 else np.empty((len(block), n), step.dtype)
        clipped += step.run(block, target)
        block = target
    return clipped


def steps_of(body: Sequence[ElementWise], start: Signal) -> tuple[Step, ...]:
    """The steps of element-wise layers on a signal; two that are registered as a pair become one step.

    Raises
    ------
    NetworkError
        When nothing says how a layer works.
    """
    steps: list[Step] = []
    signal = start
    while body:
        taken, step = _first_step(body, signal)
        if step is not None:
            steps.append(step)
        for layer in taken:
            signal = layer.signal(signal)
        body = body[len(taken) :]
    return tuple(steps)


def _first_step(body: Sequence[ElementWise], signal: Signal) -> tuple[Sequence[ElementWise], Step | None]:
    """The first layers that become one step, and that step."""
    for taken in (body[:2], body[:1]):
        if (maker := maker_of(*taken)) is not None:
            return taken, maker(*taken, signal)
    return body[:1], applied(body[0], signal)


def applied(layer: ElementWise, signal: Signal) -> Step:
    """A layer's `apply` as a step, on real numbers or on the values that codes stand for.

    Raises
    ------
    NetworkError
        When the layer has none, or makes codes.
    """
    kind = type(layer).__name__
    remedy = f"register one with hwsim.simulation.elementwise.step_for({kind})"
    if not is_defined(layer):
        raise NetworkError(f"layer {layer.name}: a {kind} has neither an apply nor a step; write apply, or {remedy}")
    if not layer.signal(signal).format.is_real:
        raise NetworkError(f"layer {layer.name}: a {kind} makes codes, but apply makes real numbers; {remedy}")
    step = signal.channels_last(signal.step).astype(np.float64)
    shape = (signal.n_position, signal.shape[0])

    def run(block: Array, out: Array) -> int:
        # in float64, so that the float32 result is the same on every computer
        value = (block[:, : signal.size] * step).reshape(len(block), *shape)
        with np.errstate(over="ignore"):  # outputs that are not finite are reported
            out[:, : signal.size] = layer.apply(value).reshape(len(block), -1)
        return 0

    return Step(run, np.float32)


def values_step(raw: Signal) -> Step:
    """Integer frames as the real values they stand for, rounded to float32 once."""

    def run(block: Array, out: Array) -> int:
        out[:, : raw.size] = block * raw.step
        return 0

    return Step(run, np.float32)
