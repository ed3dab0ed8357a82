"""Data sets: frames of codes with a step, in streams, with labels; by name, from video files, or from arrays."""

from hwsim.datasets.dataset import Dataset, as_dataset
from hwsim.datasets.load import dataset_names, load_dataset
from hwsim.datasets.order import temporal_order
from hwsim.datasets.video import Size, load_video

__all__ = ["Dataset", "Size", "as_dataset", "dataset_names", "load_dataset", "load_video", "temporal_order"]
