"""Data sets: frames of codes with a step, in streams, with labels.

By name, from one's own files (.npz, folders of images, videos) with preprocessing, or from arrays.
"""

from hwsim.datasets.dataset import Dataset, as_dataset
from hwsim.datasets.load import dataset_names, has_splits, load_dataset
from hwsim.datasets.order import temporal_order
from hwsim.datasets.preprocessing import Preprocessing
from hwsim.datasets.resizing import Size
from hwsim.datasets.source import Source
from hwsim.datasets.video import load_video

__all__ = [
    "Dataset",
    "Preprocessing",
    "Size",
    "Source",
    "as_dataset",
    "dataset_names",
    "has_splits",
    "load_dataset",
    "load_video",
    "temporal_order",
]
