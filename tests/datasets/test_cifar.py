"""CIFAR-10 from its binary files: what is in them, and what is said of others."""

import numpy as np
import pytest

from hwsim.datasets import load_dataset
from hwsim.errors import DataError

RECORD = 3073


def write_batch(path, seed=0, n_record=10_000):
    generator = np.random.default_rng(seed)
    records = generator.integers(0, 256, (n_record, RECORD), np.uint8)
    records[:, 0] %= 10
    path.parent.mkdir(parents=True, exist_ok=True)
    records.tofile(path)
    return records


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_test_records_are_labels_and_planes(tmp_path, monkeypatch):
    records = write_batch(tmp_path / "cifar-10" / "test_batch.bin")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    data = load_dataset("cifar-10")
    assert (len(data), data.shape, data.step, data.format.name) == (10_000, (3, 32, 32), 1 / 255, "uint8")
    assert (data.name, data.split, data.order, data.stream_start.tolist()) == ("cifar-10", "test", "file", [0, 10_000])
    assert np.array_equal(data.labels, records[:, 0])
    assert np.array_equal(data.inputs.reshape(10_000, 3072), records[:, 1:])
    # green plane, second row, third column
    assert data.inputs[7, 1, 1, 2] == records[7, 1 + 1024 + 32 + 2]


def test_train_is_five_files_in_order(tmp_path):
    batches = [write_batch(tmp_path / "cifar-10" / f"data_batch_{k}.bin", k) for k in range(1, 6)]
    data = load_dataset("cifar-10", split="train", folder=tmp_path)
    assert len(data) == 50_000
    assert np.array_equal(data.labels, np.concatenate([each[:, 0] for each in batches]))
    assert np.array_equal(data.inputs[30_000].ravel(), batches[3][0, 1:])


def test_a_missing_file_names_it_and_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    with pytest.raises(DataError) as error:
        load_dataset("cifar-10", split="train")
    path = tmp_path / "cifar-10" / "data_batch_1.bin"
    assert f"there is no {path}" in one_line(error)
    assert "set HWSIM_DATA to a folder that holds cifar-10/data_batch_1.bin" in one_line(error)
    monkeypatch.delenv("HWSIM_DATA")
    with pytest.raises(DataError, match="HWSIM_DATA is not set; it is not downloaded"):
        load_dataset("cifar-10")
    with pytest.raises(DataError, match=r"name a folder that holds cifar-10/test_batch\.bin"):
        load_dataset("cifar-10", folder=tmp_path)


@pytest.mark.parametrize("n_record", [0, 9_999, 10_001])
def test_a_file_of_another_size(tmp_path, n_record):
    write_batch(tmp_path / "cifar-10" / "test_batch.bin", n_record=n_record)
    with pytest.raises(DataError, match="expected 30,730,000, 10,000 records of 3,073") as error:
        load_dataset("cifar-10", folder=tmp_path)
    assert f"test_batch.bin: {n_record * RECORD:,} bytes" in one_line(error)


def test_a_class_that_is_none(tmp_path):
    path = tmp_path / "cifar-10" / "test_batch.bin"
    records = write_batch(path)
    records[123, 0] = 10
    records.tofile(path)
    with pytest.raises(DataError, match="record 123 begins with class 10; expected 0 to 9") as error:
        load_dataset("cifar-10", folder=tmp_path)
    assert str(path) in one_line(error)


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "cifar-10" / "test_batch.bin").mkdir(parents=True)
    with pytest.raises(DataError, match=r"test_batch\.bin"):
        load_dataset("cifar-10", folder=tmp_path)


@pytest.mark.data
def test_the_real_files():
    train, test = load_dataset("cifar-10", split="train"), load_dataset("cifar-10")
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert train.labels[:8].tolist() == [6, 9, 9, 4, 1, 1, 2, 7]
    # mean and deviation of the training images, as commonly quoted
    assert np.round(train.inputs.mean(axis=(0, 2, 3)) / 255, 4).tolist() == [0.4914, 0.4822, 0.4465]
