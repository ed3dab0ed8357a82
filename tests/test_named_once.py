"""In how many files of the package a layer's name stands: a layer is declared once, and registered where it is served.

A name stands in a file as the class, or as a word of its own in quotes (`relu`, `max-pool`, `MaxPool2d`).
"""

import ast
import re
from pathlib import Path

import pytest

from hwsim.network.layers import ElementWise
from hwsim.network.layers.layer import shipped_layer_types

PACKAGE = Path(__file__).parents[1] / "hwsim"

ELEMENTWISE, STRUCTURAL = 3, 5
"""The class, its ONNX pair and a compiled step; beside those a head, and one more."""

BUILDING = {
    # what conversions put into networks, take out of them, or look for because it changes what may be done
    "add": 17,
    "affine": 21,
    "avgpool2d": 9,
    "concat": 7,
    "conv2d": 15,
    "dense": 9,
    "flatten": 17,
    "globalavgpool": 9,
    "hardtanh": 13,
    "maxpool2d": 11,
    "multithreshold": 13,
    "pad2d": 6,
    "quantize": 19,
    "rearrange": 8,
    "relu": 16,
    "sign": 10,
    "softmax": 6,
}
"""Layers that stand in more files than that, most of them in `convert`, `train` and the patterns of `onnx_file`, which
make networks of these layers: the numbers may fall, not rise."""


def files_that_name(layer):
    return {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if layer.__name__ in named(path)}


def named(path, _known={}):  # noqa: B006
    """Class names of layers that stand in a file."""
    if path not in _known:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _known[path] = {layer for node in ast.walk(tree) if (layer := SPELLED.get(word(node)))}
    return _known[path]


def spellings(layer):
    """In quotes: MaxPool2d, maxpool2d, max-pool."""
    dashed = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", layer.__name__.removesuffix("2d")).lower()
    return {f"'{word}'" for word in {layer.__name__, layer.__name__.lower(), dashed} - AMBIGUOUS}


AMBIGUOUS = {"dense", "multiply", "add", "sign", "pad"}
"""Words that mean something else as well: an execution, an operation, a number's sign."""


def word(node):
    """What a node names, with quotes if it is text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.alias):
        return node.name.rpartition(".")[2]
    return repr(node.value) if isinstance(node, ast.Constant) else None


LAYERS = tuple(shipped_layer_types().values())
SPELLED = {each: layer.__name__ for layer in LAYERS for each in {layer.__name__, *spellings(layer)}}


def test_it_sees_something():
    assert "network/layers/curves.py" in files_that_name(shipped_layer_types()["elu"])
    assert len(LAYERS) > 20


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_a_layer_is_named_in_few_files(layer):
    most = BUILDING.get(layer.__name__.lower(), ELEMENTWISE if issubclass(layer, ElementWise) else STRUCTURAL)
    found = files_that_name(layer)
    assert len(found) <= most, sorted(found)


def test_exceptions_are_as_low_as_they_have_got():
    lower = {name: len(files_that_name(shipped_layer_types()[name])) for name in BUILDING}
    assert lower == BUILDING, "write the numbers that stand here now"
