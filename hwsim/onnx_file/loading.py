"""From a path to onnx's own description of a file, with nothing taken on trust.

A file may come from anywhere. Before anything is made of it, its records are counted where they lie (``wire``), so that
a small file cannot become a large object; data beside it are read from its own folder only (``beside``); tensors
(``stored_tensor``), names and wiring (``soundness``), inputs and attributes (``schemas``) are checked. Time and memory
are bounded by the size of the file.
"""

from pathlib import Path
from typing import Any

from hwsim.errors import FileError
from hwsim.files.plain_file import open_plain
from hwsim.onnx_file.beside import bring_in
from hwsim.onnx_file.schemas import check_nodes
from hwsim.onnx_file.soundness import check_functions, check_graph
from hwsim.onnx_file.stored_tensor import check_tensor, tensors_of
from hwsim.onnx_file.wire import check_records

LARGEST_FILE = 2**31
"""Files above this are refused unread; so are tensors that ask for more in all. [bytes]"""

OLDEST_OPSET = 6
"""Of operators as they are imported; older ones mean other things by the same names."""

NEWEST_FOREIGN_OPSET = 10_000
"""Of operators that onnx does not know: any number that could be one."""


def load_graph(path: Path) -> Any:
    """Read a file as an ``onnx.ModelProto`` that is sound, with all its tensors inside.

    Raises
    ------
    FileError
        One line: when there is no such file, it is no ONNX file, cut short, or of an opset that is not known; when a
        tensor's data are not there, not finite, or outside the file's folder; when names or nodes do not fit together.
    """
    import google.protobuf.message
    import onnx

    path = Path(path)
    content = _content(path)
    try:
        check_records(content, onnx.ModelProto.DESCRIPTOR)
        model = onnx.ModelProto()
        model.ParseFromString(content)
        del content
        _check_versions(model)
        bring_in(tensors_of(model), path.parent, LARGEST_FILE)
        for tensor in tensors_of(model):
            check_tensor(tensor)
        check_functions(model)
        check_graph(model.graph)
        opsets = {"" if each.domain == "ai.onnx" else each.domain: each.version for each in model.opset_import}
        for nodes in (model.graph.node, *(each.node for each in model.functions)):
            check_nodes(nodes, opsets)
    except FileError as error:
        raise FileError(f"{path}: {error}") from None
    except google.protobuf.message.DecodeError:
        raise FileError(f"{path}: no ONNX file, or damaged; export it again") from None
    return model


def _content(path: Path) -> bytes:
    """The bytes of a file of bearable size."""
    file, size = open_plain(path)
    with file:
        if not 0 < size <= LARGEST_FILE:
            found = f"{size:,} bytes" if size else "empty"
            raise FileError(f"{path}: {found}; expected an ONNX file of up to {LARGEST_FILE:,} bytes")
        return file.read(size)


def _check_versions(model: Any) -> None:
    import onnx

    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise FileError("holds no graph; expected an ONNX model")
    if not 1 <= model.ir_version <= onnx.IR_VERSION:
        raise FileError(f"IR version {model.ir_version}; expected 1 to {onnx.IR_VERSION}: a newer onnx may know it")
    if not model.opset_import:
        raise FileError("states no opset; expected opset_import")
    newest = onnx.defs.onnx_opset_version()
    seen: dict[str, int] = {}
    for each in model.opset_import:
        domain = "" if each.domain == "ai.onnx" else each.domain
        if seen.setdefault(domain, each.version) != each.version:
            raise FileError(f"states opsets {seen[domain]} and {each.version} of the domain {domain!r}; expected one")
        if domain == "" and not OLDEST_OPSET <= each.version <= newest:
            raise FileError(
                f"opset {each.version}; expected {OLDEST_OPSET} to {newest}: convert it with onnx.version_converter"
            )
        if not 1 <= each.version <= NEWEST_FOREIGN_OPSET:
            raise FileError(f"opset {each.version} of the domain {domain[:80]!r}; expected a number from 1")
