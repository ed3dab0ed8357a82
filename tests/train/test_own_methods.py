"""A method of one's own: declared in one statement, known by its name from then on."""

import inspect

import numpy as np
import pytest

from hwsim.__main__ import main
from hwsim.commands.train import command
from hwsim.convert.declared import Option
from hwsim.errors import HwsimError, UnknownNameError
from hwsim.network.layers import Synaptic
from hwsim.network.number_format import NumberFormat
from hwsim.network_file import load_network
from hwsim.train import TrainingError
from hwsim.train.method_table import method_table
from hwsim.train.methods import METHODS, Method, method_of
from hwsim.train.recipe import LOSS_AWARE

TERNARY = NumberFormat.parse("ternary")


def make_weight(unit, recipe, options, latent):
    from hwsim.train.quantizer import Term, WeightQuantizer

    class Fixed(WeightQuantizer):
        reach = 1.0

        def terms(self, latent):
            code = (latent.detach().abs() > options["threshold"] / 100) * latent.detach().sign()
            return (Term(code.numpy().astype(np.int8), TERNARY, 0.1),)

    return Fixed()


def declare(**changes):
    given = {
        "name": "fixed-ternary",
        "sentence": "ternary weights by a fixed threshold",
        "paper": "nobody's",
        "format": "ternary, one scale",
        "recipe": LOSS_AWARE,
        "options": (Option("threshold", "hundredths.", int, 5, least=1, most=50),),
        "quantizer": make_weight,
    }
    return Method(**(given | changes))


@pytest.fixture(autouse=True)
def _package_alone():
    """Let what a test declares be gone after it."""
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


@pytest.mark.torch
def test_it_is_trained_by_its_name(tmp_path):
    from hwsim.train.folder import train_to_folder

    declare()
    out = tmp_path / "own"
    (network,) = train_to_folder("fixed-ternary", "digits", "64-16-10", out, epochs=1, threshold=6, batch_size=20)
    assert load_network(out) == network
    (first, second) = [layer.terms[0] for layer in network.layers if isinstance(layer, Synaptic)]
    assert {first.format.name, second.format.name} == {"ternary"}
    assert float(first.scale) == pytest.approx(0.1)
    assert network.about["options"] == {"threshold": 6}
    assert network.about["method"] == "ternary weights by a fixed threshold"
    assert network.about["accuracy"]["percent"] > 50


def test_it_is_among_all_others():
    own = declare()
    assert method_of("fixed-ternary") is own
    assert "| `fixed-ternary` | ternary weights by a fixed threshold | ternary, one scale | `--threshold` |" in (
        method_table().splitlines()
    )
    parameters = inspect.signature(command()).parameters
    assert parameters["threshold"].annotation.__metadata__[0].help == "fixed-ternary (1 to 50): hundredths."
    assert "fixed-ternary" in parameters["method"].annotation.__metadata__[0].help
    with pytest.raises(UnknownNameError, match="did you mean fixed-ternary"):
        method_of("fixd-ternary")


def test_what_it_is_told_is_checked():
    own = declare()
    assert own.given({}) == {"threshold": 5}
    with pytest.raises(TrainingError, match="method fixed-ternary: threshold 51; write 1 to 50"):
        own.given({"threshold": 51})
    with pytest.raises(TrainingError, match="method fixed-ternary has no option bit-width; it has: threshold"):
        own.given({"bit_width": 3})


def test_no_two_have_one_name():
    with pytest.raises(HwsimError, match="training method 'lat': there is one of this name; give yours another"):
        declare(name="lat")
    assert METHODS["lat"].quantizer is not make_weight


def test_no_two_have_options_of_one_name_and_two_types():
    declare(options=(Option("bit_width", "bits."),))
    with pytest.raises(HwsimError, match="option bit-width of method fixed-ternary: another method has another"):
        command()


@pytest.mark.parametrize("name", ["epochs", "mean"])
def test_the_command_keeps_its_own_options(name):
    declare(options=(Option(name, "another."),))
    with pytest.raises(HwsimError, match=f"option {name} of method fixed-ternary: the command has one of this name"):
        command()


@pytest.mark.parametrize("name", ["mlp", "scales"])
def test_a_method_that_could_not_be_reached_is_refused(name, monkeypatch, capsys):
    declare(name=name)
    monkeypatch.setattr("sys.argv", ["hwsim", "train", name, "--help"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert f"method '{name}': there is" in capsys.readouterr().err
