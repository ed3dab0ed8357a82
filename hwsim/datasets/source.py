"""Where data come from and how they are read: what ``--data`` and its options say, in one value."""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hwsim.datasets.preprocessing import Preprocessing


@dataclass(frozen=True)
class Source:
    """A name or path of data with how it is read; taken wherever the name of a data set is."""

    name: str
    step: float | None = None  # real value of one code, of data that state none
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __str__(self) -> str:
        """As it is written on the command line, after ``--data``."""
        words = [shlex.quote(self.name)]
        if self.step is not None:
            words.append(f"--step {self.step!r}")
        for name, value in self.preprocessing.changed().items():
            dashed = "--data-scale" if name == "scale" else f"--{name.replace('_', '-')}"
            if name == "independent":
                words.append("--independent" if value else "--stream")
            elif name == "size":
                words.append(f"{dashed} {value[0]}x{value[1]}")
            elif value is True:
                words.append(dashed)
            else:
                words.append(f"{dashed} {','.join(map(str, np.atleast_1d(value).tolist()))}")
        return " ".join(words)


def stated(data: str | Source) -> str:
    """Data as a command states them that others will read: nothing of this computer's folders."""
    source = data if isinstance(data, Source) else Source(str(data))
    return str(replace(source, name=without_folder(source.name)))


def without_folder(text: str) -> str:
    """An absolute path by its last part; anything else as it is."""
    return Path(text).name if Path(text).is_absolute() else text
