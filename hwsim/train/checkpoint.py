"""A run's state as one file, replaced whole or not at all."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch

from hwsim.errors import FileError
from hwsim.files.whole import whole
from hwsim.train import TrainingError

State: TypeAlias = dict[str, Any]


class Settings(Protocol):
    """All that decides a run."""

    def state(self) -> State:
        """As plain numbers and words."""
        ...


def write(path: Path, settings: Settings, state: State) -> None:
    """Write beside the checkpoint's place, then move it there, so that a full disk leaves the last one.

    Raises
    ------
    FileError
        When it cannot be written.
    """
    # to memory first: torch says little of what went wrong with a file
    content = io.BytesIO()
    torch.save({"settings": settings.state(), **state}, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            file.write(content.getbuffer())
    except OSError as error:
        kept = "the last one is kept" if path.exists() else "there is none yet"
        raise FileError(f"{path}: checkpoint cannot be written ({error.strerror}); {kept}") from None


def read(path: Path, settings: Settings, names: Iterable[str]) -> State | None:
    """What was kept under the names; None where there is no checkpoint.

    Raises
    ------
    TrainingError
        When the file is damaged, or of a run with other settings.
    """
    if not path.exists():
        return None
    try:
        state: State = torch.load(path, weights_only=True)
        found, kept = dict(state["settings"]), {name: state[name] for name in names}
    except Exception as error:
        # torch raises many kinds, depending on where the file is damaged, and may advise to run what is in it
        reason = type(error).__name__
        raise TrainingError(f"{path}: no checkpoint, or a damaged one ({reason}); delete it to start afresh") from None
    if found != settings.state():
        other = [key for key, value in settings.state().items() if found.get(key) != value]
        raise TrainingError(
            f"{path}: of a run with other settings ({', '.join(other)}); delete it to start afresh, or name another"
        )
    return kept
