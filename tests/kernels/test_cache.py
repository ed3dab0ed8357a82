"""Compiled kernels that are kept: found again, told when damaged, done without where nothing can be written."""

import errno
import importlib.util
import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from hwsim.kernels import cache

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

SOURCE = """
from hwsim.kernels.compile import kernel


@kernel
def weighted(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@kernel
def rising(a):
    for i in range(1, a.shape[0]):
        if a[i] < a[i - 1]:
            return False
    return True
"""

NUMBER = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where kernels are kept meanwhile, and a file with two."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    (tmp_path / "two_kernels.py").write_text(SOURCE)
    cache.say_once.cache_clear()
    return tmp_path


def run(folder):
    """Read the kernels as a new process would, and call one of them; whether it was found."""
    spec = importlib.util.spec_from_file_location(f"two_kernels_{next(NUMBER)}", folder / "two_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.weighted(np.arange(4.0), np.array([1.0, 2, 3, 4])) == 20
    hits, misses = (sum(each.values()) for each in module.weighted.stats[1:])
    assert hits + misses == 1
    return bool(hits)


def kept(folder, kind="kernel"):
    return sorted((folder / "kept").rglob(f"*.{kind}"))


def test_a_kernel_is_found_again(folder):
    assert not run(folder)
    assert len(kept(folder)) == 1
    assert run(folder)
    assert len(list((folder / "kept").rglob("*.*"))) == 1


@pytest.mark.parametrize("damage", ["empty", "cut", "longer", "first bit", "last bit", "bit in the middle", "other"])
def test_a_damaged_one_is_set_aside_and_compiled_anew(folder, caplog, damage):
    run(folder)
    (path,) = kept(folder)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[{"first bit": 0, "last bit": -1}.get(damage, len(whole) // 2)] ^= 1
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "longer": whole + b"\0", "other": bytes(len(whole))}
    path.write_bytes(content.get(damage, bytes(flipped)))
    assert not run(folder)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "damaged compiled kernels; set aside as *.damaged, and compiled anew" in caplog.text
    assert [each.read_bytes() for each in kept(folder, "damaged")] == [content.get(damage, bytes(flipped))]
    assert path.read_bytes()[32:]  # there again
    caplog.clear()
    assert run(folder)
    assert not caplog.records


def test_many_damaged_ones_are_one_line(folder, caplog):
    for _ in range(3):
        run(folder)
        for path in kept(folder):
            path.write_bytes(b"no kernel")
    assert not run(folder)
    assert len(caplog.records) == 1


def test_what_belongs_to_another_key_is_not_taken(folder, monkeypatch):
    run(folder)
    (path,) = kept(folder)
    content = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(numba, "__version__", "0.1")
    run(folder)
    (other,) = kept(folder)
    assert other.name != path.name
    other.write_bytes(content)  # of this version, under the name of that one
    assert not run(folder)
    assert kept(folder, "damaged")


def test_another_version_and_edited_kernels_are_compiled_without_a_word(folder, monkeypatch, caplog):
    run(folder)
    with monkeypatch.context() as patch:
        patch.setattr(numba, "__version__", "0.1")
        assert not run(folder)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_digest_of_sources", lambda: "edited")
        assert not run(folder)
    assert run(folder)
    assert not caplog.records


def test_nothing_can_be_written(folder, monkeypatch, caplog):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/dev/null/nowhere")
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")  # nor beside the file
    assert not run(folder)
    assert not run(folder)
    assert len(caplog.records) == 1
    assert "no folder can be written where compiled kernels are kept; every process compiles them anew" in caplog.text


def test_the_disk_is_full(folder, monkeypatch, caplog):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert not run(folder)
        assert not run(folder)
    assert len(caplog.records) == 1
    assert "compiled kernels cannot be kept (No space left on device)" in caplog.text
    assert not run(folder)
    assert run(folder)


def test_the_line_is_one_line_of_stderr(folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": "/dev/null/nowhere"}
    environment["NUMBA_CACHE_LOCATOR_CLASSES"] = "UserProvidedCacheLocator"
    command = "import two_kernels; print(two_kernels.rising.py_func.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "rising\n"
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("hwsim: no folder can be written")


def test_four_processes_at_once(folder):
    command = (
        "import numpy as np, two_kernels as k; a = np.arange(5.0); f = a.astype(np.float32)\n"
        "print(k.weighted(a, a), k.weighted(f, f), k.rising(a), k.rising(-f))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kept")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for each in started:
        assert each.communicate(timeout=120) == (b"30.0 30.0 True False\n", b"")
    assert len(kept(folder)) == 4
    assert len(list((folder / "kept").rglob("*.*"))) == 4
    before = [path.stat().st_mtime_ns for path in kept(folder)]
    assert subprocess.run([sys.executable, "-c", command], cwd=folder, env=environment, check=True).returncode == 0
    assert [path.stat().st_mtime_ns for path in kept(folder)] == before
