"""What counted operations cost, line by line, so that every joule can be followed back to its source."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.activity.rules import COLUMN
from hwsim.counting.counts import PHASES, Counts, Key
from hwsim.errors import TableError
from hwsim.files.views import Viewed
from hwsim.pricing import static_power
from hwsim.pricing.basis import Basis, basis
from hwsim.pricing.energy_table import EnergyTable
from hwsim.pricing.energy_table.price import Price
from hwsim.pricing.energy_table.price_list import rules_in
from hwsim.pricing.lacking import shortened
from hwsim.pricing.static_power import FRAME_RATE, Leak
from hwsim.timing.timing import Timing

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """One count and its price."""

    key: Key
    count: npt.NDArray[np.int64]  # (n_group,)
    price: Price  # as the table has it
    overhead: tuple[float, float] = (1.0, 1.0)  # low and high factor of the machine, on arithmetic

    @property
    def charged(self) -> Price:
        """The price with the machine's overhead: at its low factor, and in the interval at both."""
        (least, most), price = self.overhead, self.price
        return price._replace(energy=price.energy * least, low=price.low * least, high=price.high * most)

    @property
    def energy(self) -> FloatArray:
        """(n_group,) [J]"""
        return np.asarray(self.count * self.charged.energy, np.float64)


@dataclass(frozen=True, eq=False)
class Breakdown(Viewed):
    """What the counted operations cost: dynamic energy, and static energy where a frame rate or a time was given."""

    lines: tuple[Line, ...]
    counts: Counts
    table: EnergyTable
    phases: tuple[str, ...]  # those that are priced; `static` among them where there is such a line
    frame_rate: float | None = None  # that was given, inferences per second [1/s]
    timing: Timing | None = None  # of the same run on the same machine, where it is known

    def __repr__(self) -> str:
        """What was priced with which table, and the energy of an inference."""
        counts, phases = self.counts, ", ".join(self.phases)
        what = f"{self.per_inference:.4g} J per inference ({phases})"
        return f"<Breakdown of {counts.network} on {counts.data}, {counts.machine}, {self.table.name}: {what}>"

    @property
    def rules(self) -> int:
        """Rules that the operations were counted by."""
        return self.counts.rules

    @property
    def total(self) -> float:
        """Energy of all frames. [J]"""
        return float(sum(line.energy.sum() for line in self.lines))

    @property
    def low(self) -> float:
        """Energy of all frames at the low end of every price. [J]"""
        return float(sum((line.count * line.charged.low).sum() for line in self.lines))

    @property
    def high(self) -> float:
        """Energy of all frames at the high end of every price. [J]"""
        return float(sum((line.count * line.charged.high).sum() for line in self.lines))

    @property
    def per_inference(self) -> float:
        """Mean energy of a frame, first frames included. [J]"""
        return self.total / self.counts.n_inference

    @property
    def energy_delay(self) -> float | None:
        """Energy of an inference times its mean latency; None where no time is known. [J s]"""
        return None if self.timing is None else self.per_inference * self.timing.latency

    @property
    def rate(self) -> float:
        """Inferences per second at which it is shown as power. [1/s]

        The frame rate that was given; else that of frames back to back where these pay static power, else 30; and
        never more than the machine does.
        """
        back_to_back = self.frame_rate is None and "static" in self.phases
        return static_power.reached(None if back_to_back else self.frame_rate or FRAME_RATE, self.timing)

    @property
    def dynamic(self) -> float:
        """Energy of all frames without any static share. [J]"""
        return float(sum(line.energy.sum() for line in self.lines if line.key.phase != "static"))

    @cached_property
    def leaks(self) -> tuple[Leak, ...] | None:
        """Static powers of what was counted; None where the table states none, or not that of all."""
        try:
            return static_power.leaks(self.counts, self.table)
        except TableError:
            return None

    @property
    def static_power(self) -> float | None:
        """Power that flows whether or not anything happens; None where the table does not state it. [W]"""
        return None if self.leaks is None else float(sum(leak.power.energy for leak in self.leaks))

    def dynamic_power(self, frame_rate: float | None = None) -> float:
        """What the dynamic energy means as power, arguments and errors as of :meth:`power`. [W]"""
        rate = self.rate
        if frame_rate is not None:
            rate = static_power.reached(static_power.checked_rate(frame_rate), self.timing)
        return rate * self.dynamic / self.counts.n_inference

    def power(self, frame_rate: float | None = None) -> float:
        """Dynamic power at a frame rate, and static power where the table states it. [W]

        Parameters
        ----------
        frame_rate : float, optional
            Inferences per second, of which a machine with a time does no more than it can; unless given,
            :attr:`rate`. [1/s]

        Raises
        ------
        TableError
            When the frame rate is none.
        """
        return self.dynamic_power(frame_rate) + (self.static_power or 0.0)

    def with_timing(self, timing: Timing) -> "Breakdown":
        """The same dynamic energy beside the time that it takes; nothing is at a rate that is not reached.

        Raises
        ------
        MachineError
            When the timing is that of another machine, network, execution or data.
        """
        static_power.check_same_run(self.counts, timing)
        timed = replace(self, timing=timing)
        return timed.at_rate(self.frame_rate) if "static" in self.phases else timed

    def at_rate(self, frame_rate: float | None) -> "Breakdown":
        """The same result where each inference also pays its share of the static power, as a phase ``static``.

        Parameters
        ----------
        frame_rate : float or None
            Inferences per second, of which a machine with a time does no more than it can; None: back to back. [1/s]

        Raises
        ------
        TableError
            When the frame rate is none, or the table states powers of memories but not that of one which is needed.
        """
        if frame_rate is not None:
            static_power.checked_rate(frame_rate)
        rate = static_power.reached(frame_rate, self.timing)
        static = [
            Line(leak.key, self.counts.n_frame, leak.share(rate))
            for leak in static_power.leaks(self.counts, self.table) or ()
        ]
        dynamic = [line for line in self.lines if line.key.phase != "static"]
        phases = (*(phase for phase in self.phases if phase != "static"), *(("static",) if static else ()))
        return replace(self, lines=(*dynamic, *static), phases=phases, frame_rate=frame_rate)

    @cached_property
    def basis(self) -> Basis:
        """What the energy rests on: shares by process and standing of the figures, static ones where it holds them."""
        parts = ((line.key.operation.kind, line.price, float(line.energy.sum())) for line in self.lines)
        return basis(self.table.own_process, parts)

    @property
    def static_basis(self) -> Basis | None:
        """What the static power rests on; None where there is none."""
        parts = [("leakage", leak.power, leak.power.energy) for leak in self.leaks or ()]
        return basis(self.table.own_process, parts) if parts else None

    @cached_property
    def by_group(self) -> FloatArray:
        """Energy of each group of frames. (n_group,) [J]"""
        return np.sum([line.energy for line in self.lines], axis=0) if self.lines else np.zeros(len(self.counts.groups))

    def of(self, phase: str | None = None, kind: str | None = None, layer: str | None = None) -> float:
        """Energy of all frames in one phase, kind of operation or layer, where given. [J]"""
        return float(
            sum(
                line.energy.sum()
                for line in self.lines
                if phase in (None, line.key.phase)
                and kind in (None, line.key.operation.kind)
                and layer in (None, line.key.layer)
            )
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: hypotheses, and prices that no source states as such."""
        left_out = [phase for phase in PHASES if phase not in self.phases]
        return (
            *self.counts.notes,
            *((f"phases not priced: {', '.join(left_out)}",) if left_out else ()),
            *self._static_notes(),
            *(f"energy: {note}" for note in self.basis.notes),
            *sorted(
                {f"{line.key.operation.kind}: {line.price.rule}" for line in self.lines if line.price.rule != "exact"}
            ),
        )

    def _static_notes(self) -> Iterator[str]:
        if "static" in self.phases:
            yield from static_power.notes(self.frame_rate, self.timing)
        elif (self.frame_rate or self.timing) and not self.table.leakage:
            yield f"no static energy: {self.table.name} states no static power of memories or of a whole chip"

    @property
    def rules_used(self) -> tuple[str, ...]:
        """Each rule that was asked for and found prices, with what it priced, in words."""
        priced: dict[str, dict[str, None]] = defaultdict(dict)
        for line in self.lines:
            whole = ("whole-mac",) if line.key.operation.kind == "mac" else ()
            for rule in (*rules_in(line.price), *whole):
                priced[rule][str(line.key.operation)] = None
        return tuple(f"rule {rule} used for {shortened(list(each))}" for rule, each in priced.items())

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per layer, phase, operation and group of frames, with price, rule and source."""
        import pandas as pd

        columns = ["layer", "phase", "operation", "format", "memory", "capacity [bytes]", "word length [bits]"]
        columns += ["operand", "frames", "count", "energy [J]", "low [J]", "high [J]"]
        columns += ["rule", "standing", "source", "where"]
        columns += ["process node [nm]", "supply [V]", COLUMN]
        rows = []
        for line in self.lines:
            operation, price = line.key.operation, line.charged
            what = (operation.kind, " x ".join(operation.format), *operation[2:])
            source = (price.rule, price.standing, price.source, price.where, *price.process)
            for group, number in zip(self.counts.groups, line.count, strict=True):
                if number:
                    joule = (number * price.energy, number * price.low, number * price.high)
                    key = (line.key.layer, line.key.phase, *what)
                    rows.append((*key, group, int(number), *joule, *source, self.rules))
        return pd.DataFrame(rows, columns=columns)
