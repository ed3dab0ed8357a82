"""Whether nodes have the inputs and attributes that ONNX's own schemas of their operators ask for."""

from collections.abc import Iterable
from typing import Any

from hwsim.errors import FileError
from hwsim.onnx_file.stored_tensor import shown

QUANTIZED = {"BipolarQuant": 2, "IntQuant": 4, "MultiThreshold": 2, "Quant": 4, "Trunc": 5}
"""Inputs that operators of QONNX and FINN have at least; onnx has no schemas of them."""


def check_nodes(nodes: Iterable[Any], opsets: dict[str, int]) -> None:
    """Check nodes of operators that onnx knows; others are left to whoever meets them.

    Parameters
    ----------
    nodes : iterable of onnx.NodeProto
        In any order.
    opsets : dict
        Version by domain; that of ONNX itself is "".

    Raises
    ------
    FileError
        For a node with too few or too many inputs or outputs, or an attribute that is missing, twice there, or of
        another type.
    """
    import onnx

    for node in nodes:
        domain = "" if node.domain == "ai.onnx" else node.domain
        try:
            schema = onnx.defs.get_schema(node.op_type, opsets.get(domain, 1), domain)
        except onnx.defs.SchemaError:
            if domain and (least := QUANTIZED.get(node.op_type, 0)) > len(list(filter(None, node.input[:least]))):
                where = shown(node.name or node.op_type)
                raise FileError(f"node {where}: fewer inputs than the {least} that a {node.op_type} has") from None
            continue
        where = f"node {shown(node.name or node.op_type)}"
        _check_counts(node, schema, where)
        _check_attributes(node, schema, where)


def _check_counts(node: Any, schema: Any, where: str) -> None:
    import onnx

    for what, given, least, most in (
        ("inputs", node.input, schema.min_input, schema.max_input),
        ("outputs", node.output, schema.min_output, schema.max_output),
    ):
        if not least <= len(given) <= most:
            wanted = str(least) if least == most else f"{least} or more" if most > 2**20 else f"{least} to {most}"
            raise FileError(f"{where}: {len(given)} {what}; a {node.op_type} has {wanted}")
    for name, formal in zip(node.input, schema.inputs, strict=False):
        if not name and formal.option == onnx.defs.OpSchema.FormalParameterOption.Single:
            raise FileError(f"{where}: no input {formal.name}, which a {node.op_type} needs")
    if node.output and not node.output[0]:
        raise FileError(f"{where}: its output has no name")


def _check_attributes(node: Any, schema: Any, where: str) -> None:
    given = [each.name for each in node.attribute]
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in given:
            raise FileError(f"{where}: no {name}, which a {node.op_type} needs")
    for each in node.attribute:
        if given.count(each.name) > 1:
            raise FileError(f"{where}: {shown(each.name)} is there twice; expected once")
        known = schema.attributes.get(each.name)
        if known is not None and not each.ref_attr_name and int(known.type) != each.type:
            raise FileError(f"{where}: {shown(each.name)} is of another type than a {node.op_type} has")
