"""What is written can be read; what could not be read is not written."""

import numpy as np
import pytest
import yaml

from hwsim.errors import FileError, HwsimError, NetworkError
from hwsim.files.strict_yaml import loader
from hwsim.network.graph import Network
from hwsim.network.layers import Dense, ReLU, Weight
from hwsim.network_file import load_network, save_network, schema


def network(layers, **about):
    """Of so many layers."""
    dense = Dense("first", terms=(Weight(np.ones((2, 2), np.float32)),))
    return Network("many", (2,), (dense, *(ReLU(f"relu{k}") for k in range(layers - 1))), about=about)


def test_a_description_of_many_layers_is_read_again(tmp_path):
    """One of more than 64,000 bytes, as networks of a hundred convolutions have."""
    made = network(2500)
    save_network(made, tmp_path / "many")
    assert (tmp_path / "many" / "network.yaml").stat().st_size > 64_000
    assert load_network(tmp_path / "many") == made


def test_more_layers_than_are_read_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "MOST_LAYERS", 3)
    monkeypatch.setattr("hwsim.network_file.writing.MOST_LAYERS", 3)
    schema._description_of.cache_clear()
    save_network(network(3), tmp_path / "three")
    with pytest.raises(NetworkError, match="network many: 4 layers; a model folder holds 3"):
        save_network(network(4), tmp_path / "four")
    assert not (tmp_path / "four").exists()
    path = tmp_path / "three" / "network.yaml"
    path.write_text(f"{path.read_text()}- name: fourth\n  type: relu\n")
    with pytest.raises(FileError, match="layers: expected at most 3 items, got 4"):
        load_network(tmp_path / "three")
    schema._description_of.cache_clear()


def nested(depth):
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"deep": nested(60)}, "more than 40 lists and mappings inside one another"),
        ({"large": 10**500}, "a number of 501 digits; write at most 400"),
        ({"said": "a bell \x07"}, "text with control characters; take them out"),
        ({"said": "half a \ud800 character"}, "text with control characters; take them out"),
    ],
)
def test_what_could_not_be_read_is_not_written(about, said, tmp_path):
    with pytest.raises(HwsimError, match=said):
        save_network(network(2, **about), tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "text",
    [
        "1e-12",
        "010",
        "1:30",
        "=",
        "<<",
        "~",
        "no",
        "2020-01-02",
        " a: b # c",
        "é\n\t",
        "- |",
        "'",
    ],
)
def test_any_text_is_read_as_it_was(text, tmp_path):
    save_network(network(2, said=text, parts={"list": [text, [text]]}), tmp_path / "made")
    assert load_network(tmp_path / "made").about == {"said": text, "parts": {"list": [text, [text]]}}


@pytest.mark.parametrize(
    "name", ["a/b", "../up", "a.weight", "weight0", "1e-12", "no", "file", "層", "a" * 900, "a:b*?"]
)
def test_any_layer_name_that_is_taken_is_read_as_it_was(name, tmp_path):
    made = Network("named", (2,), (Dense(name, terms=(Weight(np.ones((2, 2), np.float32)),)),))
    save_network(made, tmp_path / "made")
    assert load_network(tmp_path / "made").layers[0].name == name


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[31m", "half \ud800", "a\\b", "a" * 1001, "a\u2028b"])
def test_layer_names_that_no_file_holds_are_refused_at_once(name):
    with pytest.raises(NetworkError, match=r"layer name .*: no file can hold it; write up to 1,000 printed characters"):
        Network("named", (2,), (ReLU(name),))


def test_what_takes_too_long_to_read_is_refused(tmp_path, monkeypatch):
    save_network(network(2), tmp_path / "made")
    monkeypatch.setattr(loader, "LONGEST", -1.0)
    with pytest.raises(FileError, match=r"network\.yaml:1: the file up to here takes -1 s to read; no file of hwsim's"):
        load_network(tmp_path / "made")
    with pytest.raises(FileError, match="takes -1 s to read"):
        save_network(network(2), tmp_path / "other")
    assert yaml.safe_load((tmp_path / "made" / "network.yaml").read_text())["name"] == "many"
