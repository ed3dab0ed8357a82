"""Functions of numbers as a machine carries them out: read from tables of codes, or made of straight lines.

Layers say `sigmoid`, `tanh`, `elu`, `look_up` and `division`; here they become reads of a memory, comparisons,
multiplications and additions. A machine that has a unit for each (`functions: unit`) keeps them as they are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from hwsim.activity import Activity, JoinActivity, LayerActivity, NeuronWork
from hwsim.errors import MachineError
from hwsim.machine import WIDEST_TABLE, Machine, is_looked_up, n_segment
from hwsim.network.neuron_work import CodeTable
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import FUNCTIONS, Operation
from hwsim.traffic.contents import is_whole

MEMORY = "functions"
"""Name of the memories of tables, and of what they hold."""

QUOTIENT = "division"
Times = tuple[Operation, int]


class CarriedOut(NamedTuple):
    """An activity whose functions have become operations, and what they need."""

    activity: Activity
    tables: tuple[Operation, ...] = ()  # a read of each memory that holds a function's table, one per distinct function
    notes: tuple[str, ...] = ()


def carried_out(activity: Activity, machine: Machine) -> CarriedOut:
    """What happened, with every function of numbers as the operations that a machine executes for it.

    Parameters
    ----------
    activity : Activity
        Of a run.
    machine : Machine
        Says how: ``functions``.

    Returns
    -------
    CarriedOut
        Layers without functions are the same objects.

    Raises
    ------
    MachineError
        Where a machine wants a table of codes that are too wide for one.
    """
    if machine.functions == "unit":
        return CarriedOut(activity)
    functions = _Functions(machine)
    layers = tuple(functions.in_layer(layer) for layer in activity.layers)
    return CarriedOut(replace(activity, layers=layers), tuple(functions.tables.values()), tuple(functions.notes()))


class _Functions:
    """The functions of a network on a machine, and the tables that they need, each once."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.tables: dict[tuple[object, ...], Operation] = {}
        self.has_lines = False

    def in_layer(self, layer: LayerActivity) -> LayerActivity:
        """A layer with its functions carried out; one whose neurons are inside a chip's own operations as it is."""
        if is_whole(layer, self.machine) or not any(map(_is_function, _operations(layer))):
            return layer
        return replace(layer, work=tuple(self._works(layer)), joins=tuple(map(self._join, layer.joins)))

    def notes(self) -> Iterator[str]:
        """What a reader must know of them."""
        if self.tables:
            yield f"functions of codes: {len(self.tables)} in tables of their own, each with all up to the next code"
        if self.has_lines:
            yield f"functions: {n_segment(self.machine.functions)} straight lines for what is in no table"

    def _works(self, layer: LayerActivity) -> Iterator[NeuronWork]:
        left = list(layer.work)
        while left:
            part, taken = left[0], 1
            number = next((each for each, _ in part.operations if each.kind in FUNCTIONS), None)
            if part.table is not None and number is not None and self._is_looked_up(part.layer, number):
                yield NeuronWork(part.layer, ((self._read_of_codes(number, part.table), 1),))
                taken = part.table.n_work
            else:
                yield replace(part, operations=tuple(self._all(part.layer, part.operations)))
            left = left[taken:]

    def _join(self, join: JoinActivity) -> JoinActivity:
        """Of a product or quotient of signals, operations are named as often as they are executed."""
        times = self._all(join.layer, ((operation, 1) for operation in join.operations))
        return replace(join, operations=tuple(operation for operation, n in times for _ in range(n)))

    def _all(self, layer: str, operations: Iterable[Times]) -> Iterator[Times]:
        for operation, n in operations:
            if not _is_function(operation):
                yield operation, n
                continue
            for each, n_of_each in self._function(layer, operation):
                yield each, n * n_of_each

    def _function(self, layer: str, operation: Operation) -> Iterator[Times]:
        """A function of one number; a quotient is a product with a reciprocal, which is one of the divisor."""
        number = operation.format[0]
        if self._is_looked_up(layer, operation):
            content = (operation.kind, number) if operation.kind == QUOTIENT else (operation.kind, number, layer)
            yield self._read(content, _width(operation), _width(operation)), 1
        else:
            yield from self._lines(number)
        if operation.kind == QUOTIENT:
            yield Operation("multiplication", (number, number)), 1

    def _lines(self, number: str) -> Iterator[Times]:
        """The line is found by halving; then a x + b, all in the number's own format."""
        self.has_lines = True
        yield Operation("comparison", (number,)), (n_segment(self.machine.functions) - 1).bit_length()
        yield Operation("multiplication", (number, number)), 1
        yield Operation("addition", (number,)), 1

    def _is_looked_up(self, layer: str, operation: Operation) -> bool:
        """Whether the function of such a number is a table."""
        number = NumberFormat.parse(operation.format[0])
        if number.is_real or not is_looked_up(self.machine.functions, number.bit_width):
            return False
        if number.bit_width > WIDEST_TABLE:
            raise MachineError(
                f"machine {self.machine.name}: layer {layer}: a table of {operation.kind} for {number} has 2^"
                f"{number.bit_width} entries, expected codes of at most {WIDEST_TABLE} bits; quantize before it, or "
                "write functions: piecewise-linear"
            )
        return True

    def _read_of_codes(self, operation: Operation, table: CodeTable) -> Operation:
        return self._read((table.content,), _width(operation), table.bit_width, table.n_function)

    def _read(self, content: tuple[object, ...], code_bits: int, bits: int, n_function: int = 1) -> Operation:
        """One entry, of a memory that holds an entry for each code."""
        n_byte = -(-n_function * 2**code_bits * bits // 8)
        capacity = 1 << (n_byte - 1).bit_length()
        return self.tables.setdefault(content, Operation("sram_read", (), MEMORY, capacity, bits, MEMORY))


def _operations(layer: LayerActivity) -> Iterator[Operation]:
    for work in layer.work:
        yield from (operation for operation, _ in work.operations)
    for join in layer.joins:
        yield from join.operations


def _is_function(operation: Operation) -> bool:
    return operation.kind in (*FUNCTIONS, QUOTIENT) and bool(operation.format)


def _width(operation: Operation) -> int:
    return NumberFormat.parse(operation.format[0]).bit_width
