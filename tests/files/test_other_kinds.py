"""Files of other tools: what they are, and the command that converts them."""

import zipfile

import numpy as np
import pytest

from hwsim.errors import DataError, FileError
from hwsim.files.other_kinds import other_kind, refuse_other_kind

HDF5 = bytes([0x89]) + b"HDF\r\n" + bytes([0x1A]) + b"\n"


def archive(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "")


def told(path):
    with pytest.raises(FileError) as error:
        refuse_other_kind(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model"])
def test_a_lite_model_is_told_by_its_content(tmp_path, name):
    (tmp_path / name).write_bytes(bytes([28, 0, 0, 0]) + b"TFL3" + bytes(100))
    made = tmp_path / "model.onnx"
    assert f"a TensorFlow Lite model; convert it: python -m tf2onnx.convert --tflite {tmp_path / name}" in told(
        tmp_path / name
    )
    assert told(tmp_path / name).endswith(f"--output {made}")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.h5", "an HDF5 file, as Keras writes models; convert it: python -c"),
        ("a.hdf5", "an HDF5 file, as Keras writes models; convert it: python -c"),
        ("a.nir", "a NIR graph (neuromorphic intermediate representation); it is not read yet; export the network as"),
        ("a.net", "a network of Lava; it is not read yet; export the network as ONNX"),
    ],
)
def test_hdf5_files_are_told_by_content_and_name(tmp_path, name, what):
    (tmp_path / name).write_bytes(HDF5 + bytes(100))
    assert what in told(tmp_path / name)
    (tmp_path / name).write_bytes(bytes(100))
    assert other_kind(tmp_path / name) is None


def test_archives_are_told_by_what_is_in_them(tmp_path):
    archive(tmp_path / "a.keras", "metadata.json", "config.json", "model.weights.h5")
    assert "a Keras model; convert it: python -c" in told(tmp_path / "a.keras")
    np.savez(tmp_path / "a.npz", inputs=np.zeros(3))
    archive(tmp_path / "a.zip", "notes.txt")
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04" + bytes(10))
    for each in ("a.npz", "a.zip", "half.zip", "nowhere"):
        assert other_kind(tmp_path / each) is None


def test_commands_take_any_name(tmp_path):
    (tmp_path / "my $(model).h5").write_bytes(HDF5)
    assert f"'{tmp_path / 'my $(model).h5'}' '{tmp_path / 'my $(model).onnx'}'" in told(tmp_path / "my $(model).h5")


@pytest.mark.torch
def test_what_torch_writes(tmp_path):
    import torch

    model = torch.nn.Linear(4, 3)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.save(model, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.export.save(torch.export.export(model, (torch.zeros(1, 4),)), tmp_path / "program.pt2")
    pickled = "weights or a model of PyTorch, as a pickle, which is never loaded; convert it in Python: torch.onnx"
    assert pickled in told(tmp_path / "weights.pt")
    assert pickled in told(tmp_path / "old.pth")
    assert "an exported program of PyTorch; convert it: python -c" in told(tmp_path / "program.pt2")
    archive(tmp_path / "script.pt", "script/data.pkl", "script/code/__torch__/net.py", "script/constants.pkl")
    assert "a TorchScript model; convert it in Python: torch.onnx.export(" in told(tmp_path / "script.pt")


def test_the_error_is_of_the_kind_that_is_asked_for(tmp_path):
    (tmp_path / "a.nir").write_bytes(HDF5)
    with pytest.raises(DataError, match="a NIR graph"):
        refuse_other_kind(tmp_path / "a.nir", DataError)
