"""The oracle: a scalar interpreter that does one elementary operation at a time and counts it where it does it.

It shares no code with the package. A network is read as data only: its layers' names, inputs, arrays, geometry and
declared formats, by attribute; which layers form a stage, formats, bounds, fixed-point factors, windows and all
arithmetic are worked out here again, from `accounting.md`, with Python's exact integers and numpy's float32 scalars.
Nothing is fast and nothing is clever.

    result = run(network, frames, PRESETS["sigma-delta-adder"])
    result.outputs[frame][neuron]                                   centred codes (int), or float32; C order
    result.codes["quantize_1"][frame][neuron]                       centred codes after that Quantize
    result.synapses["conv2d_1", 0][frame].by_magnitude[3]           synaptic operations of events with |s| = 3
    result.synapses["conv2d_1", 0][frame].by_channel[2]             events of input channel 2
    result.stages["conv2d_1"].touched[frame]                        neurons touched
    result.arithmetic["conv2d_1", "synapse", "addition", ("int32",)]
    result.words["conv2d_1", "memory", "weights", "read"]

Stages are named by the layer that brings neurons (Dense, Conv2d, a pooling, Add, a Concat that is one), "input" by
no layer, and a relay (element-wise layers on a signal that others read too) by its first layer.

Every arithmetic operation of the machine goes through a `Meter`, which returns the result it counted: a machine
whose meter never multiplied has got its outputs without a multiplication.
"""

from reference.machine import PRESETS, Machine
from reference.number import signed_digits
from reference.tally import Meter, Result, Stage, Synapses, Tally
from reference.walk import run

__all__ = ["PRESETS", "Machine", "Meter", "Result", "Stage", "Synapses", "Tally", "run", "signed_digits"]
