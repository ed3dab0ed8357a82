"""What each operator becomes: one table from operators to functions."""

from collections.abc import Callable

from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded
from hwsim.onnx_file.element_types import STANDARD_DOMAINS
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.operators import channels_last, elementwise, joining, pooling, quantization, shaping, synaptic
from hwsim.onnx_file.tensor import Tensor

Lower = Callable[[Builder, Node], Tensor | Coded]

STANDARD: dict[str, Lower] = {
    "Add": joining.add,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": joining.batch_norm,
    "Cast": elementwise.cast,
    "Clip": elementwise.clip,
    "Concat": joining.concat,
    "Conv": synaptic.conv,
    "DequantizeLinear": quantization.dequantize_linear,
    "Div": joining.divide,
    "Dropout": elementwise.dropout,
    "Elu": elementwise.elu,
    "Flatten": shaping.flatten,
    "Gemm": synaptic.gemm,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "HardSigmoid": elementwise.hard_sigmoid,
    "HardSwish": joining.hard_swish,
    "Identity": elementwise.same,
    "LeakyRelu": elementwise.leaky_relu,
    "MatMul": synaptic.matmul,
    "Max": elementwise.largest,
    "MaxPool": pooling.max_pool,
    "Min": elementwise.smallest,
    "Mul": joining.multiply,
    "Neg": joining.negate,
    "PRelu": elementwise.prelu,
    "Pad": shaping.pad,
    "QLinearConv": quantization.q_linear_conv,
    "QLinearMatMul": quantization.q_linear_matmul,
    "QuantizeLinear": quantization.quantize_linear,
    "ReduceMean": pooling.reduce_mean,
    "Relu": elementwise.relu,
    "Reshape": shaping.reshape,
    "Selu": elementwise.selu,
    "Sigmoid": elementwise.sigmoid,
    "Sign": elementwise.sign,
    "Softmax": elementwise.softmax,
    "Squeeze": shaping.squeeze,
    "Sub": joining.subtract,
    "Sum": joining.add,
    "Tanh": elementwise.tanh,
    "Transpose": shaping.transpose,
    "Unsqueeze": shaping.unsqueeze,
}
"""Of ONNX."""

QUANTIZED: dict[str, Lower] = {
    "BipolarQuant": quantization.bipolar_quant,
    "IntQuant": quantization.quant,
    "MultiThreshold": quantization.multi_threshold,
    "Quant": quantization.quant,
    "Trunc": quantization.trunc,
}
"""Of QONNX and FINN."""

QUANTIZED_DOMAINS = (
    "qonnx.custom_op.general",
    "finn.custom_op.general",
    "finn",
    "onnx.brevitas",
)


def lower_of(node: Node) -> Lower | None:
    """What imports a node; None for an operator that nothing imports."""
    if node.domain in STANDARD_DOMAINS:
        return STANDARD.get(node.operator)
    if node.domain == channels_last.DOMAIN:
        return channels_last.OPERATORS.get(node.operator)
    return QUANTIZED.get(node.operator) if node.domain in QUANTIZED_DOMAINS else None
