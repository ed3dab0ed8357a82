"""A model folder while it is written to: readers, other writers and who comes after find one network, whole."""

import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import steps

from hwsim.errors import FileError
from hwsim.files import whole
from hwsim.files.alone import alone
from hwsim.network.graph import Network
from hwsim.network.layers import Dense, Weight
from hwsim.network_file import load_network, save_network, writing

FILES = ("network.yaml", "weights.npz")


def network(number):
    """One whose every weight is a number, as its name says."""
    sizes = ((20, 30), (30, 3))
    layers = [Dense(f"dense{k}", terms=(Weight(np.full(size, number, np.float32)),)) for k, size in enumerate(sizes)]
    return Network(f"all-{number}", (20,), tuple(layers))


def number_of(folder):
    """The number that all weights of a folder's network are; it is shown that they are one network's."""
    found = load_network(folder)
    (number,) = {float(code) for layer in found.layers for code in layer.terms[0].code.flat}
    assert found.name == f"all-{number:.0f}"
    return number


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def folder(tmp_path):
    save_network(network(1), tmp_path / "folder")
    return tmp_path / "folder"


def test_arrays_of_another_network_are_refused(folder, tmp_path):
    save_network(network(2), tmp_path / "other")
    (folder / "weights.npz").write_bytes((tmp_path / "other" / "weights.npz").read_bytes())
    with pytest.raises(FileError, match=r"weights\.npz: other arrays than network\.yaml was written with; take both"):
        load_network(folder)


def test_a_folder_that_names_no_arrays_is_read_and_names_them_when_saved(folder):
    path = folder / "network.yaml"
    stated = path.read_text()
    assert re.search("\narrays: sha256:[0-9a-f]{64}\n", stated)
    path.write_text(re.sub("\narrays: .*", "", stated))
    assert number_of(folder) == 1
    save_network(load_network(folder), folder, force=True)
    assert path.read_text() == stated


def test_other_files_stay(folder):
    for name in ("README.md", "checkpoint.pt"):
        (folder / name).write_text("kept")
    save_network(network(2), folder, force=True)
    assert {path.name: path.read_text() for path in folder.iterdir() if path.name not in FILES} == {
        ".hwsim.lock": "", "README.md": "kept", "checkpoint.pt": "kept",
    }  # fmt: skip


@pytest.mark.parametrize("is_new", [False, True])
def test_wherever_a_process_ends_the_folder_is_the_old_one_or_the_new_one(is_new, folder, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    if not is_new:
        save_network(network(1), place)
    with steps.left_behind(place, tmp_path / "left") as taken:
        save_network(network(2), place, force=True)
    assert {"write", "fsync", "rename"} <= set(taken)
    found = []
    for number in range(1, len(taken) + 1):
        left = tmp_path / "left" / f"{number}"
        if is_new and not (left / "network.yaml").exists():
            found.append(None)
        else:
            found.append(number_of(left))
        if not is_new:
            before, after = contents(folder), contents(place)
            assert all((left / name).read_bytes() in (before[name], after[name]) for name in FILES)
        save_network(network(2), left, force=True)
        assert contents(left) == contents(place)
        assert sorted(path.name for path in left.iterdir()) == [".hwsim.lock", *FILES]
    assert found == sorted(found, key=[None, 1, 2].index)
    assert set(found) == {None if is_new else 1, 2}


SAVE = """if True:
    import sys
    sys.path[:0] = {path!r}
    import steps
    from test_replacing import network, save_network
    steps.whole.before = steps.ending({number})
    save_network(network(2), {folder!r}, force=True)
"""


def test_a_process_that_ends_leaves_what_was_copied(folder, tmp_path):
    with steps.left_behind(tmp_path / "folder", tmp_path / "left") as taken:
        save_network(network(2), folder, force=True)
    moves = [number for number, step in enumerate(taken, 1) if step == "rename"]
    assert len(moves) == 3
    path, found = [os.path.dirname(__file__), os.path.dirname(steps.__file__)], []
    for number in (1, moves[1], moves[1] + 1, moves[2], len(taken)):
        save_network(network(1), folder, force=True)
        program = SAVE.format(path=path, number=number, folder=str(folder))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (steps.ENDED, "")
        assert contents(folder) == contents(tmp_path / "left" / f"{number}")
        found.append(number_of(folder))
    assert found == [1, 1, 2, 2, 2]


def test_a_full_disk_leaves_the_old_network(folder, tmp_path, monkeypatch):
    before, sizes = contents(folder), []
    monkeypatch.setattr(whole, "before", lambda step, size=0: sizes.append(size))
    save_network(network(2), tmp_path / "other")
    assert sum(sizes) > 600
    for room in range(0, sum(sizes), 300):
        monkeypatch.setattr(whole, "before", steps.filling(room))
        with pytest.raises(FileError, match=r"folder: cannot be written \(No space left on device\)"):
            save_network(network(2), folder, force=True)
        assert contents(folder) == before
        assert number_of(folder) == 1
        assert not list(folder.glob("*.partial"))
    monkeypatch.setattr(whole, "before", steps.filling(sum(sizes)))
    save_network(network(2), folder, force=True)
    assert number_of(folder) == 2


WRITERS = """if True:
    import sys, time
    sys.path[:0] = {path!r}
    from test_replacing import network, save_network
    end, number = time.monotonic() + {seconds}, {first}
    while time.monotonic() < end:
        save_network(network(number), {folder!r}, force=True)
        number += 2
"""


def test_readers_beside_two_writers_read_whole_networks(folder):
    path = [os.path.dirname(__file__), os.path.dirname(steps.__file__)]
    programs = [WRITERS.format(path=path, seconds=2, first=first, folder=str(folder)) for first in (1, 2)]
    writers = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(number_of(folder))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {number % 2 for number in seen} == {0, 1}  # of both writers
    assert len(seen) > 4
    assert sorted(path.name for path in folder.iterdir()) == [".hwsim.lock", *FILES]


def test_a_second_writer_waits_then_is_refused(folder, monkeypatch):
    refused, done = [], threading.Event()

    def write():
        try:
            save_network(network(2), folder, force=True)
        except FileError as error:
            refused.append(str(error))
        done.set()

    with alone(folder):
        threading.Thread(target=write).start()
        assert not done.wait(0.3)
    assert done.wait(10)
    assert (number_of(folder), refused) == (2, [])
    monkeypatch.setattr(writing, "LONGEST_WAIT", 0.0)
    done.clear()
    with alone(folder):
        threading.Thread(target=write).start()
        assert done.wait(10)
    assert refused == [f"{folder}: another process writes there; wait for it, or name another folder"]


def test_of_two_that_may_replace_nothing_one_is_refused(tmp_path):
    """The second finds a free folder, waits, and then it is none any more."""
    refused = []
    (tmp_path / "made").mkdir()

    def write():
        try:
            save_network(network(2), tmp_path / "made")
        except FileError as error:
            refused.append(str(error))

    with alone(tmp_path / "made"):
        second = threading.Thread(target=write)
        second.start()
        save_network(network(1), tmp_path / "made")
    second.join(10)
    assert refused == [
        f"{tmp_path / 'made'}: a network is there; write elsewhere, or give --force (force=True) to replace it"
    ]
    assert number_of(tmp_path / "made") == 1
