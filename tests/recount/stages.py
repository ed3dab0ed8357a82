"""A network as a machine walks through it: stages, each a producer and the element-wise layers fused into it.

For each stage: the signals it reads and leaves, the operations of each of its neurons, and the numbers that it stores
beside its weights.
"""

from dataclasses import dataclass, field

import numpy as np

from .number_formats import Format, wide
from .signals import (
    Signal,
    accumulators,
    affine_signal,
    affine_widths,
    is_integer_layer,
    quantize_signal,
    requantization,
    term_bounds,
)
from .windows import windows

FUSED = ("relu", "sign", "affine", "quantize", "flatten")
SYNAPTIC = ("dense", "conv2d")
PARAMETERS = ("affine", "quantize", "sign")


@dataclass
class Stage:
    name: str
    producer: object  # a Layer; None for the stage that prepares the network's input
    reads: list  # signals
    sources: list  # names of the stages that make them
    made: Signal  # what the producer makes
    fused: list = field(default_factory=list)
    work: list = field(default_factory=list)  # (operation, format): of each neuron once
    stored: list = field(default_factory=list)  # (numbers, bits of each) beside weights and biases
    emits: Signal = None
    steps: list = field(default_factory=list)  # (layer, signal it reads, signal it makes)
    is_last: bool = False

    @property
    def type(self):
        return self.producer.type if self.producer else "input"

    @property
    def is_synaptic(self):
        return self.type in SYNAPTIC


def stages(model, frames):
    """The stages of a network that reads these frames, in order."""
    if model.format.is_real and frames.codes.dtype.kind != "f" and _begins_with_codes(model):
        arriving = Signal(model.shape, _data_format(frames), frames.step, int(_data_format(frames).highest))
    else:
        form = model.format
        arriving = Signal(model.shape, form, model.step, 0 if form.is_real else max(-form.lowest, form.highest))
    found = [Stage("input", None, [], [], arriving, emits=arriving)]
    by_layer = {"input": found[0]}
    for layer in model.layers:
        before = by_layer[layer.inputs[0]]
        if layer.type in FUSED:
            _fuse(before, layer)
            by_layer[layer.name] = before
            continue
        reads = [by_layer[name] for name in layer.inputs]
        stage = Stage(layer.name, layer, [source.emits for source in reads], [source.name for source in reads], None)
        stage.made = stage.emits = _made(layer, stage.reads)
        found.append(stage)
        by_layer[layer.name] = stage
    found[-1].is_last = True
    for stage in found:
        _scale_and_merge(stage)
    return found


def _data_format(frames):
    return Format("integer", frames.codes.dtype.itemsize * 8, frames.codes.dtype.kind == "i")


def _begins_with_codes(model):
    """Whether the first layer that works quantizes: it then works on the codes of the data themselves."""
    return next((layer.type for layer in model.layers if layer.type != "flatten"), "") == "quantize"


def _fuse(stage, layer):
    read = stage.emits
    if layer.type == "flatten":
        made = Signal((read.n,), read.format, read.step, read.bound)
    elif layer.type == "relu":
        made = read
        stage.work.append(("comparison", read.format.operand))
    elif layer.type == "sign":
        made = Signal(read.shape, Format("binary", 1), 1.0, 1)
        stage.work.append(("comparison", read.format.operand))
    elif layer.type == "affine":
        made = affine_signal(layer, read)
        _affine_work(stage, layer, read)
    else:
        made = quantize_signal(layer, read)
        _quantize_work(stage, layer, read)
    stage.fused.append(layer)
    stage.steps.append((layer, read, made))
    stage.emits = made


def _affine_work(stage, layer, read):
    if read.format.is_real:
        addition, bits, factor = read.format, 32 * len(layer.arrays), read.format.operand
    else:
        addition, bits = affine_widths(layer, read)
        factor = f"int{layer.settings['multiplier_bit_width']}"
    stage.work += [("multiplication", f"{read.format.operand} x {factor}"), ("addition", addition.operand)]
    if bits:
        stage.stored.append((read.shape[0], bits))


def _quantize_work(stage, layer, read):
    if read.format.is_real:
        stage.work += [("multiplication", "fp32 x fp32"), ("constant_shift", "fp32")]
        return
    ratio = requantization(layer, read)
    bits = layer.settings["multiplier_bit_width"]
    if ratio.kind == "multiply":
        stage.work.append(("multiplication", f"{read.format.operand} x int{bits}"))
        if "scale" in layer.arrays or np.ndim(read.step) > 0:
            stage.stored.append((len(ratio.multipliers), bits))
    if ratio.kind != "none":
        stage.work.append(("constant_shift", read.format.operand))


def _made(layer, reads):
    read = reads[0]
    if layer.type in SYNAPTIC:
        return _synaptic(layer, read)
    if layer.type == "maxpool2d":
        return Signal((read.shape[0], *windows(layer, read.shape[1:]).size), read.format, read.step, read.bound)
    if layer.type == "add":
        bound = sum(signal.bound for signal in reads)
        return Signal(read.shape, read.format if read.format.is_real else wide(bound), read.step, bound)
    slides = windows(layer, read.shape[1:])
    size = int(slides.inputs().max())
    form = read.format if read.format.is_real else wide(size * read.bound)
    return Signal((read.shape[0], *slides.size), form, read.step / size, size * read.bound)


def _synaptic(layer, read):
    codes, scale, _ = layer.terms()[0]
    shape = (codes.shape[1],) if layer.type == "dense" else (codes.shape[0], *windows(layer, read.shape[1:]).size)
    form = accumulators(layer, read)[0]
    if form.is_real:
        return Signal(shape, form, 1.0)
    return Signal(shape, form, read.step * scale, term_bounds(layer, read)[0])


def _scale_and_merge(stage):
    """Work of weight scales and second terms, ahead of what is fused."""
    if stage.type in ("avgpool2d", "globalavgpool") and stage.made.format.is_real and _scale_remains(stage):
        raise NotImplementedError("a mean of real numbers that nothing rescales")
    if not stage.is_synaptic:
        return
    terms = stage.producer.terms()
    if is_integer_layer(stage.producer, stage.reads[0]):
        if len(terms) > 1:
            raise NotImplementedError("two terms of integers: no shipped network has them")
        return
    work = []
    if len(terms) == 2:
        work += [("multiplication", "fp32 x fp32"), ("addition", "fp32")]
    if _scale_remains(stage) and (terms[0][1] != 1).any():
        work.append(("multiplication", "fp32 x fp32"))
    stage.work = work + stage.work


def _scale_remains(stage):
    """Whether no Affine or Quantize fused behind the weights takes their scale along; one behind a pool does not."""
    return not any(layer.type in PARAMETERS for layer in stage.fused)
