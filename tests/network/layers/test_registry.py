"""The registry of layers: who is in it, who is not, and the public names that are made from it."""

import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

import hwsim
from hwsim.errors import NetworkError
from hwsim.network import layers
from hwsim.network.layers import ElementWise, Layer, ReLU
from hwsim.network.layers.layer import layer_types, shipped_layer_types

ROOT = pathlib.Path(__file__).parents[3]


def test_a_class_statement_registers_a_layer():
    @dataclass(frozen=True, eq=False)
    class Registered(ElementWise):
        factor: float = 1.0

    assert layer_types()["registered"] is Registered
    assert "registered" not in shipped_layer_types()
    assert list(layer_types()) == sorted(layer_types())


def test_a_base_of_layers_is_none():
    class SomeBase(Layer, abstract=True):
        pass

    class OfABase(SomeBase):
        pass

    assert "somebase" not in layer_types()
    assert layer_types()["ofabase"] is OfABase
    bases = {"layer", "elementwise", "joining", "pairing", "pool2d", "synaptic"}
    assert not bases & layer_types().keys()


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(NetworkError, match=r"RELU: there is a layer of the name 'relu', hwsim\.network.*piecewise"):
        type("RELU", (ElementWise,), {})
    assert layer_types()["relu"] is ReLU


def test_a_statement_that_is_run_again_makes_the_layer_anew():
    def statement():
        class Again(ElementWise):
            pass

        return Again

    first, second = statement(), statement()
    assert first is not second
    assert layer_types()["again"] is second


def test_public_names_are_those_of_the_registry():
    for layer in shipped_layer_types().values():
        assert getattr(hwsim, layer.__name__) is layer
        assert getattr(layers, layer.__name__) is layer
        assert {layer.__name__} <= set(hwsim.__all__) & set(dir(hwsim)) & set(layers.__all__)
    assert hwsim.__all__ == sorted(hwsim.__all__, key=lambda name: (name != "__version__", name))
    assert all(getattr(hwsim, name) is not None for name in hwsim.__all__ if name != "from_torch")
    assert all(getattr(layers, name) is not None for name in layers.__all__)
    for name in ("Nothing", "nothing", "ElementWise"):
        with pytest.raises(AttributeError, match=f"module 'hwsim' has no attribute '{name}'"):
            getattr(hwsim, name)


def test_a_layer_of_someone_elses_is_no_public_name():
    class Elsewhere(ElementWise):
        pass

    assert not hasattr(hwsim, "Elsewhere")
    assert "Elsewhere" not in hwsim.__all__


def test_importing_hwsim_loads_no_layer():
    code = "import sys, hwsim; print(sorted(name for name in sys.modules if name in ('numpy', 'hwsim.network')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readme_names_every_layer():
    paragraph = re.search(r"\*\*Networks\*\* are graphs of.*?```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    words = set(re.findall(r"\w+", paragraph[0]))
    assert {layer.__name__ for layer in shipped_layer_types().values()} <= words
