"""ONNX and QONNX files: the only folder that imports onnx (``pip install 'hwsim[onnx]'``).

``graph`` is a file as plain data; ``reading`` walks its nodes, works out constants (``folding``), and asks the registry
in ``pairs`` what reads each other node; ``builder`` holds the layers while they are made. What cannot be imported is
collected and reported at once; nothing is ever put in its place. ``loading`` trusts no file. ``writing`` goes the other
way: it asks the same registry what writes each layer, and ``nodes`` holds the graph while it is made. Both ways of a
family of operators stand side by side in a file of ``operators``.
"""

from hwsim.onnx_file import operators  # noqa: F401  which registers what reads and writes
from hwsim.onnx_file.pairs import reads, same_function, writes
from hwsim.onnx_file.reading import Examination, examine_onnx, read_onnx
from hwsim.onnx_file.shapes_only import Shaped, shapes_of
from hwsim.onnx_file.unsupported import Unsupported
from hwsim.onnx_file.writing import write_onnx

__all__ = [
    "Examination",
    "Shaped",
    "Unsupported",
    "examine_onnx",
    "read_onnx",
    "reads",
    "same_function",
    "shapes_of",
    "write_onnx",
    "writes",
]
