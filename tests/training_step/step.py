"""The step, as a machine would carry it out."""

from dataclasses import dataclass, field

from training_step.weights import (
    BY_SGD,
    CURVED,
    MULTIPLIED,
    PREPARE,
    SHIFTED,
    UNCLIPPED,
    latent_gradient,
    rounded,
)

RATE, EPSILON = 0.1, 1e-4


@dataclass
class Layer:
    """A layer's parameters and what a step leaves in it. Weights are kept by input, then by unit."""

    name: str
    n_in: int
    n_out: int
    weights: list
    bias: list
    gamma: list
    is_last: bool
    squared: list = field(default_factory=list)
    learned: list = field(default_factory=lambda: [0.3, 0.4])
    step: float = 0.2  # of quantized activations
    deterministic: bool = False
    rounds: int = 3
    moments: dict = field(default_factory=dict)


def training_step(meter, layers, method, frames, labels, batch_norm=False, max_shift=None):
    """Forward, backward, update, in place; the outputs."""
    values = frames
    for layer in layers:
        values = forward(meter, layer, method, values, batch_norm, labels)
    outputs = values
    error = None
    for layer in reversed(layers):
        error = backward(meter, layer, method, error, labels, batch_norm, max_shift, first=layer is layers[0])
    for layer in layers:
        update(meter, layer, method, batch_norm)
    return outputs


def met(meter, method, value, code):
    """A number meets a weight's code."""
    if method in SHIFTED:
        return meter.shift(value, code)
    return meter.multiply(value, code) if method in MULTIPLIED else value * code  # of -1, 0 and 1: a sign, or nothing


def product(meter, method, values, codes, scales, start):
    """Sum of values x codes, times the scale or the two."""
    sums = [start, 0.0]
    for value, code in zip(values, codes, strict=True):
        side = int(len(scales) == 2 and code < 0)
        sums[side] = meter.add(sums[side], met(meter, method, value, code))
    return sums


def scaled(meter, sums, scales):
    if not scales:
        return sums[0]
    if len(scales) == 1:
        return meter.multiply(sums[0], scales[0])
    return meter.add(meter.multiply(sums[0], scales[0]), meter.multiply(sums[1], scales[1]))


def forward(meter, layer, method, values, batch_norm, labels):
    meter.at(layer.name, "forward", "synapse")
    layer.read = values
    layer.used = PREPARE[method](meter, layer.weights, layer)
    scales = layer.used.scales
    table = []
    for frame in values:
        row = []
        for j in range(layer.n_out):
            codes = layer.used.codes[j :: layer.n_out]
            start = layer.bias[j] if not batch_norm and not scales else 0.0
            meter.at(layer.name, "forward", "synapse")
            sums = product(meter, method, frame, codes, scales, start)
            meter.at(layer.name, "forward", "neuron")
            z = scaled(meter, sums, scales)
            row.append(meter.add(z, layer.bias[j]) if scales and not batch_norm else z)
        table.append(row)
    meter.at(layer.name, "forward", "neuron")
    if batch_norm:
        table = normalize(meter, layer, table)
    if layer.is_last:
        layer.table = table
        labelled = zip(table, labels, strict=True)
        layer.error = [[margin(meter, y, j == label) for j, y in enumerate(row)] for row, label in labelled]
        return table
    layer.open = [[meter.exceeds(y, 0) for y in row] for row in table]
    left = element_wise(table, layer.open)
    return quantized(meter, layer, left) if method == "lsq" else left


def element_wise(table, other, times=lambda a, b: a * b):
    """Products of two tables' numbers; unless said, a choice and no multiplication."""
    return [[times(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(table, other, strict=True)]


def margin(meter, y, is_class):
    error = meter.add(1, -y if is_class else y)
    return error if meter.exceeds(error, 0) else 0.0


def quantized(meter, layer, table):
    inverse = meter.reciprocal(layer.step)
    result, layer.rounding = [], []
    for row in table:
        line, errors = [], []
        for y in row:
            v = meter.multiply(y, inverse)
            is_high, whole = meter.exceeds(v, 7), int(meter.add(v, 0.5))
            code = 7.0 if is_high else float(whole)
            errors.append((code, v, is_high))
            line.append(meter.multiply(code, layer.step))
        result.append(line)
        layer.rounding.append(errors)
    return result


def normalize(meter, layer, table):
    n, layer.normal, layer.inverse = len(table), [[0.0] * layer.n_out for _ in table], []
    result = [[0.0] * layer.n_out for _ in table]
    moving = [0.0, 1.0]
    for j in range(layer.n_out):
        mean = meter.multiply(meter.sum([row[j] for row in table]), 1 / n)
        centred = [meter.add(row[j], -mean) for row in table]
        variance = meter.multiply(meter.sum([meter.multiply(c, c) for c in centred]), 1 / n)
        inverse = meter.reciprocal_root(meter.add(variance, EPSILON))
        for old, new in zip(moving, (mean, variance), strict=True):
            meter.add(old, meter.multiply(0.1, meter.add(new, -old)))
        for b, c in enumerate(centred):
            layer.normal[b][j] = meter.multiply(c, inverse)
            result[b][j] = meter.add(meter.multiply(layer.gamma[j], layer.normal[b][j]), layer.bias[j])
        layer.inverse.append(inverse)
    return result


def backward(meter, layer, method, error, labels, batch_norm, max_shift, first):
    """The error of what the layer reads, from that of what it leaves."""
    meter.at(layer.name, "backward", "neuron")
    if layer.is_last:
        n = len(labels)
        error = [
            [meter.multiply(-e if j == label else e, 2 / n) for j, e in enumerate(row)]
            for row, label in zip(layer.error, labels, strict=True)
        ]
    else:
        if method == "lsq":
            error = through_rounding(meter, layer, error)
        error = [
            [e * is_open for e, is_open in zip(*rows, strict=True)] for rows in zip(error, layer.open, strict=True)
        ]
    if batch_norm:
        error = through_batch_norm(meter, layer, error)
    rated = error
    if method in BY_SGD:
        meter.at(layer.name, "update", "neuron")
        rated = [[meter.multiply(RATE, e) for e in row] for row in error]
    meter.at(layer.name, "backward", "neuron")
    if not batch_norm:
        layer.bias_gradient = [meter.sum([row[j] for row in rated]) for j in range(layer.n_out)]
    read = layer.read
    if method.endswith("-qbp"):
        read = [[meter.power_of_two(x, max_shift) for x in row] for row in read]
    meter.at(layer.name, "backward", "synapse")
    times = meter.shift if method.endswith("-qbp") else meter.multiply
    layer.gradient = [
        meter.sum([times(row[j], frame[i]) for row, frame in zip(rated, read, strict=True)])
        for i in range(layer.n_in)
        for j in range(layer.n_out)
    ]
    return None if first else propagated(meter, layer, method, error)


def propagated(meter, layer, method, error):
    below = []
    for row in error:
        line = []
        for i in range(layer.n_in):
            codes = layer.used.codes[i * layer.n_out : (i + 1) * layer.n_out]
            meter.at(layer.name, "backward", "synapse")
            sums = product(meter, method, row, codes, layer.used.scales, 0.0)
            meter.at(layer.name, "backward", "neuron")
            line.append(scaled(meter, sums, layer.used.scales))
        below.append(line)
    return below


def through_rounding(meter, layer, error):
    total, result = 0.0, []
    for row, errors in zip(error, layer.rounding, strict=True):
        for e, (code, v, is_high) in zip(row, errors, strict=True):
            off = meter.add(code, -v)
            total = meter.add(total, meter.multiply(code if is_high else off, e))
        result.append([0.0 if is_high else e for e, (_, _, is_high) in zip(row, errors, strict=True)])
    layer.step_gradient = meter.multiply(total, 0.1)
    return result


def through_batch_norm(meter, layer, error):
    n, result = len(error), [[0.0] * layer.n_out for _ in error]
    layer.gamma_gradient, layer.bias_gradient = [], []
    for j in range(layer.n_out):
        to_gamma = meter.sum(
            [meter.multiply(row[j], normal[j]) for row, normal in zip(error, layer.normal, strict=True)]
        )
        to_beta = meter.sum([row[j] for row in error])
        mean_gamma, mean_beta = meter.multiply(to_gamma, 1 / n), meter.multiply(to_beta, 1 / n)
        factor = meter.multiply(layer.gamma[j], layer.inverse[j])
        for b, row in enumerate(error):
            part = meter.multiply(layer.normal[b][j], mean_gamma)
            result[b][j] = meter.multiply(factor, meter.add(meter.add(row[j], -mean_beta), -part))
        layer.gamma_gradient.append(to_gamma)
        layer.bias_gradient.append(to_beta)
    return result


def update(meter, layer, method, batch_norm):
    meter.at(layer.name, "update", "synapse")
    gradient = latent_gradient(meter, method, layer.gradient, layer.used, layer)
    if method in BY_SGD:
        layer.weights = [meter.add(w, -g) for w, g in zip(layer.weights, gradient, strict=True)]
        clip(meter, layer, method)
        meter.at(layer.name, "update", "neuron")
        for name, each in (("gamma", "gamma_gradient"), ("bias", "bias_gradient")) if batch_norm else ():
            rated = [meter.multiply(RATE, g) for g in getattr(layer, each)]
            setattr(layer, name, [meter.add(p, -g) for p, g in zip(getattr(layer, name), rated, strict=True)])
        if not batch_norm:  # whose errors have met the learning rate
            layer.bias = [meter.add(p, -g) for p, g in zip(layer.bias, layer.bias_gradient, strict=True)]
        return
    squares = []
    layer.weights = [adam(meter, w, g, squares) for w, g in zip(layer.weights, gradient, strict=True)]
    if method in CURVED:
        layer.squared = [
            meter.add(v, meter.multiply(0.001, meter.add(square, -v)))
            for v, square in zip(layer.squared, squares, strict=True)
        ]
    clip(meter, layer, method)
    if method in ("ttq", "lsq"):
        layer.learned[: len(layer.learned_gradient)] = [
            adam(meter, p, g) for p, g in zip(layer.learned, layer.learned_gradient, strict=False)
        ]
    if method == "lsq" and not layer.is_last:
        layer.step = adam(meter, layer.step, layer.step_gradient)
    meter.at(layer.name, "update", "neuron")
    layer.bias = [adam(meter, p, g) for p, g in zip(layer.bias, layer.bias_gradient, strict=True)]
    if batch_norm:
        layer.gamma = [adam(meter, p, g) for p, g in zip(layer.gamma, layer.gamma_gradient, strict=True)]


def adam(meter, parameter, gradient, squares=None):
    """The first step: both means start at zero, and what depends on the step's number alone is known."""
    mean = meter.add(0.0, meter.multiply(0.1, meter.add(gradient, -0.0)))
    square = meter.multiply(gradient, gradient)
    if squares is not None:
        squares.append(square)
    second = meter.add(0.0, meter.multiply(0.001, meter.add(square, -0.0)))
    root = meter.multiply(meter.root(second), 0.001**-0.5)
    quotient = meter.multiply(mean, meter.reciprocal(meter.add(root, 1e-8)))
    return meter.add(parameter, -meter.multiply(RATE / 0.1, quotient))


def clip(meter, layer, method):
    if method not in UNCLIPPED:
        low, high = ([meter.exceeds(*pair) for pair in pairs] for pairs in limits(layer.weights))
        layer.weights = [-1.0 if a else 1.0 if b else w for w, a, b in zip(layer.weights, low, high, strict=True)]


def limits(weights):
    return [(-1, w) for w in weights], [(w, 1) for w in weights]


__all__ = ["Layer", "rounded", "training_step"]
