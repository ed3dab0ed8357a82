"""Small data sets that are quickly learned."""

import numpy as np

from hwsim.datasets import Dataset
from hwsim.train.folder import train
from hwsim.train.settings import Settings

CLASSES = 3


def vectors(n_frame=120, seed=0):
    """(1, 2, 4) frames of bytes, in three classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n_frame)
    inputs = generator.integers(0, 40, (n_frame, 8)) + 60 * (np.arange(8) % CLASSES == labels[:, None])
    return Dataset(
        inputs.reshape(-1, 1, 2, 4).astype(np.uint8), step=1 / 100, labels=labels, name="drawn", split="train"
    )


def images(n_frame=80, seed=0):
    """(2, 8, 8) frames of bytes, in three classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n_frame)
    inputs = generator.integers(0, 60, (n_frame, 2, 8, 8))
    inputs[np.arange(n_frame), :, 2 * labels, :] += 120
    return Dataset(inputs.astype(np.uint8), step=1 / 255, labels=labels, name="pictures", split="train")


def settings(method, data=None, layers="8-12-7-3", epochs=3, seed=1, **options):
    data = vectors() if data is None else data
    given = {"batch_size": 20, **options}
    return Settings.of(method, data, layers, epochs, seed, **given)


def trained(method, data=None, layers="8-12-7-3", checkpoint=None, **options):
    data = vectors() if data is None else data
    return train(data, settings(method, data, layers, **options), checkpoint)


def network(trained, data=None):
    """What a run exports."""
    data = vectors() if data is None else data
    return trained.network(trained.settings.chosen.variants[0], data, "network")
