"""Tensors as a file holds them: where they are, how many bytes they need, and whether they are sound."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from hwsim.errors import FileError

BITS = {
    **dict.fromkeys(("FLOAT", "INT32", "UINT32"), 32),
    **dict.fromkeys(("DOUBLE", "INT64", "UINT64", "COMPLEX64"), 64),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), 16),
    **dict.fromkeys(("INT8", "UINT8", "BOOL"), 8),
    **dict.fromkeys(("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0"), 8),
    **dict.fromkeys(("INT4", "UINT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("INT2", "UINT2"), 2),
    "COMPLEX128": 128,
}
"""Of a number, by the name of its type. [bits]"""

TYPED = {
    "FLOAT": "float_data",
    "COMPLEX64": "float_data",
    "DOUBLE": "double_data",
    "COMPLEX128": "double_data",
    "INT64": "int64_data",
    "UINT32": "uint64_data",
    "UINT64": "uint64_data",
}
"""The field that holds the numbers of a type, unless they are raw data; ``int32_data`` for all others."""

REAL = ("FLOAT", "DOUBLE", "FLOAT16")


def shown(text: object) -> str:
    """A name out of a file, fit for a message: quoted, without control characters, cut at 80."""
    text = str(text)
    return repr(text if len(text) <= 80 else text[:77] + "...")


def tensors_of(model: Any) -> Iterator[Any]:
    """Every tensor of a model: of its graph, of graphs within nodes, and of functions."""
    yield from _tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for sparse in (
            *([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []),
            *attribute.sparse_tensors,
        ):
            yield from (sparse.values, sparse.indices)
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _tensors(graph)


def size_of(tensor: Any) -> int:
    """Bytes that a tensor's shape and type need; FileError where they are none."""
    n_number, kind = _count(tensor), _kind(tensor)
    if kind == "STRING":
        raise FileError(f"tensor {shown(tensor.name)}: text cannot lie beside the file")
    return (n_number * BITS[kind] + 7) // 8


def _kind(tensor: Any) -> str:
    import onnx

    names = {number: name for name, number in onnx.TensorProto.DataType.items()}
    kind = names.get(tensor.data_type, "")
    if kind != "STRING" and kind not in BITS:
        raise FileError(f"tensor {shown(tensor.name)}: data type {tensor.data_type}; expected one that onnx names")
    return str(kind)


def _count(tensor: Any) -> int:
    dims = list(tensor.dims)
    if len(dims) > 64 or min(dims, default=0) < 0:
        raise FileError(f"tensor {shown(tensor.name)}: shape {shown(dims)}; expected sizes from 0, at most 64")
    return math.prod(dims)


def check_tensor(tensor: Any) -> None:
    """Whether a tensor holds as many numbers as its shape says, all finite; a single one may be infinite.

    Raises
    ------
    FileError
        When not.
    """
    import onnx

    kind, n_number, name = _kind(tensor), _count(tensor), f"tensor {shown(tensor.name)}"
    shape = f"shape {tuple(tensor.dims)} of {kind.lower()}"
    if tensor.HasField("segment"):
        raise FileError(f"{name}: a segment of a tensor; expected it whole")
    if kind == "STRING":
        held, needed = len(tensor.string_data), n_number
    elif tensor.HasField("raw_data"):
        held, needed = len(tensor.raw_data), size_of(tensor)
    else:
        packed = 8 // BITS[kind] if BITS[kind] < 8 else 1
        needed = -(-n_number // packed) * (2 if kind.startswith("COMPLEX") else 1)
        held = len(getattr(tensor, TYPED.get(kind, "int32_data")))
    if held != needed:
        remedy = "export it again" if held else "export it with weights, or take hwsim network check --shapes-only"
        raise FileError(f"{name}: {shape} needs {needed:,} bytes or numbers, but there are {held:,}; {remedy}")
    if kind in REAL:
        array = onnx.numpy_helper.to_array(tensor)
        finite = np.isfinite(array)
        if not finite.all() and (array.size > 1 or np.isnan(array).any()):
            at = np.unravel_index(int(finite.argmin()), array.shape)
            what = array[at] if array.ndim else array
            raise FileError(f"{name}: {what} at {tuple(map(int, at))}; expected finite numbers")
