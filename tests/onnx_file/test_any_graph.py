"""Graphs that Hypothesis makes, chains and branches of random operators, shapes and attributes, against onnxruntime."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx_graphs import imported, model, node, onnxruntime_outputs

import hwsim

pytestmark = pytest.mark.onnx
SMOOTH = ("Relu", "LeakyRelu", "Clip", "HardSigmoid", "Sigmoid", "Tanh", "Identity", "Dropout", "Neg")


class Drawing:
    """A graph that grows by what is drawn; it knows the shape of every tensor, frames only."""

    def __init__(self, draw):
        self.draw = draw
        self.random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.nodes, self.constants = [], {}
        image = draw(st.booleans())
        sides = [draw(st.integers(4, 9)) for _ in range(2 if image else 1)]
        self.start = (draw(st.integers(1, 4)), *sides)
        self.shape, self.last = self.start, "x"

    def number(self, least, most):
        return self.draw(st.integers(least, most))

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def real(self, *shape):
        return self.constant((self.random.normal(size=shape) * 0.7).astype(np.float32))

    def to(self, operator, *inputs, shape=None, read=None, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(operator, (read or self.last, *inputs), name, **attributes))
        self.last, self.shape = name, shape or self.shape

    def grow(self):
        steps = [self.curve, self.arithmetic, self.norm]
        if len(self.shape) == 1:
            steps += [self.gemm, self.matmul]
        else:
            steps += [self.conv, self.conv, self.pool, self.pad, self.branch, self.turn, self.view]
        self.draw(st.sampled_from(steps))()

    def curve(self):
        operator = self.draw(st.sampled_from(SMOOTH))
        inputs = []
        if operator == "Clip":
            inputs = [self.constant(np.float32(-0.5)), self.constant(np.float32(self.number(0, 3)))]
        self.to(operator, *inputs)

    def arithmetic(self):
        operator = self.draw(st.sampled_from(("Add", "Sub", "Mul", "Div")))
        rank = self.number(0, len(self.shape))
        shape = [self.draw(st.sampled_from((1, n))) for n in self.shape[len(self.shape) - rank :]]
        value = self.random.uniform(0.5, 2, shape) * self.random.choice([-1, 1], shape)
        self.to(operator, self.constant(value.astype(np.float32)))

    def norm(self):
        n = self.shape[0]
        positive = self.constant(self.random.uniform(0.5, 2, n).astype(np.float32))
        self.to("BatchNormalization", self.real(n), self.real(n), self.real(n), positive)

    def gemm(self):
        n, (n_in,) = self.number(1, 6), self.shape
        turned = self.number(0, 1)
        weight = self.real(n, n_in) if turned else self.real(n_in, n)
        bias = [self.real(n)] if self.draw(st.booleans()) else []
        self.to("Gemm", weight, *bias, shape=(n,), transB=turned, alpha=0.5)

    def matmul(self):
        n = self.number(1, 6)
        self.to("MatMul", self.real(self.shape[0], n), shape=(n,))

    def window(self, kernel, dilation=1):
        """Attributes of a window, and the sides of what it leaves."""
        sides = self.shape[1:]
        stride = [self.number(1, 2) for _ in sides]
        pads = [[self.number(0, kernel[k] // 2) for k in range(len(sides))] for _ in (0, 1)]
        reach = [dilation * (n - 1) + 1 for n in kernel]
        room = [n + pads[0][k] + pads[1][k] - reach[k] for k, n in enumerate(sides)]
        if min(room) < 0:
            return None, None
        out = [n // stride[k] + 1 for k, n in enumerate(room)]
        return {"kernel_shape": kernel, "strides": stride, "pads": [*pads[0], *pads[1]]}, out

    def conv(self):
        n_in, n_axis = self.shape[0], len(self.shape) - 1
        groups = self.draw(st.sampled_from([n for n in range(1, n_in + 1) if n_in % n == 0]))
        n_out = groups * self.number(1, 3)
        kernel, dilation = [self.number(1, 3) for _ in range(n_axis)], self.number(1, 2)
        attributes, out = self.window(kernel, dilation)
        if attributes is None:
            return
        bias = [self.real(n_out)] if self.draw(st.booleans()) else []
        weight = self.real(n_out, n_in // groups, *kernel)
        self.to("Conv", weight, *bias, shape=(n_out, *out), group=groups, dilations=[dilation] * n_axis, **attributes)

    def pool(self):
        kernel = [self.number(1, 3) for _ in self.shape[1:]]
        attributes, out = self.window(kernel)
        if attributes is None:
            return
        if self.draw(st.booleans()):
            self.to("MaxPool", shape=(self.shape[0], *out), **attributes)
        else:
            self.to("AveragePool", shape=(self.shape[0], *out), count_include_pad=self.number(0, 1), **attributes)

    def pad(self):
        before, after = ([self.number(0, 2) for _ in self.shape[1:]] for _ in (0, 1))
        pads = self.constant(np.array([0, 0, *before, 0, 0, *after], np.int64))
        value = [self.constant(np.float32(self.number(-1, 1)))]
        shape = tuple(n + before[k] + after[k] for k, n in enumerate(self.shape[1:]))
        self.to("Pad", pads, *value, shape=(self.shape[0], *shape))

    def branch(self):
        """Two ways from here, joined again."""
        start, shape = self.last, self.shape
        self.curve()
        left = self.last
        self.last = start
        if self.draw(st.booleans()):
            self.to("Conv", self.real(shape[0], shape[0], *(1 for _ in shape[1:])))
        operator = self.draw(st.sampled_from(("Add", "Sub", "Mul", "Concat", "gate")))
        if operator == "Concat":
            axis = self.number(0, len(shape) - 1)
            joined = tuple(2 * n if k == axis else n for k, n in enumerate(shape))
            self.to("Concat", left, shape=joined, axis=axis + 1)
        elif operator == "gate":
            if len(shape) == 3:
                self.to("GlobalAveragePool", shape=(shape[0], 1, 1))
                self.to("Sigmoid")
            self.to("Mul", left, shape=shape)
        else:
            self.to(operator, left)

    def turn(self):
        """Axes in another order, something done to them, and back."""
        n_axis = len(self.shape)
        order = list(self.draw(st.permutations(range(n_axis))))
        shape = tuple(self.shape[k] for k in order)
        self.to("Transpose", shape=shape, perm=[0, *(k + 1 for k in order)])
        self.draw(st.sampled_from((self.curve, self.arithmetic, self.norm)))()
        if self.draw(st.booleans()):
            back = tuple(self.shape[order.index(k)] for k in range(n_axis))
            self.to("Transpose", shape=back, perm=[0, *(order.index(k) + 1 for k in range(n_axis))])

    def view(self):
        """The numbers in another shape: a vector, or two of the axes as one."""
        kind = self.draw(st.sampled_from(("Flatten", "Reshape", "Mean")))
        size = int(np.prod(self.shape))
        if kind == "Flatten":
            self.to("Flatten", shape=(size,))
        elif kind == "Mean" and len(self.shape) == 3:
            self.to("GlobalAveragePool", shape=(self.shape[0], 1, 1))
            self.to("Squeeze", self.constant(np.array([2, 3])), shape=self.shape[:1])
        else:
            first = self.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
            shape = (first, size // first)
            self.to("Reshape", self.constant(np.array([0, *shape])), shape=shape)


@st.composite
def graphs(draw):
    drawing = Drawing(draw)
    for _ in range(draw(st.integers(1, 6))):
        drawing.grow()
    drawing.to("Relu")  # something must be done
    if len(drawing.shape) == 1 and draw(st.booleans()):
        drawing.to("Softmax", axis=1)
    return drawing


@examples(300)
@given(graphs())
def test_any_graph_equals_onnxruntime(drawing):
    proto = model(drawing.nodes, (1, *drawing.start), drawing.constants, opset=15)
    values = drawing.random.normal(size=(4, *drawing.start)).astype(np.float32)
    expected = onnxruntime_outputs(proto, values)
    network = imported(proto)
    if any("(H, W, C)" in each for each in network.about.get("remarks", ())):
        values = values.transpose(0, 3, 1, 2)
    run = hwsim.simulate(network, values.reshape(len(values), *network.input_shape))
    # small outputs are differences of larger numbers, whose float32 leaves its traces
    assert np.abs(run.outputs - expected).max() <= 1e-5 * max(np.abs(expected).max(), 0.2)
