"""Folders of a run: made, and locked, before the work."""

import os

import pytest

from hwsim.errors import FileError
from hwsim.train import TrainingError, folder, out_folder

pytestmark = pytest.mark.torch


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be made"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "file" / "out", 1)


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    (tmp_path / "out").mkdir()
    with out_folder.alone([tmp_path / "out"]), pytest.raises(TrainingError, match="another run writes there"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "out", 1, frames=50)
    folder.train_to_folder("lat", "digits", "64-10", tmp_path / "out", 1, frames=50)  # the lock has gone
    (tmp_path / "few-latent").mkdir()
    with out_folder.alone([tmp_path / "few-latent"]), pytest.raises(TrainingError, match="few-latent: another run"):
        folder.train_to_folder("binary-connect", "digits", "64-10", tmp_path / "few", 1, frames=50)


def test_folders_that_cannot_be_written_are_found_before_training(tmp_path, monkeypatch):
    (tmp_path / "few-latent").write_text("")
    with pytest.raises(FileError, match="few-latent: is a file"):
        folder.train_to_folder("binary-connect", "digits", "64-10", tmp_path / "few", 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match="cannot be written to"):
        folder.train_to_folder("lat", "digits", "64-10", tmp_path / "other", 1)
