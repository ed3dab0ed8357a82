"""How the signals that layers with weights read become codes, and the files that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field

from hwsim.errors import FileError, NetworkError
from hwsim.files import strict_yaml
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.files.whole import write_whole
from hwsim.network.signals import FloatArray, positive

Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, eq=False)
class Coding:
    """How a signal is rounded: codes s = floor(scale x value - offset + 1/2), each read as gain x s / scale.

    Each is one number, or one per unit: an input of the network, a neuron, a channel of images. A rounding network has
    scales alone, one per layer or one per unit (O'Connor & Welling 2017, section 3.2); gains (where codes are put
    back) and offsets (where rounding changes over) are ours. All are part of weights and biases in the end, so that
    hidden layers pay nothing for them.

    Raises
    ------
    NetworkError
        For scales or gains that are not positive or beyond 2^-100 to 2^100, and numbers that are not finite.
    """

    scale: FloatArray | float  # k [codes per unit of the signal]
    gain: FloatArray | float = 1.0
    offset: FloatArray | float = 0.0  # [codes]

    def __post_init__(self) -> None:
        """Check the numbers; they become arrays of float64."""
        for what in ("scale", "gain", "offset"):
            try:
                value = np.asarray(getattr(self, what), np.float64)
            except (TypeError, ValueError):
                value = np.full(1, np.nan)
            fits = value.ndim <= 1 and value.size and np.all(np.isfinite(value))
            if not fits or (what != "offset" and np.any(value <= 0)):
                raise NetworkError(
                    f"{what} {getattr(self, what)}: expected one {'' if what == 'offset' else 'positive '}number, "
                    "or one for each unit"
                )
            if what != "offset":
                positive(value, what)
            object.__setattr__(self, what, value if value.size > 1 else value.reshape(()))
        if len(sizes := {value.size for value in self.arrays if value.ndim}) > 1:
            raise NetworkError(f"scale, gain and offset of {sorted(sizes)} units; give each one number or one per unit")

    @property
    def arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Scale, gain and offset, each () or (n_unit,)."""
        return np.asarray(self.scale), np.asarray(self.gain), np.asarray(self.offset)

    @property
    def n_unit(self) -> int:
        """Units that have numbers of their own; 1 where all share them."""
        return max(value.size for value in self.arrays)

    @property
    def has_offset(self) -> bool:
        """Whether anything is shifted before it is rounded."""
        return bool(np.any(np.asarray(self.offset) != 0))

    def same(self, other: "Coding") -> bool:
        """Whether two round alike."""
        return all(np.array_equal(one, two) for one, two in zip(self.arrays, other.arrays, strict=True))

    def __str__(self) -> str:
        """The scale, or how many there are and their reach."""
        scale = np.asarray(self.scale)
        shown = f"{scale:g}" if scale.ndim == 0 else f"{scale.min():g} ... {scale.max():g} ({scale.size} units)"
        return shown + ("" if np.all(np.asarray(self.gain) == 1) and not self.has_offset else ", with gain or offset")


CodingLike: TypeAlias = float | npt.ArrayLike | Coding


def coding(given: CodingLike) -> Coding:
    """A coding as it is, or one of scales alone."""
    return given if isinstance(given, Coding) else Coding(given)  # type: ignore[arg-type]


class _Layer(Schema):
    """How one layer's input is rounded, in a file."""

    scale: Positive | list[Positive]
    gain: Positive | list[Positive] = 1.0
    offset: Number | list[Number] = 0.0


class _File(Schema):
    """A file of codings."""

    schema_version: SchemaVersion = Field(alias="schema")
    network: str
    network_digest: str  # of the network they were made for
    about: dict[str, Any] = Field(default_factory=dict)
    layers: dict[str, _Layer]  # by the layer that reads


def write_codings(
    path: str | Path, network: tuple[str, str], codings: Mapping[str, Coding], about: Mapping[str, object]
) -> None:
    """Write codings as a file that ``hwsim convert sigma-delta --scales`` takes.

    Parameters
    ----------
    path : str or Path
        The file, ``.yaml``.
    network : (str, str)
        Name and digest of the network they were made for.
    codings : mapping of str to Coding
        By the layer with weights that reads.
    about : mapping
        How they were made.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    layers = {}
    for name, each in codings.items():
        scale, gain, offset = (value.tolist() for value in each.arrays)
        layers[name] = {"scale": scale} | ({"gain": gain} if gain != 1 else {}) | ({"offset": offset} if offset else {})
    content = {"schema": 1, "network": network[0], "network_digest": network[1], "about": dict(about), "layers": layers}
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error})") from None
    text = yaml.safe_dump(content, sort_keys=False, width=120, default_flow_style=None)
    strict_yaml.check_readable(path, text, content)
    write_whole(path, text)


def read_codings(path: str | Path, layers: Sequence[str], digest: str) -> tuple[Coding, ...]:
    """Codings of a network's layers with weights, in their order, from a file.

    Raises
    ------
    FileError
        For a file that is none, or one of another network.
    """
    path = Path(path)
    file = strict_yaml.load(path, _File)
    if file.network_digest != digest:
        raise FileError(f"{path}: scales of another network than this one ({file.network}); learn them for this one")
    if set(file.layers) != set(layers):
        raise FileError(f"{path}: layers: {', '.join(file.layers)}; expected those with weights: {', '.join(layers)}")
    try:
        return tuple(Coding(**file.layers[name].model_dump()) for name in layers)
    except NetworkError as error:
        raise FileError(f"{path}: {error}") from None
