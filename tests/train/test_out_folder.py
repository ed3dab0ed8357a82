"""Folders of a run: made, and locked, before the work."""

import os
import threading
from contextlib import contextmanager

import pytest

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
