"""Layers that no file of the package knows stand in model folders as its own do, if somebody loads their module."""

import math
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from hwsim.errors import FileError, HwsimError, NetworkError
from hwsim.files.plugins import PLUGINS, load_plugins, name_plugins
from hwsim.network.graph import Network
from hwsim.network.layers import ElementWise, Layer
from hwsim.network.layers.file_forms import OPTIONAL, SILENT, Array, Limit, PerChannel
from hwsim.network.layers.window import Pair, pair
from hwsim.network.signals import real_signal
from hwsim.network_file import load_network, save_network

HWSIM = pathlib.Path(sys.executable).with_name("hwsim")


@dataclass(frozen=True, eq=False)
class Cubed(ElementWise):
    """factor times x to the third."""

    factor: float = 1.0

    def signal(self, *source):
        return real_signal(*source)


@dataclass(frozen=True, eq=False)
class Mosaic(Layer):
    """Looks as if it moved images about: a field of each form."""

    tile: Pair = 1
    limit: Annotated[float, Limit(math.inf)] = 1.0
    mode: Literal["wrap", "drop"] = field(default="wrap", metadata=OPTIONAL)
    gain: PerChannel = 1.0
    quiet: PerChannel | None = field(default=None, metadata=SILENT)
    table: Annotated[npt.ArrayLike, Array(2, shape_key="table_shape")] = ()
    order: tuple[int, ...] = ()
    most: int | None = 3

    def __post_init__(self):
        object.__setattr__(self, "tile", pair(self.tile, "tile"))

    def signal(self, *source):
        return replace(real_signal(*source), shape=source[0].shape)


def own_network(**changes):
    table = np.arange(6.0).reshape(2, 3)
    mosaic = Mosaic("mosaic", tile=2, limit=math.inf, gain=np.array([0.5, 2.0]), table=table, most=None)
    return Network("own", (2, 4, 4), (Cubed("cube", factor=0.5), replace(mosaic, **changes)))


@pytest.fixture
def folder(tmp_path):
    save_network(own_network(), tmp_path / "own")
    return tmp_path / "own"


def edit(folder, old, new):
    path = folder / "network.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def error_of(folder):
    with pytest.raises(HwsimError) as caught:
        load_network(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "changes", [{}, {"limit": 2.5, "mode": "drop", "gain": 3.0, "quiet": np.array([1.0, 2.0]), "order": (1, 0)}]
)
def test_what_is_saved_is_loaded(tmp_path, changes):
    network = own_network(**changes)
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    assert again == network
    assert [type(layer) for layer in again.layers] == [Cubed, Mosaic]
    assert again.layers[1].limit == network.layers[1].limit
    assert again.layers[1].most is None


def test_fields_stand_where_their_types_say(folder):
    cube, mosaic = yaml.safe_load((folder / "network.yaml").read_text())["layers"]
    assert cube == {"name": "cube", "type": "cubed", "factor": 0.5}
    assert mosaic == {
        "name": "mosaic", "type": "mosaic", "gain": "per-channel", "table_shape": [2, 3], "tile": [2, 2],
        "limit": "none", "mode": "wrap", "most": None,
    }  # fmt: skip
    with np.load(folder / "weights.npz") as arrays:
        assert set(arrays) == {"mosaic.gain", "mosaic.table"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("factor: 0.5", "factr: 0.5", "layers.0.factr: unknown key; did you mean factor? (and 1 more)"),
        (
            "factor: 0.5",
            "factor: 0.5\n  tile: [1, 1]",
            "layers.0.tile: unknown key; take it out, or write one of factor, inputs, name, type",
        ),
        ("factor: 0.5", "factor: half", "layers.0.factor: expected a valid number, got text 'half'"),
        ("\n  factor: 0.5", "", "layers.0.cubed.factor: missing; add `factor: ...`"),
        ("tile: [2, 2]", "tile: 2", "layers.1.tile: expected a valid list, got 2"),
        ("tile: [2, 2]", "tile: [0, 2]", "layer mosaic: tile (0, 2); expected a whole number from 1"),
        ("mode: wrap", "mode: warp", "layers.1.mode: expected 'wrap' or 'drop', got 'warp'"),
        ("table_shape: [2, 3]", "table_shape: [3, 2]", "mosaic.table: shape (2, 3); expected shape (3, 2), float64"),
        ("type: cubed", "type: cub", "unknown layer type 'cub'; write type: and one of add, "),
    ],
)
def test_a_wrong_field_is_one_clear_line(folder, old, new, expected):
    edit(folder, old, new)
    assert expected in error_of(folder)


def test_what_is_optional_may_be_missing(folder):
    edit(folder, "  mode: wrap\n", "")
    edit(folder, "  most: null\n", "  most: 3\n")
    assert load_network(folder) == own_network(most=3)


def test_layers_that_files_cannot_hold_say_so_and_are_in_no_other_layers_way(folder, tmp_path):
    @dataclass(frozen=True, eq=False)
    class Mapped(ElementWise):
        by: dict[str, Any] = field(default_factory=dict)

        def signal(self, *source):
            return source[0]

    @dataclass(frozen=True, eq=False)
    class Typed(ElementWise):
        type: int = 1

        def signal(self, *source):
            return source[0]

    class Forgotten(ElementWise):
        factor: float = 1.0

    load_network(folder)
    for layer, expected in (
        (Mapped("mapped"), r"Mapped: field by: files hold no dict.*; take bool, int"),
        (Typed("typed"), "Typed: the key type is taken in files; name its field otherwise"),
    ):
        with pytest.raises(NetworkError, match=expected):
            save_network(Network("bad", (2,), (layer,)), tmp_path / "bad")
    edit(folder, "type: cubed", "type: forgotten")
    assert "layers.0: layer" in error_of(folder)
    assert "Forgotten: write @dataclass(frozen=True, eq=False) above the class" in error_of(folder)


def test_a_base_cannot_be_written(tmp_path):
    class Base(Cubed, abstract=True):
        pass

    with pytest.raises(NetworkError, match="layer base: a Base cannot be written; only add, "):
        save_network(Network("bad", (2,), (Base("base"),)), tmp_path)


# --- modules that are named


def show(folder, *options, **environment):
    """``hwsim network show`` in a process that has not seen this file, but could import it."""
    here = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [HWSIM, *options, "network", "show", folder],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_a_module_that_is_named_brings_its_layers(folder):
    for done in (
        show(folder, "--plugin", "test_own_layers_in_files"),
        show(folder, **{PLUGINS: "json, test_own_layers_in_files"}),
    ):
        assert (done.returncode, done.stderr) == (0, "")
        assert "mosaic" in done.stdout
    refused = show(folder)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "layers.0: unknown layer type 'cubed'; write type: and one of add, affine, " in refused.stderr
    assert "wrap; one of your own needs its module: hwsim --plugin MODULE, or HWSIM_PLUGINS" in refused.stderr


def test_a_module_that_cannot_be_imported_is_one_line(folder):
    done = show(folder, "--plugin", "json", "--plugin", "no_such_module")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hwsim: plugin no_such_module, which --plugin or HWSIM_PLUGINS names, cannot be ")
    assert done.stderr.count("\n") == 1


def test_modules_are_loaded_when_a_folder_needs_them(folder, tmp_path, monkeypatch):
    (tmp_path / "needed_layers.py").write_text(
        "from dataclasses import dataclass\n"
        "from hwsim.network.layers import ReLU\n\n\n"
        "@dataclass(frozen=True, eq=False)\n"
        "class Needed(ReLU):\n"
        "    factor: float = 1.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(PLUGINS, "needed_layers")
    load_network(folder)
    assert "needed_layers" not in sys.modules
    edit(folder, "type: cubed", "type: needed")
    assert type(load_network(folder).layers[0]).__name__ == "Needed"


@pytest.mark.parametrize("text", ["raise RuntimeError('not\\ntoday')", "raise SystemExit(3)", "import no_such_module"])
def test_a_module_that_raises_is_one_error(folder, tmp_path, monkeypatch, text):
    (tmp_path / "broken_layers.py").write_text(text + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(PLUGINS, "broken_layers")
    edit(folder, "type: cubed", "type: unheard")
    message = error_of(folder)
    assert message.startswith("plugin broken_layers, which --plugin or HWSIM_PLUGINS names, cannot be imported (")
    with pytest.raises(HwsimError, match="plugin broken_layers"):
        load_plugins()


def test_an_installed_package_names_its_modules(tmp_path, monkeypatch):
    (tmp_path / "installed_layers.py").write_text("raise ValueError('half')\n")
    information = tmp_path / "package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: package\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[hwsim.plugins]\nlayers = installed_layers\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HwsimError, match="plugin installed_layers, which the entry point layers of package names"):
        load_plugins()
    (tmp_path / "installed_layers.py").write_text("loaded = True\n")
    load_plugins()
    assert sys.modules["installed_layers"].loaded


def test_modules_are_named_once_for_this_process_and_its_children(monkeypatch):
    monkeypatch.setenv(PLUGINS, "one, two")
    name_plugins(["two", "three"])
    assert os.environ[PLUGINS] == "one,two,three"


def test_a_model_folder_names_no_module(folder):
    edit(folder, "schema: 1", "schema: 1\nplugins: [json]")
    with pytest.raises(FileError, match="plugins: unknown key"):
        load_network(folder)
