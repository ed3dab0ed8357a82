"""What is no plain file is refused unopened by everything that reads, and so is what promises more than it holds."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from special_files import SPECIAL

from hwsim.datasets import load_dataset
from hwsim.datasets.imagenet_sample import read_imagenet_sample
from hwsim.datasets.video import load_video
from hwsim.errors import DataError, FileError, HwsimError, harmless
from hwsim.files.plain_file import open_plain
from hwsim.files.strict_npz import ArrayFile
from hwsim.machine import load_machine
from hwsim.network_file import load_network
from hwsim.pricing.energy_table import load_table
from hwsim.study.study_file import load_study


def network_of(path, part):
    """A model folder of which one file is special."""
    path.rename(path.parent / part)
    other = {"network.yaml": "weights.npz", "weights.npz": "network.yaml"}[part]
    shipped = load_network_folder()
    (path.parent / other).write_bytes((shipped / other).read_bytes())
    return load_network(path.parent)


def load_network_folder():
    from hwsim.files.catalogue import network_path

    return network_path("digits-mlp")


def image_folder(path):
    (path.parent / "images").mkdir()
    path.rename(path.parent / "images" / "a.png")
    return load_dataset(path.parent / "images")


def sample(path):
    place = path.parent / "squeezenet" / "imagenet_sample_227"
    place.mkdir(parents=True)
    path.rename(place / "0004_n01484850.jpg")
    return read_imagenet_sample("imagenet-sample", "test", path.parent)


def cifar(path):
    (path.parent / "cifar-10").mkdir()
    path.rename(path.parent / "cifar-10" / "test_batch.bin")
    return load_dataset("cifar-10", folder=path.parent)


def onnx(path):
    path.rename(path.with_suffix(".onnx"))
    return load_network(path.with_suffix(".onnx"))


def npz(path):
    path.rename(path.with_suffix(".npz"))
    return load_dataset(path.with_suffix(".npz"))


READERS = {
    "any": open_plain,
    "npz": ArrayFile,
    "data": npz,
    "table": load_table,
    "machine": load_machine,
    "study": load_study,
    "description": lambda path: network_of(path, "network.yaml"),
    "weights": lambda path: network_of(path, "weights.npz"),
    "onnx": pytest.param(onnx, marks=pytest.mark.onnx),
    "images": pytest.param(image_folder, marks=pytest.mark.images),
    "sample": pytest.param(sample, marks=pytest.mark.images),
    "cifar": cifar,
    "video": pytest.param(load_video, marks=pytest.mark.video),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_is_no_plain_file_is_refused_unopened(tmp_path, read, kind):
    path = tmp_path / "in.yaml"
    SPECIAL[kind](path)
    with pytest.raises(HwsimError, match=r"no plain file|folder") as error:
        read(path)
    if kind != "a folder":  # which some take for something else, and say so
        assert f"is {kind}, no plain file; give a file" in str(error.value)


def test_a_plain_file_is_opened_with_its_size_also_by_a_link(tmp_path):
    (tmp_path / "plain").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("plain")
    for name in ("plain", "link"):
        file, size = open_plain(tmp_path / name)
        with file:
            assert (file.read(), size) == (b"hello", 5)
    with pytest.raises(FileError, match="is a symbolic link, no plain file"):
        open_plain(tmp_path / "link", follow=False)
    for name in ("none", "a\0b", "x" * 300):
        with pytest.raises(DataError, match="cannot be read"):
            open_plain(tmp_path / name, DataError)


# --- headers that promise more than there is


@contextmanager
def little_memory():
    """Show that what happens meanwhile asks for less than 64 MiB. (tracemalloc sees what numpy asks for)"""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def header(shape, dtype="<f4"):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": dtype, "fortran_order": False, "shape": shape})
    return member.getvalue()


def archive(path, member, name="inputs", claimed=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"{name}.npy", member)
    if claimed is not None:  # of the member's size, in the directory at the end
        content = bytearray(path.read_bytes())
        at = content.index(b"PK\x01\x02")
        content[at + 24 : at + 28] = struct.pack("<I", claimed)
        path.write_bytes(content)


@pytest.mark.parametrize("claimed", [None, 2**32 - 2], ids=["header", "header and directory"])
def test_an_array_that_its_file_cannot_hold(tmp_path, claimed):
    archive(tmp_path / "a.npz", header((2**15, 2**15)) + bytes(100), claimed=claimed)
    with little_memory(), pytest.raises(FileError, match=r"needs more than the [\d,]+ bytes there are"):
        load_dataset(tmp_path / "a.npz")


DAMAGED = {
    "open bracket": b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)",
    "no end of a text": b"{'descr': '<f4', 'fortran_order': False, 'shape: (3, 4)}",
    "brackets without end": b"(" * 9000,
    "signs without end": b"-" * 9000 + b"1",
    "odd indentation": b"  {'descr'\n : '<f4'\n}",
    "a zero byte": b"{'descr': '<f4', 'fortran\0_order': False, 'shape': (3, 4)}",
    "no text": b"\xff\xfe\xfd" * 9,
    "shape below zero": b"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4)}",
    "shape without end": b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b", 4)}",
    "no dtype": b"{'descr': ['<f4', (3,), {}], 'fortran_order': False, 'shape': (3, 4)}",
}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_header_that_numpy_chokes_on(tmp_path, text, version):
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    archive(tmp_path / "a.npz", b"\x93NUMPY" + bytes([version, 0]) + length + text + bytes(48))
    with pytest.raises(FileError, match=r"a\.npz: inputs: ") as error:
        load_dataset(tmp_path / "a.npz")
    assert "\n" not in str(error.value)


def test_a_header_of_any_length(tmp_path):
    length = 2**28
    archive(tmp_path / "a.npz", b"\x93NUMPY\x02\0" + struct.pack("<I", length) + bytes(length))
    assert (tmp_path / "a.npz").stat().st_size < 2**20
    with little_memory(), pytest.raises(FileError, match="damaged, or no array"):
        load_dataset(tmp_path / "a.npz")


def test_an_array_above_the_limit_of_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_MEMORY", "100M")
    archive(tmp_path / "a.npz", header((2**14, 2**11)) + bytes(2**27))
    with little_memory(), pytest.raises(FileError, match=r"inputs of shape \(16384, 2048\): needs 128.0 MiB of memory"):
        load_dataset(tmp_path / "a.npz")
    monkeypatch.setenv("HWSIM_MEMORY", "1G")
    assert load_dataset(tmp_path / "a.npz").shape == (2**11,)


def test_images_of_mnist_that_the_file_cannot_hold(tmp_path):
    (tmp_path / "mnist").mkdir()
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", 2**31, 2**10, 2**10) + bytes(99)))
    with little_memory(), pytest.raises(DataError, match=r"99 bytes after its header of 16; expected \[2147483648,"):
        load_dataset("mnist", folder=tmp_path)


@pytest.mark.images
def test_an_image_that_its_file_cannot_hold(tmp_path):
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    (tmp_path / "images").mkdir()
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0))
    lines = chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + start + lines)
    with little_memory(), pytest.raises(DataError, match="bytes cannot hold 9,000 by 9,000 pixels"):
        load_dataset(tmp_path / "images")


# --- names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\x07\x08\rb\x9b2J", r"a\x07\x08\rb\x9b2J"),
        ("left\u202eright", r"left\u202eright"),
        ("lone \udc80", r"lone \udc80"),
        ("Größe 8 m²\n\tµ", "Größe 8 m²\n\tµ"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(name, shown):
    assert harmless(name) == shown
    assert str(DataError(f"data set {name}: none")) == f"data set {shown}: none"


def test_names_of_data_and_networks_are_harmless(tmp_path):
    from dataclasses import replace

    paints = "\x1b]0;title\x07 name"
    data = replace(load_dataset("digits", frames=1), name=paints)
    network = replace(load_network("digits-mlp"), name=paints)
    assert data.name == network.name == r"\x1b]0;title\x07 name"
