"""ONNX's own tests of operators, which its wheel carries: a model, inputs and outputs each, seen through hwsim.

hwsim takes one input whose first axis counts frames, and most of these tests have none. So each is tried up to three
ways, the first that runs counting: as it stands; with all inputs but the first as constants, and the first output
only; and, for an operator that works number by number, with an axis of one frame put in front.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import hwsim
from hwsim.errors import HwsimError

LIST = Path(__file__).parent / "onnx_file" / "node_tests.txt"
"""Tests that use operators of docs/onnx.md only and that hwsim could in principle run; "pass" behind those it does.

Left out are those of nothing but wiring, of operators that only constants may go through, of no frame or of frames
that are mixed, of 64-bit integers without a sign, and of second outputs.
"""

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data"
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")

NUMBER_BY_NUMBER = {
    *("Add", "Cast", "Ceil", "Clip", "Div", "Dropout", "Elu", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity"),
    *(
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "PRelu",
        "Pow",
        "QuantizeLinear",
        "Relu",
        "Round",
        "Selu",
    ),
    *("Sigmoid", "Sign", "Softmax", "Sqrt", "Sub", "Sum", "Tanh"),
}
"""Operators in front of whose axes another may stand; of a Softmax the axis then moves."""


def listed():
    """The names of the list, and whether each is marked to pass."""
    lines = [line.split() for line in LIST.read_text().splitlines()]
    return {name: rest == ["pass"] for name, *rest in lines}


def every():
    """Names of all tests that the wheel carries."""
    return sorted(f"{kind}/{path.name}" for kind in KINDS for path in (FOLDER / kind).iterdir() if path.is_dir())


def outcome(name, folder):
    """What becomes of a test: ("pass", "refused", "wrong" or "unreadable", what there is to say)."""
    try:
        model = onnx.load(FOLDER / name / "model.onnx")
        inputs, outputs = (_arrays(name, what) for what in ("input", "output"))
    except Exception as error:  # sequences, optional tensors, types that numpy does not know
        return "unreadable", str(error)
    found = []
    for way in (_as_it_stands, _of_constants, _of_one_frame):
        changed = way(model, inputs)
        if changed is not None and inputs and outputs:
            found.append(_run(*changed, outputs[0], folder))
            if found[-1][0] != "refused":
                return found[-1]
    return found[-1] if found else ("refused", "no input")


def _arrays(name, what):
    paths = sorted(
        (FOLDER / name / "test_data_set_0").glob(f"{what}_*.pb"), key=lambda path: int(path.stem[len(what) + 1 :])
    )
    tensors = [onnx.TensorProto.FromString(path.read_bytes()) for path in paths]
    return [numpy_helper.to_array(tensor) for tensor in tensors]


def _free_inputs(model):
    given = {each.name for each in model.graph.initializer}
    return [each for each in model.graph.input if each.name not in given]


def _as_it_stands(model, inputs):
    return model, inputs[0] if inputs else None


def _of_constants(model, inputs):
    free = _free_inputs(model)
    if len(free) < 2 and len(model.graph.output) < 2:
        return None
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for each, array in list(zip(free, inputs, strict=False))[1:]:
        copy.graph.input.remove(each)
        copy.graph.initializer.append(numpy_helper.from_array(array, each.name))
    del copy.graph.output[1:]
    return copy, inputs[0]


def _of_one_frame(model, inputs):
    if len(model.graph.node) != 1 or model.graph.node[0].op_type not in NUMBER_BY_NUMBER or not inputs:
        return None
    copy, first = _of_constants(model, inputs) or (onnx.ModelProto.FromString(model.SerializeToString()), inputs[0])
    shape = _free_inputs(copy)[0].type.tensor_type.shape
    del shape.dim[:]
    for n in (1, *first.shape):
        shape.dim.add().dim_value = n
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    for attribute in copy.graph.node[0].attribute:
        if copy.graph.node[0].op_type.endswith("Softmax") and attribute.name == "axis" and attribute.i >= 0:
            attribute.i += 1
    return copy, first[None]


def _run(model, frames, expected, folder):
    """Whether hwsim makes the outputs of a model, codes where they are codes."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        network = hwsim.load_network(path)
        if frames.size == np.prod(network.input_shape) * len(frames):
            frames = frames.reshape(-1, *network.input_shape)
        run = hwsim.simulate(network, frames.astype(np.float32) if frames.dtype.kind == "f" else frames, threads=1)
    except HwsimError as error:
        return "refused", str(error)
    is_code = expected.dtype.kind in "iu" and not network.output.format.is_real
    made, expected = (run.output_codes if is_code else run.outputs).ravel(), expected.ravel().astype(np.float64)
    if made.shape == expected.shape and np.allclose(made, expected, rtol=1e-3, atol=1e-5):
        return "pass", ""
    return "wrong", f"{made[:4]}, expected {expected[:4]}"
