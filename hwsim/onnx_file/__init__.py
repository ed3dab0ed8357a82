"""ONNX and QONNX files: the only folder that imports onnx (``pip install 'hwsim[onnx]'``).

``graph`` is a file as plain data; ``reading`` walks its nodes, works out constants (``folding``), and asks the table in
``operators`` what each other node becomes; ``builder`` holds the layers while they are made. What cannot be imported
is collected and reported at once; nothing is ever put in its place. ``loading`` trusts no file; ``writing`` goes the
other way, with ``equivalents``, a table from layers to nodes.
"""

from hwsim.onnx_file.reading import Examination, Unsupported, examine_onnx, read_onnx
from hwsim.onnx_file.writing import write_onnx

__all__ = ["Examination", "Unsupported", "examine_onnx", "read_onnx", "write_onnx"]
