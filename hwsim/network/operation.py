"""The elementary operations that hardware executes, each on numbers of some format."""

from typing import NamedTuple

from hwsim.network.number_format import NumberFormat

ARITHMETIC = (
    "addition",
    "multiplication",
    "constant_shift",
    "variable_shift",
    "comparison",
    "xnor",
    "exponent_addition",
    "conversion",
    "sigmoid",
    "tanh",
    "elu",
    "division",
    "look_up",
    "random_number",
)
FUNCTIONS = ("sigmoid", "tanh", "elu", "look_up")
"""Functions of one number, whose work a machine carries out in its own way: `look_up` is any that has no name here."""
LARGEST_COUNT = 2**63 - 1
"""Counts are 64-bit integers, which never wrap."""
WHOLE = ("mac", "synaptic_operation", "neuron_update")
"""Operations that stand for several: a multiplication with its accumulation (of two operand formats), and what a
neuromorphic chip does for one event at one synapse, or for one neuron (of no format)."""
ACCESSES = ("sram_read", "sram_write", "dram_read", "dram_write", "register_update")


class Operation(NamedTuple):
    """One kind of work: arithmetic on numbers of some format, or an access to a memory."""

    kind: str  # one of ARITHMETIC, WHOLE or ACCESSES
    format: tuple[str, ...] = ()  # operands, e.g. ("int32",) or ("int9", "int8"); register_update: ("int32",)
    memory: str = ""  # accesses: name of the level
    capacity: int = 0  # accesses: size of the memory [bytes]
    word_length: int = 0  # accesses: bits moved [bits]
    operand: str = ""  # accesses: what for (weights, codes, state, sums, pointers, functions)

    @classmethod
    def of(cls, kind: str, *format: NumberFormat) -> "Operation":
        """Arithmetic on numbers of these formats."""
        return cls(kind, tuple(each.operand for each in format))

    def __str__(self) -> str:
        """In words, for tables and messages."""
        if self.format:
            return f"{self.kind} {' x '.join(self.format)}"
        if not self.word_length:
            return self.kind
        size = f"{self.capacity / 1024:g} KiB" if self.capacity >= 1024 else f"{self.capacity} bytes"
        size = size if self.capacity else "off chip"
        return f"{self.kind} of {self.word_length} bits, {self.memory}, {size}"
