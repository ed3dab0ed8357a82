"""What each neuron of a stage does once when it is updated: its layers say it, each in its place."""

from collections.abc import Iterable, Sequence

from hwsim.activity import NeuronWork
from hwsim.network.graph import Stage
from hwsim.network.layers import ElementWise, ReLU
from hwsim.network.neuron_work import Place
from hwsim.network.signals import Signal
from hwsim.simulation.code_tables import Worked, with_tables


def neuron_work(stage: Stage, reads: Sequence[Signal], start: Signal) -> tuple[NeuronWork, ...]:
    """The work of a stage's neurons, in order.

    Parameters
    ----------
    stage : Stage
        Of a network.
    reads : sequence of Signal
        What its head reads.
    start : Signal
        What the element-wise layers begin with: frames as they arrive, or what the head makes.
    """
    work: list[NeuronWork] = []
    if stage.head is not None:
        work += stage.head.work(reads[0], Place(scales_absorbed=_absorb_scales(stage.body)))
    # scales per channel of a real layer that wait to be multiplied by what follows; those of codes are in the step
    waiting = stage.synapses.n_scale if stage.synapses and start.format.is_real else 0
    signal, behind_relu, body = start, False, []
    for layer in stage.body:
        done, made = layer.work(signal, Place(max(signal.n_step, waiting), behind_relu)), layer.signal(signal)
        body.append(Worked(layer, signal, made, tuple(done)))
        waiting = waiting if layer.passes_scales else 0
        signal, behind_relu = made, isinstance(layer, ReLU)
    return (*work, *with_tables(body))


def _absorb_scales(body: Iterable[ElementWise]) -> bool:
    """Whether layers make up for a factor of what they begin with, before one of them needs it multiplied."""
    first = next((layer for layer in body if not layer.passes_scales), None)
    return first is not None and first.absorbs_scales
