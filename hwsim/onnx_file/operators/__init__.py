"""The families of operators, each in a file that reads and writes it; importing this folder registers them all."""

from hwsim.onnx_file.operators import (
    channels_last,
    elementwise,
    joining,
    linear_quantization,
    pooling,
    quantization,
    shaping,
    synaptic,
)

__all__ = [
    "channels_last",
    "elementwise",
    "joining",
    "linear_quantization",
    "pooling",
    "quantization",
    "shaping",
    "synaptic",
]
