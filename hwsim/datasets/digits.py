"""The digits that come with scikit-learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hwsim.datasets.dataset import Dataset


def read_digits(name: str, split: str, folder: Path | None) -> Dataset:
    """The digits that come with scikit-learn (UCI, Alpaydin & Kaynak 1998), split by order."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = Dataset(digits.images[:, None].astype(np.uint8), 1 / 16, labels=digits.target, name=name, split=split)
    return replace(data[:898] if split == "train" else data[898:], order="file")
