"""Finding a price: what is stated, what follows from it, and what rules that were asked for make of it.

In this order:

* *exact*: the table states it;
* *law*: a formula in bit widths that the table states, within the widths it states;
* *as another operation*: an equivalence that the table assumes and gives a reason for;
* only when asked for, a *bit-width law* or the *next wider* format (:mod:`hwsim.pricing.energy_table.lookup_rule`);
* memories: what is stated; a memory smaller than the smallest stated one is built as that one; and, only when asked
  for, logarithmic *interpolation* in capacity and word length, a DRAM word *by the bit* of a stated one, an SRAM word
  that is too *narrow* as the narrowest stated one, one that is too *wide* as several of the widest, or the next wider
  word.

No memory is larger than the largest stated one, and no price is ever taken to be zero because it is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.network.operation import Operation
from hwsim.pricing.energy_table.figure_schema import TWO_OPERANDS, UNITS_PER_JOULE, Equivalence, Law, Origin, canonical
from hwsim.pricing.energy_table.lookup_rule import Formats, by_bit_width, is_integer, next_wider, widths_of
from hwsim.pricing.energy_table.price import (
    INTERPOLATED,
    Points,
    Price,
    Process,
    at_capacity,
    interpolate,
    neighbours,
    weakest,
)
from hwsim.pricing.energy_table.schema import Rule

MARKS: dict[Rule, str] = {
    "interpolation": INTERPOLATED,
    "bit-width-law": "bit-width law: ",
    "next-wider": "next wider: ",
    "narrow-words": "narrow word: ",
    "wide-words": "wide word: ",
    "dram-by-bit": "by the bit: ",
}
"""What a price's own account of how it was found holds, where a rule found it."""


@dataclass(frozen=True)
class PricedLaw:
    """A law with the unit of the file that states it, and the process that it is of."""

    law: Law
    unit: str
    process: Process

    def at(self, widths: tuple[int, ...]) -> Price | None:
        """The price at the operands' bit widths; None outside the law's."""
        first, last = self.law.widths
        if not all(first <= width <= last for width in widths):
            return None
        law = self.law
        energy, low, high = (formula.at(widths) / UNITS_PER_JOULE[self.unit] for formula in law.formulas)
        letters = "b1, b2" if len(widths) == 2 else "b"
        rule = f"law: {self.text}, {letters} = {', '.join(map(str, widths))}"
        return Price(energy, low, high, rule, law.standing, *origin_of(law), self.process)

    @property
    def text(self) -> str:
        """The formula with its unit, and those of its interval."""
        law = self.law
        energy, low, high = (formula.text(law.n_operand) for formula in law.formulas)
        return f"{energy} {self.unit}" + (f" ({low} to {high})" if law.low or law.high else "")


def rules_in(price: Price) -> tuple[Rule, ...]:
    """The rules, of those that must be asked for, that found a price."""
    return tuple(rule for rule, mark in MARKS.items() if mark in price.rule)


def origin_of(figure: Origin) -> tuple[str, str]:
    """Source and whereabouts, those of the interval and of the original figure among them."""
    original = f"; originally {figure.original}" if figure.original else ""
    other = getattr(figure, "interval", None)
    interval = f"; interval: {other.where} ({other.source}, {other.standing})" if other is not None else ""
    return figure.source, f"{figure.where}{original}{interval}"


@dataclass(frozen=True, eq=False)
class PriceList:
    """Stated prices, and the rules by which others are found."""

    exact: Mapping[tuple[str, Formats], Price]  # by operation and format
    laws: Mapping[tuple[str, str], PricedLaw]  # by operation and operands
    equivalences: Mapping[tuple[str, str], Equivalence]  # by operation and format
    memories: Mapping[str, Mapping[int, Points]]  # by access, word length [bits], capacity [bytes]; DRAM: 0
    rules: tuple[Rule, ...]  # asked for

    def price(self, operation: Operation) -> Price | None:
        """What one such operation costs; None when the table cannot say.

        Parameters
        ----------
        operation : Operation
            Arithmetic with its operands' formats, or an access with capacity [bytes] and word length [bits].

        Returns
        -------
        Price or None
            Energies in joules; its ``rule`` says how it was found.
        """
        kind = operation.kind
        if kind in self.memories:
            return self._access(operation)
        formats = canonical(operation.format)
        found = self._stated(kind, formats) or self._equivalent(kind, formats, ruled=False)
        return found or self._ruled(kind, formats) or self._equivalent(kind, formats, ruled=True)

    def _stated(self, kind: str, formats: Formats) -> Price | None:
        return self.exact.get((kind, formats)) or self._by_law(kind, formats)

    def _by_law(self, kind: str, formats: Formats) -> Price | None:
        # a x a is kept as a, but the formula speaks of both
        n_operand = 2 if kind in TWO_OPERANDS and len(formats) == 1 else len(formats)
        for kept in ("integer", "any"):
            law = self.laws.get((kind, kept))
            spoken_of = kept == "any" or all(map(is_integer, formats))
            if law is None or n_operand != law.law.n_operand or not spoken_of:
                continue
            price = law.at(widths_of(kind, formats))
            if price is not None:
                return price
        return None

    def _ruled(self, kind: str, formats: Formats) -> Price | None:
        """What the rules that were asked for make of the stated figures, the laws' widest among them."""
        if not {"bit-width-law", "next-wider"} & set(self.rules):
            return None
        stated = {**self._narrow_ends(kind, formats), **self.exact}
        price = by_bit_width(kind, formats, stated) if "bit-width-law" in self.rules else None
        return price or (next_wider(kind, formats, stated) if "next-wider" in self.rules else None)

    def _narrow_ends(self, kind: str, formats: Formats) -> dict[tuple[str, Formats], Price]:
        """What a law gives where each operand is as wide as the law at least wants it."""
        law = self.laws.get((kind, "integer")) or self.laws.get((kind, "any"))
        if law is None or not all(map(is_integer, formats)):
            return {}
        widths = tuple(max(width, law.law.widths[0]) for width in widths_of(kind, formats))
        price = law.at(widths) if len(widths) == law.law.n_operand else None
        return {} if price is None else {(kind, canonical([f"int{width}" for width in widths])): price}

    def _equivalent(self, kind: str, formats: Formats, ruled: bool) -> Price | None:
        if len(formats) != 1:
            return None
        same = self.equivalences.get((kind, formats[0]))
        if same is None and is_integer(formats[0]):
            same = self.equivalences.get((kind, "integer"))
        if same is None:
            return None
        other = same.as_format or formats[0]
        price = (self._ruled if ruled else self._stated)(same.as_operation, (other,))
        if price is None:
            return None
        rule = f"as {same.as_operation} {other}: {price.rule}"
        where = f"{same.reason}; {price.where}"
        return price._replace(rule=rule, standing=weakest("assumed", price.standing), where=where)

    def _access(self, operation: Operation) -> Price | None:
        columns, capacity = self.memories[operation.kind], operation.capacity
        is_dram = operation.kind.startswith("dram")
        if is_dram:
            capacity = 0
        elif capacity < 1:
            return None
        if operation.word_length < 1:
            return None
        word_lengths = neighbours(columns, operation.word_length)
        if len(word_lengths) == 2 and "interpolation" not in self.rules:
            word_lengths = ()
        if not word_lengths and is_dram and "dram-by-bit" in self.rules:
            return self._by_the_bit(columns, operation.word_length)
        if not word_lengths:
            return self._other_word(columns, capacity, operation.word_length, is_dram)
        prices: dict[int, Price] = {}
        for word_length in word_lengths:
            price = self._at_capacity(columns[word_length], capacity)
            if price is None:
                return None
            prices[word_length] = price
        return interpolate(prices, operation.word_length, "word length", "bits")

    def _by_the_bit(self, columns: Mapping[int, Points], word_length: int) -> Price:
        """A share of the next wider stated word of a DRAM, or a multiple of the widest."""
        stated = min((each for each in columns if each > word_length), default=max(columns))
        price = columns[stated][0].times(word_length / stated)
        return price._replace(rule=f"by the bit: {word_length} bits at the rate of a {stated}-bit word: {price.rule}")

    def _other_word(
        self, columns: Mapping[int, Points], capacity: int, word_length: int, is_dram: bool
    ) -> Price | None:
        """A word that has no price between stated ones, by the rules that were asked for."""
        narrowest, widest = min(columns), max(columns)
        if word_length < narrowest and "narrow-words" in self.rules and not is_dram:
            price = self._at_capacity(columns[narrowest], capacity)
            return price and price._replace(rule=f"narrow word: {narrowest}-bit word: {price.rule}")
        if word_length > widest and "wide-words" in self.rules and not is_dram:
            return self._side_by_side(columns[widest], capacity, widest, -(-word_length // widest))
        return self._wider_word(columns, capacity, word_length) if "next-wider" in self.rules else None

    def _side_by_side(self, points: Points, capacity: int, word_length: int, n_bank: int) -> Price | None:
        """One word of each of several equal banks, which together hold as much as the one memory."""
        each = -(-capacity // n_bank)
        price = self._at_capacity(points, each)
        banks = f"{n_bank} banks side by side, each of {each} bytes with a {word_length}-bit word"
        return price and price.times(n_bank)._replace(rule=f"wide word: {banks}: {price.rule}")

    def _wider_word(self, columns: Mapping[int, Points], capacity: int, word_length: int) -> Price | None:
        wider = [each for each in columns if each > word_length]
        price = self._at_capacity(columns[min(wider)], capacity) if wider else None
        return price and price._replace(rule=f"next wider: {min(wider)}-bit word: {price.rule}")

    def _at_capacity(self, points: Points, capacity: int) -> Price | None:
        between = capacity > min(points) and capacity not in points
        return None if between and "interpolation" not in self.rules else at_capacity(points, capacity)
