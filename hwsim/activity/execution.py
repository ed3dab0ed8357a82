"""How a machine walks through a network.

What dense, sparse and delta are is said here, once, as the questions that the other rooms ask of an `Execution`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from hwsim.errors import NetworkError
from hwsim.network.number_format import NumberFormat

ExecutionKind = Literal["dense", "sparse", "delta"]
Thresholds: TypeAlias = int | Mapping[str, int] | tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Execution:
    """How a machine walks through a network: every input, the non-zero ones, or what changed.

    Raises
    ------
    NetworkError
        For an unknown kind, or a threshold where there is nothing to threshold.
    """

    kind: ExecutionKind
    # delta: a change is sent when |change| >= threshold, the rest waits [codes]; of all layers, or of those named (the
    # others send every change), by the layer that sends; a mapping is kept as pairs in order of the names
    threshold: Thresholds = 1

    def __post_init__(self) -> None:
        """Check kind and threshold."""
        if self.kind not in ("dense", "sparse", "delta"):
            raise NetworkError(f"execution {self.kind!r}; write dense, sparse or delta")
        given = self.threshold
        pairs = dict(given) if isinstance(given, Mapping | tuple) else {"": given}
        for name, number in pairs.items():
            if type(number) is not int or not 1 <= number < 2**31 or (self.kind != "delta" and number != 1):
                place = f" of {name}" if name else ""
                raise NetworkError(
                    f"execution {self.kind}: threshold {number!r}{place}; delta takes whole numbers from 1"
                )
        if "" not in pairs:
            above = tuple(sorted((name, number) for name, number in pairs.items() if number > 1))
            object.__setattr__(self, "threshold", above or 1)

    @property
    def presents_every_input(self) -> bool:
        """Whether every code is presented to those who read it, zero or not, and in every frame."""
        return self.kind == "dense"

    @property
    def lists_events(self) -> bool:
        """Whether codes are tested when they are emitted, and those that pass are stored with their places."""
        return not self.presents_every_input

    @property
    def presents_changes(self) -> bool:
        """Whether an event is how much a code has changed since the last frame, and not the code itself."""
        return self.kind == "delta"

    @property
    def keeps_state(self) -> bool:
        """Whether sums and the codes last sent stay from one frame of a stream to the next, to be brought up to date.

        First frames of streams then differ from later ones.
        """
        return self.presents_changes

    def event_format(self, code: NumberFormat) -> NumberFormat:
        """Format of an event, of a signal's format of codes: that of their differences where changes are presented."""
        return code.difference() if self.presents_changes else code

    def n_comparison(self, layer: str) -> int:
        """Comparisons that tell whether a code that a layer emits is an event: one with zero, two with a threshold."""
        return (1 + (self.threshold_of(layer) > 1)) * self.lists_events

    def threshold_of(self, layer: str) -> int:
        """Smallest change that a layer sends. [codes]"""
        if isinstance(self.threshold, int):
            return self.threshold
        return dict(self.threshold).get(layer, 1)

    @property
    def holds_back(self) -> bool:
        """Whether any change waits, so that what comes out depends on the order of frames."""
        return self.threshold != 1

    def with_names(self, senders: Mapping[str, str]) -> "Execution":
        """The same with thresholds under the senders' own names.

        Parameters
        ----------
        senders : mapping
            From every name that may stand for a layer that sends codes to that layer's.

        Raises
        ------
        NetworkError
            For a name that stands for none, and two that stand for one.
        """
        if isinstance(self.threshold, int):
            return self
        named: dict[str, int] = {}
        for name, number in dict(self.threshold).items():
            if name not in senders:
                listed = ", ".join(dict.fromkeys(senders.values()))
                raise NetworkError(f"execution delta: threshold of {name!r}, which sends no codes; these do: {listed}")
            if named.setdefault(senders[name], number) != number:
                raise NetworkError(
                    f"execution delta: two thresholds of {senders[name]}, {named[senders[name]]} and {number} "
                    f"(as {name}); write one"
                )
        return replace(self, threshold=named)

    def __str__(self) -> str:
        """``dense``, ``sparse``, ``delta``, ``delta(threshold=2)`` or ``delta(threshold=dense1: 2)``."""
        if not self.holds_back:
            return self.kind
        if isinstance(self.threshold, int):
            return f"{self.kind}(threshold={self.threshold})"
        listed = ", ".join(f"{name}: {number}" for name, number in dict(self.threshold).items())
        return f"{self.kind}(threshold={listed})"


@dataclass(frozen=True)
class Delta(Execution):
    """Only what changed since the last frame, once it has changed by at least `threshold` codes.

    ``Delta(threshold=2)``, or ``Delta(threshold={"input": 2, "dense1": 3})``: the layers are those of the activity, the
    network's ``input`` among them; any layer fused into one may stand for it.
    """

    kind: ExecutionKind = field(default="delta", init=False)


def kind_of(written: str) -> str:
    """The kind of an execution that a result states, which also states thresholds; of what is none, all of it."""
    return written.split("(")[0]


def keeps_state(written: str) -> bool:
    """Whether the execution that a result states keeps state: first frames of streams then differ from later ones."""
    kind = kind_of(written)
    return kind in get_args(ExecutionKind) and Execution(kind).keeps_state  # type: ignore[arg-type]
