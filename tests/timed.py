"""Machines with a clock, and times made by hand, for tests of what is made of time."""

import numpy as np

import hwsim
from hwsim.machine import Machine
from hwsim.timing.timing import LayerTiming, Timing


def timed(name="edge-npu", rename=None, **timing):
    """A preset with levels, with a clock of 500 MHz, and in every cycle a word of each level."""
    machine = hwsim.load_machine(name)
    written = machine.model_dump(by_alias=True, exclude_defaults=True, exclude_none=True, exclude={"timing"})
    written |= {"schema": 1, "name": rename or name}
    ports = {level.name: {"bits": level.width} for level in machine.levels if level.kind != "registers"}
    written["timing"] = {"clock": 5e8, "levels": ports, "neuron_lanes": 16, "encode_lanes": 16, **timing}
    return Machine.model_validate(written)


def timing_of(done, clock, start=None, n_frame=None, layers=(), **about):
    """Steps that begin when the one before is done, unless said, each of one frame."""
    done = np.array(done)
    names = {"network": "net", "data": "data", "execution": "dense", "machine": "machine"} | about
    return Timing(
        layers=layers,
        start=np.array([0, *done[:-1]]) if start is None else np.array(start),
        done=done,
        first=np.arange(done.size) == 0,
        n_frame=np.ones_like(done) if n_frame is None else np.array(n_frame),
        clock=clock,
        schedule="sequential",
        n_lane=max((layer.n_lane for layer in layers), default=0),
        cores=("all layers",),
        busy=np.array([done.max()]),
        **names,
    )


def layer_of(name, resources, operations, n_lane):
    """A layer whose resources all work at once."""
    cycles = {resource: np.array(each) for resource, each in resources.items()}
    return LayerTiming(name, cycles, np.max(list(cycles.values()), axis=0), np.array(operations), n_lane)
