"""A layer that no file of the package knows: its class and one pair are all that an ONNX file needs."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Dense, ElementWise, Quantize, ReLU, Weight, Wrap
from hwsim.network.number_format import integer
from hwsim.network.signals import real_signal
from hwsim.onnx_file import read_onnx, reads, write_onnx, writes
from hwsim.onnx_file.element_types import MICROSOFT
from hwsim.onnx_file.pairs import QONNX, operators

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.onnx

DOMAIN = "org.example.curves"


@dataclass(frozen=True, eq=False)
class Squash(ElementWise):
    """x / (width + abs(x))."""

    width: float = 1.0

    def signal(self, *source):
        """Real numbers."""
        return real_signal(*source)


class NarrowSquash(Squash):
    """One whose pair is that of its base."""


@reads("Squash", domain=DOMAIN)
def squash(builder, node):
    """The layer, behind what the node reads."""
    return builder.waiting(builder.tensor(node, 0), Squash(node.name, width=node.attributes["width"]))


@writes(Squash)
def squash_nodes(nodes, layer):
    """One node of its own domain."""
    return nodes.single("Squash", layer, domain=DOMAIN, width=layer.width)


def network_of(layer, quantizer=()):
    """A Dense layer, one behind it, and another Dense layer."""
    rng = np.random.default_rng(5)
    format = integer(4) if quantizer else None

    def dense(name, *shape):
        codes = rng.integers(-7, 8, shape).astype(np.float32)
        return Dense(name, terms=Weight(codes, format) if format else Weight(codes + np.float32(0.3)))

    return Network("own", (5,), (*quantizer, dense("first", 5, 4), layer, dense("last", 4, 3)))


def test_written_and_read(tmp_path):
    network = network_of(Squash("curve", width=2.5))
    assert write_onnx(network, tmp_path / "own.onnx") == "ONNX, 3 nodes, opset 13"
    back = read_onnx(tmp_path / "own.onnx")
    assert [type(layer) for layer in back.layers] == [Dense, Squash, Dense]
    assert back.layers[1].width == 2.5
    model = onnx.load(tmp_path / "own.onnx")
    assert {each.domain: each.version for each in model.opset_import} == {"": 13, DOMAIN: 1}


def test_of_codes(tmp_path):
    # it does not say that it rises or falls, so that no quantizer may take it over
    network = network_of(Squash("curve", width=2.0), (Quantize("codes", scale=4.0, rounding="half_even"),))
    again = (*network.layers[:3], Quantize("again", scale=8.0, rounding="half_even"), network.layers[3])
    network = replace(network, layers=tuple(replace(layer, inputs=()) for layer in again))
    write_onnx(network, tmp_path / "own.onnx")
    back = read_onnx(tmp_path / "own.onnx")
    assert [type(layer) for layer in back.layers] == [Quantize, Dense, Squash, Quantize, Dense]
    assert not back.signals[back.layers[1].name].format.is_real


def test_class_below(tmp_path):
    write_onnx(network_of(NarrowSquash("curve", width=0.5)), tmp_path / "own.onnx")
    assert read_onnx(tmp_path / "own.onnx").layers[1].width == 0.5


def test_layer_without_a_pair(tmp_path):
    @dataclass(frozen=True, eq=False)
    class Pairless(ElementWise):
        def signal(self, *source):
            return real_signal(*source)

    with pytest.raises(
        NetworkError, match=r"^network own: layer curve has no equivalent in plain ONNX: a Pairless has"
    ):
        write_onnx(network_of(Pairless("curve")), tmp_path / "own.onnx")
    with pytest.raises(NetworkError, match=r"layer curve has no equivalent in QONNX: a Wrap has none$"):
        write_onnx(network_of(Wrap("curve", bit_width=16), (Quantize("codes"),)), tmp_path / "own.onnx")


def test_what_is_taken():
    def another(*_):
        raise NotImplementedError

    with pytest.raises(ValueError, match=r"^operator Quant of domain 'finn': .* reads it already$"):
        reads("Quant", domain="finn")(another)
    with pytest.raises(ValueError, match=r"^layer class ReLU: .* writes it already$"):
        writes(ReLU)(another)


def test_documented():
    """The first table of docs/onnx.md names every operator that the package reads, and those that are left out."""
    document = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
    table = document.split("## What becomes what")[1].split("\n\n")[1].splitlines()[2:]
    named = {name for row in table for name in re.findall(r"[A-Z]\w+", re.sub(r"\(.*?\)", "", row.split("|")[1]))}
    own = {key for key, reader in operators().items() if reader.read.__module__.startswith("hwsim.")}
    assert named == {operator for domain, operator in own if domain in ("", MICROSOFT, QONNX)} | {"ArgMax", "TopK"}
