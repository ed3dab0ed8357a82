"""Small ONNX graphs for tests, and what onnxruntime and qonnx make of them."""

import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import hwsim
from hwsim.onnx_file.reading import network_of

QONNX = "qonnx.custom_op.general"


def node(operator, inputs, output="", domain="", **attributes):
    """One node; its output has its operator's name and a number unless said. Attributes may be arrays."""
    outputs = [output] if isinstance(output, str) else output
    given = {
        name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in attributes.items()
    }
    return helper.make_node(operator, list(inputs), outputs, domain=domain, **given)


def model(nodes, input_shape, constants=(), opset=17, output=None, name="graph", n_axis=None):
    """A model that reads "x"; its output is that of the last node, unless said."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(input_shape))]
    outputs = [onnx.ValueInfoProto(name=each) for each in output or [nodes[-1].output[0]]]
    if n_axis:
        shape = [f"n{axis}" for axis in range(n_axis)]
        outputs = [helper.make_tensor_value_info(each.name, TensorProto.FLOAT, shape) for each in outputs]
    kept = [numpy_helper.from_array(np.asarray(value), key) for key, value in dict(constants).items()]
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
    graph = helper.make_graph(list(nodes), name, inputs, outputs, kept)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def chain(*steps):
    """Nodes one after the other: (operator, further inputs, attributes)."""
    nodes, last = [], "x"
    for number, (operator, inputs, attributes) in enumerate(steps):
        nodes.append(node(operator, (last, *inputs), f"t{number}", **attributes))
        last = f"t{number}"
    return nodes


def imported(proto, keep_real=False):
    """The network that a model becomes."""
    return network_of(proto, "graph", "graph.onnx", keep_real=keep_real)


def outputs(proto, values, execution="dense"):
    """What hwsim makes of frames. (n_frame, n_out)"""
    network = imported(proto)
    return hwsim.simulate(network, values.reshape(len(values), *network.input_shape), execution=execution).outputs


def everywhere(network, frames, folder):
    """Outputs of a network, which are the same under all executions, and after saving and loading."""
    runs = [hwsim.simulate(network, frames, each).outputs for each in ("dense", "sparse", "delta")]
    hwsim.save_network(network, folder)
    again = hwsim.load_network(folder)
    assert again == network
    runs.append(hwsim.simulate(again, frames).outputs)
    for each in runs[1:]:
        np.testing.assert_array_equal(each, runs[0])
    return runs[0]


def onnxruntime_outputs(proto, values):
    """What onnxruntime makes of frames, one after the other. (n_frame, n_out)"""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # as it stands: its fusion of a border of zeros into a maximum, for one, is another function
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    read = session.get_inputs()[0].name
    return np.stack([session.run(None, {read: values[k : k + 1]})[0].ravel() for k in range(len(values))])


def qonnx_tensors(proto, values):
    """Every tensor that qonnx's executor makes of frames, all at once; what quantizers of them make, and the output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.util.cleanup import cleanup_model

        proto = onnx.load(proto) if isinstance(proto, str) else proto
        copy = onnx.ModelProto()
        copy.CopyFrom(proto)
        del copy.graph.value_info[:]
        for each in copy.graph.input:
            if each.name not in {given.name for given in copy.graph.initializer}:
                each.type.tensor_type.shape.dim[0].dim_value = len(values)
        copy.graph.output[0].type.tensor_type.shape.dim[0].dim_value = len(values)
        wrapped = cleanup_model(ModelWrapper(copy))
        result = execute_onnx(wrapped, {wrapped.graph.input[0].name: values}, return_full_exec_context=True)
        constants = {each.name for each in wrapped.graph.initializer}
    computed = [each for each in wrapped.graph.node if each.input[0] not in constants]
    levels = [result[each.output[0]].reshape(len(values), -1) for each in computed if "Quant" in each.op_type]
    return levels, result[wrapped.graph.output[0].name].reshape(len(values), -1)


def qonnx_outputs(proto, values):
    """What qonnx's executor makes of frames, all at once, with a model or a file. (n_frame, n_out)"""
    return qonnx_tensors(proto, values)[1]


def apart(found, expected):
    """Largest deviation, relative to the largest number."""
    assert found.shape == expected.shape
    return np.abs(found.astype(np.float64) - expected).max() / max(np.abs(expected).max(), 1e-30)
