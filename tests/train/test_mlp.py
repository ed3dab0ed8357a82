"""Training: tiny runs, compared with torch's own forward pass."""

import os

import numpy as np
import pytest
import torch

from hwsim.datasets import Dataset
from hwsim.network.layers import Dense, ReLU
from hwsim.network_file import load_network
from hwsim.simulation.simulator import simulate
from hwsim.train import TrainingError, mlp

pytestmark = pytest.mark.torch

LAYERS = (6, 8, 5, 3)


def make_data(n_frame=90, n_class=3):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, n_class, n_frame)
    inputs = generator.integers(0, 40, (n_frame, 1, 2, 3)) + 40 * (
        np.arange(6).reshape(1, 2, 3) % 3 == labels[:, None, None, None]
    )
    return Dataset(inputs.astype(np.uint8), step=1 / 80, labels=labels, name="drawn", split="train")


def train(epochs=4, seed=3, **options):
    return mlp.train(make_data(), LAYERS, epochs, seed, batch_size=16, learning_rate=0.02, **options)


def torch_model(network):
    """The exported network, in torch's own modules."""
    modules = [torch.nn.Flatten()]
    for layer in network.layers[1:]:
        if isinstance(layer, Dense):
            linear = torch.nn.Linear(*layer.shape)
            linear.weight.data = torch.tensor(layer.terms[0].code.T)
            linear.bias.data = torch.tensor(layer.bias)
            modules.append(linear)
        else:
            assert isinstance(layer, ReLU)
            modules.append(torch.nn.ReLU())
    return torch.nn.Sequential(*modules)


def test_exported_network_computes_what_torch_computes(monkeypatch):
    trained = []
    export = mlp._export
    monkeypatch.setattr(mlp, "_export", lambda model: trained.append(model) or export(model))
    data = make_data()
    network = train()
    values = torch.tensor(data.values())
    expected = trained[0](values).detach().numpy()
    np.testing.assert_allclose(simulate(network, data).outputs, expected, rtol=1e-4, atol=1e-5)
    # torch adds in an order that may depend on where its weights lie
    np.testing.assert_allclose(torch_model(network)(values).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in network.layers] == ["flatten", "dense1", "relu1", "dense2", "relu2", "dense3"]
    assert network.input_shape == (1, 2, 3)
    assert network.input_format.name == "fp32"


def test_training_learns():
    data, network = make_data(), train(epochs=30)
    assert np.mean(simulate(network, data).outputs.argmax(1) == data.labels) > 0.9
    assert network.about["training_loss"] < 0.5
    assert network.about["validation_correct"] <= network.about["validation_frames"] == 8


def test_same_seed_same_network_whatever_ran_before():
    first = train()
    torch.rand(7)
    threads = torch.get_num_threads()
    assert train() == first
    assert torch.get_num_threads() == threads
    assert train(seed=4) != first


def test_training_leaves_torchs_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train(epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_interrupted_run_ends_as_if_never_interrupted(tmp_path, monkeypatch):
    checkpoint = tmp_path / "deep" / "checkpoint.pt"
    expected = train()
    epoch, calls = mlp._epoch, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return epoch(*arguments)

    monkeypatch.setattr(mlp, "_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(path=checkpoint)
    assert train(path=checkpoint) == expected
    assert len(calls) == 3 + 2  # two epochs were kept
    assert train(path=checkpoint) == expected
    assert len(calls) == 3 + 2
    assert [path.name for path in checkpoint.parent.iterdir()] == ["checkpoint.pt"]


def test_checkpoint_of_another_run_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    train(epochs=1, path=checkpoint)
    with pytest.raises(TrainingError, match=r"of a run with other settings \(epochs\); delete it"):
        train(epochs=2, path=checkpoint)


def test_damaged_checkpoint_is_one_line(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match=r"no checkpoint, or a damaged one .*; delete it to start afresh") as caught:
        train(path=checkpoint)
    assert "\n" not in str(caught.value)


def test_checkpoint_with_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"settings": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="no checkpoint"):
        train(path=tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()


def test_loss_that_is_not_finite_stops_the_run():
    with pytest.raises(TrainingError, match=r"loss is (nan|inf) in epoch \d of 30; give a learning rate below 1e\+20"):
        mlp.train(make_data(), LAYERS, 30, 0, learning_rate=1e20)


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ((5, 3), {}, "layers start with 5 inputs, but a frame has 6: write 6"),
        ((6, 2), {}, "layers end with 2 units, but there are 3 classes"),
        ((6,), {}, "at least two positive numbers"),
        ((6, 0, 3), {}, "at least two positive numbers"),
        ((6, 3), {"epochs": 0}, "0 epochs"),
        ((6, 3), {"batch_size": 0}, "batches of 0"),
        ((6, 3), {"validation_fraction": 1.0}, "90 of 90 frames for validation"),
        ((6, 3), {"learning_rate": float("nan")}, "learning rate nan: expected a positive number"),
        ((6, 3), {"learning_rate": 0.0}, r"learning rate 0\.0: expected a positive number"),
        ((6, 3), {"weight_decay": float("nan")}, "weight decay nan: expected a number from 0"),
        ((6, 3), {"weight_decay": -1.0}, r"weight decay -1\.0: expected a number from 0"),
    ],
)
def test_settings_that_do_not_fit(layers, options, expected):
    with pytest.raises(TrainingError, match=expected):
        mlp.train(make_data(), layers, **options)


def test_data_without_labels():
    data = make_data()
    with pytest.raises(TrainingError, match="data set drawn: no labels"):
        mlp.train(Dataset(data.inputs, step=data.step, name="drawn"), LAYERS)


def test_piped_training_prints_nothing(capfd):
    train(epochs=1)
    assert capfd.readouterr() == ("", "")


def test_folder_states_the_command_and_the_accuracy(tmp_path):
    network, test = mlp.train_to_folder("digits", (64, 10), 1, 0, tmp_path / "tiny", batch_size=50)
    assert load_network(tmp_path / "tiny") == network
    about = load_network(tmp_path / "tiny").about
    assert about["command"] == (
        "hwsim train mlp --data digits --layers 64-10 --epochs 1 --seed 0 --batch-size 50 --out tiny"
    )
    correct = int((simulate(network, test).outputs.argmax(1) == test.labels).sum())
    assert about["accuracy"] == {
        "data_set": "digits test",
        "frames": 899,
        "correct": correct,
        "percent": round(100 * correct / 899, 2),
    }
    assert not (tmp_path / "tiny" / "checkpoint.pt").exists()
