"""Runs: the same again, interrupted and resumed, stopped by what is not finite or by a full disk; and their folders."""

import dataclasses
import errno
import itertools
import os
import pathlib

import drawn
import numpy as np
import pytest
import torch
from drawn import network

from hwsim.datasets import Dataset
from hwsim.errors import FileError
from hwsim.network_file import load_network
from hwsim.simulation.simulator import simulate
from hwsim.train import TrainingError, checkpoint, curve, folder, loop

pytestmark = pytest.mark.torch

METHODS = ("ternary-connect-qbp", "lat", "ttq", "lsq")


def test_same_seed_same_network_whatever_ran_before():
    first = network(drawn.trained("ternary-connect-qbp"))
    torch.rand(7)
    threads = torch.get_num_threads()
    assert network(drawn.trained("ternary-connect-qbp")) == first
    assert torch.get_num_threads() == threads
    assert network(drawn.trained("ternary-connect-qbp", seed=2)) != first


def test_training_leaves_torchs_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    drawn.trained("binary-connect", epochs=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("steps", [5, 8, 13])
def test_interrupted_run_ends_as_if_never_interrupted(method, steps, tmp_path, monkeypatch):
    """Five steps an epoch: interrupted at an epoch's end, and within one."""
    expected = drawn.trained(method)
    path, done = tmp_path / "deep" / "checkpoint.pt", itertools.count(1)
    step = loop.Training._step

    def interrupt(self, *arguments):
        if next(done) > steps:
            raise KeyboardInterrupt
        return step(self, *arguments)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # after every step
    monkeypatch.setattr(loop.Training, "_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        drawn.trained(method, checkpoint=path)
    monkeypatch.setattr(loop.Training, "_step", step)
    resumed = drawn.trained(method, checkpoint=path)
    assert network(resumed) == network(expected)
    assert resumed.progress.history == expected.progress.history
    assert network(drawn.trained(method, checkpoint=path)) == network(expected)  # nothing left to do
    assert [each.name for each in path.parent.iterdir()] == ["checkpoint.pt"]


def test_best_epoch_is_kept_the_latest_of_equals(monkeypatch):
    errors = iter([5, 3, 4, 3, 6])
    monkeypatch.setattr(loop, "count_errors", lambda *_: next(errors))
    trained = drawn.trained("lab", epochs=5)
    best = trained.progress.best["quantized"]
    assert (best.epoch, best.errors) == (4, 3)
    shares = [entry["quantized_error"] for entry in trained.progress.history]
    assert shares == [each / 20 for each in (5, 3, 4, 3, 6)]


def test_both_variants_have_their_own_best_epoch():
    trained = drawn.trained("ternary-connect", epochs=4)
    assert set(trained.progress.best) == {"quantized", "latent"}
    entries = [entry for entry in trained.progress.history if "latent_error" in entry]
    assert [entry["epoch"] for entry in entries] == [2, 4]  # as in the published code
    assert all("quantized_error" in entry for entry in entries)


def test_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    drawn.trained("lat", epochs=1, checkpoint=path)
    with pytest.raises(TrainingError, match=r"other settings \(method, learning_rate\); delete it"):
        drawn.trained("lab", epochs=1, learning_rate=0.02, checkpoint=path)


def test_checkpoint_with_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"settings": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"no checkpoint, or a damaged one .*; delete it to start afresh") as caught:
        drawn.trained("lat", checkpoint=tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    path, done = tmp_path / "checkpoint.pt", itertools.count(1)
    hinge = loop.squared_hinge

    def spoilt(*arguments):
        return hinge(*arguments) * (float("nan") if next(done) == 8 else 1)

    monkeypatch.setattr(loop, "squared_hinge", spoilt)
    expected = r"the loss is nan at step 3 of epoch 2 of 3; the last good checkpoint is .*; give a learning rate below"
    with pytest.raises(TrainingError, match=expected):
        drawn.trained("lat", checkpoint=path)
    state = checkpoint.read(path, drawn.settings("lat"), loop.KEPT)
    assert state["progress"]["epoch"] == 1
    assert all(bool(torch.isfinite(each).all()) for each in state["model"].values())


def test_a_rate_that_is_too_high():
    with pytest.raises(TrainingError, match=r"at step \d+ of epoch \d+ of 30; give a learning rate below 1e\+30"):
        drawn.trained("full-precision", epochs=30, learning_rate=1e30)


def test_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    move, done = pathlib.Path.replace, itertools.count(1)

    def fill(self, target):
        if next(done) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return move(self, target)

    monkeypatch.setattr(pathlib.Path, "replace", fill)
    with pytest.raises(FileError, match=r"cannot be written \(No space left on device\); the last one is kept"):
        drawn.trained("lat", checkpoint=path)
    monkeypatch.undo()
    assert checkpoint.read(path, drawn.settings("lat"), loop.KEPT)["progress"]["epoch"] == 2
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert network(drawn.trained("lat", checkpoint=path)) == network(drawn.trained("lat"))


def test_piped_training_prints_nothing(capfd):
    drawn.trained("lat", epochs=1)
    assert capfd.readouterr() == ("", "")


def test_folders_state_the_command_the_weights_and_the_accuracy(tmp_path):
    options = {"frames": 300, "batch_size": 50, "max_shift": 3}
    out = tmp_path / "few"
    written = folder.train_to_folder("ternary-connect-qbp", "digits", "64-16-10", out, 2, 0, **options)
    assert [each.name for each in written] == ["few", "few-latent"]
    test = folder.load_dataset("digits", split="test")
    for each in written:
        found = load_network(tmp_path / each.name)
        assert found == each
        about, readme = found.about, " ".join((tmp_path / each.name / "README.md").read_text().split())
        assert about["command"] == (
            "hwsim train ternary-connect-qbp --data digits --layers 64-16-10 --epochs 2 --seed 0 "
            "--batch-size 50 --max-shift 3 --frames 300 --out few"
        )
        assert about["command"] in readme
        correct = int(np.sum(simulate(each, test, "sparse").outputs.argmax(axis=1) == test.labels))
        percent = round(100 * correct / 899, 2)
        assert about["accuracy"] == {"data_set": "digits test", "frames": 899, "correct": correct, "percent": percent}
        assert f"{percent:.2f} %: {correct} of 899 images" in readme
        assert about["predictions_unlike_torch"] == 0
    assert "latent float (fp32) weights, as published" in readme
    assert "quantized weights" in (out / "README.md").read_text()
    seen = sorted(path.name for path in out.glob("[!.]*"))  # all but the lock
    assert seen == ["README.md", "network.yaml", "training.html", "weights.npz"]
    page = (out / "training.html").read_text()
    assert "validation error, latent weights" in page
    assert "https://cdn" not in page.split("<script")[0]


def files(tmp_path, **splits):
    """A folder of splits, each of frames and labels."""
    for split, (inputs, labels) in splits.items():
        np.savez(tmp_path / f"{split}.npz", inputs=inputs, labels=labels)
    return str(tmp_path)


def test_test_frames_that_do_not_fit_are_refused_before_training(tmp_path):
    values, labels = np.zeros((50, 1, 2, 3), np.uint8), np.arange(50) % 3
    data = files(tmp_path, train=(values, labels), test=(np.zeros((9, 1, 2, 4), np.uint8), labels[:9]))
    with pytest.raises(TrainingError, match=r"frames of \(1, 2, 3\) to train on, of \(1, 2, 4\) to test on"):
        folder.train_to_folder("lat", data, "6-3", tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()


def test_labels_below_zero(tmp_path):
    data = drawn.vectors()
    wrong = dataclasses.replace(data, labels=np.where(np.arange(len(data)) == 7, -1, data.labels))
    with pytest.raises(TrainingError, match=r"label -1 of frame 7; expected 0 to 2"):
        drawn.settings("lat", wrong)


def test_checkpoint_of_other_frames_is_refused(tmp_path):
    path, other = tmp_path / "checkpoint.pt", drawn.vectors(seed=5)
    drawn.trained("lat", epochs=1, checkpoint=path)
    with pytest.raises(TrainingError, match=r"of a run with other frames or labels; delete it"):
        drawn.trained("lat", other, epochs=1, checkpoint=path)


def test_checkpoint_that_lacks_its_state(tmp_path):
    path = tmp_path / "checkpoint.pt"
    for content in ({"settings": drawn.settings("lat").state()}, {"settings": 3}, [1]):
        torch.save(content, path)
        with pytest.raises(TrainingError, match=r"no checkpoint, or a damaged one \(\w+\); delete it to start afresh"):
            drawn.trained("lat", checkpoint=path)


def test_statistics_that_are_not_finite_stop_the_run_before_its_checkpoint(tmp_path, monkeypatch):
    path, step, done = tmp_path / "checkpoint.pt", loop.Training._step, itertools.count(1)

    def spoil(self, *arguments):
        if next(done) == 10:  # the last step of the second epoch
            self.model.norm1.running_var[0] = float("inf")
        return step(self, *arguments)

    monkeypatch.setattr(loop.Training, "_step", spoil)
    with pytest.raises(TrainingError, match=r"norm1.running_var is not finite after step 5 of epoch 2 of 3; the"):
        drawn.trained("lat", checkpoint=path)
    assert checkpoint.read(path, drawn.settings("lat"), loop.KEPT)["progress"]["epoch"] == 1


def test_weights_that_no_solver_takes_are_told_with_their_step(monkeypatch):
    step, done = loop.Training._step, itertools.count(1)

    def spoil(self, *arguments):
        if next(done) == 3:
            self.model.dense1.parametrizations.weight.original.data[0, 0] = float("nan")
        return step(self, *arguments)

    monkeypatch.setattr(loop.Training, "_step", spoil)
    with pytest.raises(
        TrainingError, match=r"not finite everywhere at step 3 of epoch 1 of 3; give a learning rate below"
    ):
        drawn.trained("lat")


def test_loss_that_is_not_finite_before_any_weight_has_changed():
    values = np.random.default_rng(0).choice([-3e38, 3e38], (60, 1, 2, 4)).astype(np.float32)
    large = Dataset(values, step=1.0, labels=np.arange(60) % 3, name="large", split="train")
    with pytest.raises(TrainingError, match=r"at step 1 of epoch 1 of 3; the data are too large: scale them"):
        drawn.trained("full-precision", large)


def test_channel_that_never_changes_in_training_is_not_blown_up():
    data = drawn.images()
    still = data.inputs.copy()
    still[:, 1] = 7
    trained = drawn.trained("full-precision", dataclasses.replace(data, inputs=still), layers="2x8x8-4C3-3")
    assert float(trained.preparation.factor[1]) == 1.0
    still[:, 1] = 8
    moved = dataclasses.replace(data, inputs=still)
    inputs = folder.Frames.of(moved, trained.settings).prepared(trained.preparation).inputs
    assert float(inputs[:, 1].abs().max()) == pytest.approx(1 / 255, rel=1e-5)


def test_curve_of_errors_of_zero_has_a_place_for_them(tmp_path):
    history = [{"epoch": n, "loss": 1.0 / n, "quantized_error": error} for n, error in ((1, 0.5), (2, 0.0))]
    assert curve.figure(history, "")["layout"]["yaxis"]["type"] == "linear"
    assert curve.figure(history[:1], "")["layout"]["yaxis"]["type"] == "log"
    curve.write_curve(history, "", tmp_path / "page.html")
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
