"""A step as Lin et al. 2016 count it: products with weights, errors times derivatives, batch norm as it is written.

Only what they count goes through the meter: multiplications, and the additions, shifts and random numbers of the same
products. The equations of batch norm are those of Ioffe & Szegedy 2015, section 3.
"""

from training_step.step import element_wise
from training_step.weights import PREPARE

RATE, EPSILON = 0.1, 1e-4


def training_step(meter, layers, method, frames, labels, batch_norm=False):
    values = frames
    for layer in layers:
        values = forward(meter, layer, method, values, batch_norm)
    n = len(labels)
    # the derivative of the loss is nobody's multiplication
    error = [
        [(-2 if j == label else 2) / n * max(0.0, 1 + (-y if j == label else y)) for j, y in enumerate(row)]
        for row, label in zip(values, labels, strict=True)
    ]
    for layer in reversed(layers):
        error = backward(meter, layer, method, error, batch_norm)
    for layer in layers:
        layer.weights = [w - g for w, g in zip(layer.weights, layer.gradient, strict=True)]
        layer.bias = [b - g for b, g in zip(layer.bias, layer.bias_gradient, strict=True)]
    return values


def product(meter, method, values, codes):
    total = 0.0
    for value, code in zip(values, codes, strict=True):
        total = meter.add(total, meter.multiply(value, code) if method == "full-precision" else value * code)
    return total


def forward(meter, layer, method, values, batch_norm):
    meter.at(layer.name, "forward", "synapse")
    layer.read, layer.used = values, PREPARE[method](meter, layer.weights, layer)
    columns = [layer.used.codes[j :: layer.n_out] for j in range(layer.n_out)]
    table = [[product(meter, method, frame, column) for column in columns] for frame in values]
    meter.at(layer.name, "forward", "neuron")
    if batch_norm:
        table = normalize(meter, layer, table)
    else:
        table = [[z + b for z, b in zip(row, layer.bias, strict=True)] for row in table]
    # the derivative of the activation, which is the identity after the last layer
    layer.slope = [[1.0 if layer.is_last or y > 0 else 0.0 for y in row] for row in table]
    return element_wise(table, layer.slope)


def normalize(meter, layer, table):
    n, result = len(table), [[0.0] * layer.n_out for _ in table]
    layer.centred, layer.normal, layer.root = ([[0.0] * layer.n_out for _ in table] for _ in range(3))
    for j in range(layer.n_out):
        mean = meter.multiply(sum(row[j] for row in table), 1 / n)
        for b, row in enumerate(table):
            layer.centred[b][j] = row[j] - mean
        squares = [meter.multiply(row[j], row[j]) for row in layer.centred]
        root = (meter.multiply(sum(squares), 1 / n) + EPSILON) ** -0.5
        for b in range(n):
            layer.normal[b][j] = meter.multiply(layer.centred[b][j], root)
            result[b][j] = meter.multiply(layer.gamma[j], layer.normal[b][j]) + layer.bias[j]
            layer.root[b][j] = root
    return result


def backward(meter, layer, method, error, batch_norm):
    meter.at(layer.name, "backward", "neuron")
    # for the gradient of the weights, and once more for what goes down
    upward, down = (element_wise(error, layer.slope, meter.multiply) for _ in range(2))
    if batch_norm:
        upward = down = through_batch_norm(meter, layer, down)
    meter.at(layer.name, "update", "neuron")
    rated = [[meter.multiply(RATE, e) for e in row] for row in upward]
    if not batch_norm:
        layer.bias_gradient = [sum(row[j] for row in rated) for j in range(layer.n_out)]
    meter.at(layer.name, "backward", "synapse")
    read, times = layer.read, meter.multiply
    if method.endswith("-qbp"):
        times = meter.shift
        read = [[neighbour(meter, x) for x in row] for row in read]
    layer.gradient = [
        meter.sum([times(row[j], frame[i]) for row, frame in zip(rated, read, strict=True)])
        for i in range(layer.n_in)
        for j in range(layer.n_out)
    ]
    rows = [layer.used.codes[i * layer.n_out : (i + 1) * layer.n_out] for i in range(layer.n_in)]
    return [[product(meter, method, row, codes) for codes in rows] for row in down]


def neighbour(meter, x):
    """The draw alone is counted."""
    before = dict(meter.tally)
    result = meter.power_of_two(x)
    key = (*meter.place, "random_number", ("int24",))
    drawn = meter.tally[key]
    meter.tally.clear()
    meter.tally.update(before)
    meter.tally[key] = drawn
    return result


def through_batch_norm(meter, layer, error):
    n, result = len(error), [[0.0] * layer.n_out for _ in error]
    layer.bias_gradient = []
    for j in range(layer.n_out):
        gamma, root = layer.gamma[j], layer.root[0][j]
        to_normal = [meter.multiply(row[j], gamma) for row in error]
        to_gamma = sum(meter.multiply(row[j], normal[j]) for row, normal in zip(error, layer.normal, strict=True))
        products = sum(meter.multiply(g, row[j]) for g, row in zip(to_normal, layer.centred, strict=True))
        cube = meter.multiply(meter.multiply(root, root), root)
        to_variance = meter.multiply(products, meter.multiply(-0.5, cube))
        to_mean = sum(meter.multiply(g, -root) for g in to_normal)
        twice, share = meter.multiply(to_variance, 2 / n), meter.multiply(to_mean, 1 / n)
        for b, g in enumerate(to_normal):
            result[b][j] = meter.multiply(g, root) + meter.multiply(twice, layer.centred[b][j]) + share
        layer.bias_gradient.append(RATE * sum(row[j] for row in error))  # the rate of beta is that of the errors
        meter.at(layer.name, "update", "neuron")
        layer.gamma[j] = gamma - meter.multiply(RATE, to_gamma)
        meter.at(layer.name, "backward", "neuron")
    return result
