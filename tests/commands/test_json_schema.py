"""The JSON Schemas that ship are those of the models, and accept the files that ship."""

import json

import pytest
import yaml

from hwsim.commands.json_schema import MODELS, schema_path, schema_text
from hwsim.files import catalogue


@pytest.mark.parametrize("kind", MODELS)
def test_what_ships_is_up_to_date(kind):
    shipped = schema_path(kind).read_text(encoding="utf-8")
    document = json.loads(shipped)  # versions of pydantic differ in how they write a number
    assert document == json.loads(schema_text(kind)), "run python -m hwsim.commands.json_schema"
    assert document["$schema"].endswith("2020-12/schema")
    assert document["additionalProperties"] is False
    assert "schema" in document["required"]


def accepts(schema, value, root):
    """Whether a JSON Schema of ours accepts a document: the keywords that pydantic writes, and no others."""
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "anyOf" in schema or "oneOf" in schema:
        return any(accepts(each, value, root) for each in schema.get("anyOf", schema.get("oneOf")))
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind and (not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool))):
        return False
    if kind == "object":
        properties = schema.get("properties", {})
        other = schema.get("additionalProperties", True)
        if not set(schema.get("required", ())) <= set(value) or (other is False and not set(value) <= set(properties)):
            return False
        rest = other if isinstance(other, dict) else {}
        return all(accepts(properties.get(key, rest), each, root) for key, each in value.items())
    if kind == "array":
        heads = schema.get("prefixItems", [])
        items = [*heads, *[schema.get("items", {})] * max(len(value) - len(heads), 0)]
        long_enough = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return long_enough and all(accepts(item, each, root) for item, each in zip(items, value, strict=False))
    return True


def files():
    folders = {"energy_table": catalogue.table_path, "machine": catalogue.machine_path}
    names = {"energy_table": catalogue.table_names(), "machine": catalogue.machine_names()}
    yield from ((kind, folders[kind](name)) for kind in folders for name in names[kind])
    yield from (("network", catalogue.network_path(name) / "network.yaml") for name in catalogue.network_names())
    root = catalogue.table_path("default_45nm").parents[1]
    yield "study", root / "examples" / "study.yaml"
    yield "energy_table", root / "examples" / "my_28nm.yaml"


@pytest.mark.parametrize(
    ("kind", "path"),
    [pytest.param(*each, id=each[1].stem if each[0] != "network" else each[1].parent.name) for each in files()],
)
def test_an_editor_accepts_what_hwsim_accepts(kind, path):
    schema = json.loads(schema_path(kind).read_text(encoding="utf-8"))
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert accepts(schema, document, schema)
    # and refuses an unknown key, a missing one, a wrong kind
    assert not accepts(schema, document | {"colour": "red"}, schema)
    assert not accepts(schema, {key: each for key, each in document.items() if key != "name"}, schema)
    assert not accepts(schema, document | {"name": 1}, schema)


def test_an_editor_completes_operations_and_units():
    schema = json.loads(schema_path("energy_table").read_text(encoding="utf-8"))
    assert schema["properties"]["unit"]["enum"] == ["pJ", "fJ", "nJ"]
    assert {"addition", "mac", "synaptic_operation"} <= set(schema["$defs"]["Entry"]["properties"]["operation"]["enum"])
