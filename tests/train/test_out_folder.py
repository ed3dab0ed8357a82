"""Folders of a run: made, and locked, before the work."""

import os
import threading
from contextlib import contextmanager

import pytest
import steps

from hwsim.errors import FileError
from hwsim.files.alone import alone
from hwsim.train import TrainingError, folder, mlp

pytestmark = pytest.mark.torch


@contextmanager
def locked(path):
    """By another thread, which the lock keeps out like another process."""
    path.mkdir()
    held, done = threading.Event(), threading.Event()

    def hold():
        with alone(path):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    yield
    done.set()
    thread.join()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be made"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "file" / "out", 1)


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    with locked(tmp_path / "out"), pytest.raises(FileError, match="out: another process writes there"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "out", 1, frames=50)
    folder.train_to_folder("lat", "digits", "64-10", tmp_path / "out", 1, frames=50)  # the lock has gone
    with locked(tmp_path / "few-latent"), pytest.raises(FileError, match="few-latent: another process writes there"):
        folder.train_to_folder("binary-connect", "digits", "64-10", tmp_path / "few", 1, frames=50)


def test_folders_that_cannot_be_written_are_found_before_training(tmp_path, monkeypatch):
    (tmp_path / "few-latent").write_text("")
    with pytest.raises(FileError, match="few-latent: is a file"):
        folder.train_to_folder("binary-connect", "digits", "64-10", tmp_path / "few", 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match="cannot be written to"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "other", 1)


def test_what_is_there_is_replaced_only_when_told_to(tmp_path):
    """READMEs and latent networks are looked at, too; what the run itself left in an interrupted end is its own."""
    run = ("binary-connect", "digits", "64-10", tmp_path / "few", 1)
    (tmp_path / "few-latent").mkdir()
    (tmp_path / "few-latent" / "README.md").write_text("mine")
    with pytest.raises(
        FileError, match=r"few-latent/README\.md: is there, and no checkpoint to go on from; name another"
    ):
        folder.train_to_folder(*run, frames=50)
    assert not (tmp_path / "few" / "network.yaml").exists()
    folder.train_to_folder(*run, frames=50, force=True)
    made = (tmp_path / "few" / "network.yaml").read_bytes()
    assert "mine" not in (tmp_path / "few-latent" / "README.md").read_text()
    with pytest.raises(FileError, match=r"few/network\.yaml: is there"):
        folder.train_to_folder(*run, frames=50)
    with pytest.raises(FileError, match=r"few/network\.yaml: is there"):
        mlp.train_to_folder("digits", (64, 10), 1, 0, tmp_path / "few", batch_size=50)
    assert (tmp_path / "few" / "network.yaml").read_bytes() == made


def test_a_run_that_ended_before_its_last_file_ends_again(tmp_path, monkeypatch):
    """The networks are there, and so is the checkpoint."""
    run = ("lat", "digits", "64-10", tmp_path / "few", 1)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder, "write_curve", stop)
        with pytest.raises(KeyboardInterrupt):
            folder.train_to_folder(*run, frames=50)
    made = {path.name: path.read_bytes() for path in (tmp_path / "few").glob("[!.]*") if path.name != "checkpoint.pt"}
    assert set(made) == {"README.md", "network.yaml", "weights.npz"}
    with pytest.raises(TrainingError, match=r"of a run with other settings \(seed\)"):
        folder.train_to_folder(*run, seed=1, frames=50)
    folder.train_to_folder(*run, frames=50)
    assert {name: (tmp_path / "few" / name).read_bytes() for name in made} == made
    assert sorted(path.name for path in (tmp_path / "few").glob("[!.]*")) == [
        *sorted(made)[:2],
        "training.html",
        "weights.npz",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("train", [folder.train_to_folder, mlp.train_to_folder], ids=["binary-connect", "mlp"])
def test_wherever_a_run_ends_files_are_whole_and_it_goes_on(train, tmp_path):
    def run(place):
        if train is mlp.train_to_folder:
            train("digits", (64, 10), 1, 0, place / "few", batch_size=50)
        else:
            train("binary-connect", "digits", "64-10", place / "few", 1, frames=50)

    def contents(place):
        seen = (path for path in place.rglob("[!.]*") if path.is_file() and path.name != "checkpoint.pt")
        return {str(path.relative_to(place)): path.read_bytes() for path in seen}

    (tmp_path / "place").mkdir()
    with steps.left_behind(tmp_path / "place", tmp_path / "left") as taken:
        run(tmp_path / "place")
    made = contents(tmp_path / "place")
    assert "few/network.yaml" in made
    assert taken.count("rename") >= 4
    for number in range(1, len(taken) + 1):
        left = tmp_path / "left" / f"{number}"
        assert contents(left).items() <= made.items()
        run(left)
        assert contents(left) == made
