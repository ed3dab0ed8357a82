"""What hardware does for each neuron that it updates, as layers say it."""

from dataclasses import dataclass

from hwsim.network.operation import Operation


@dataclass(frozen=True)
class Place:
    """What stands around a layer, as far as it decides what the layer's work is."""

    # steps or scales of the numbers read, one per channel, that nothing has made up for yet; 0: one serves all channels
    n_scale: int = 0
    behind_relu: bool = False  # whether a ReLU stands right before it
    scales_absorbed: bool = False  # whether what follows makes up for a factor of its numbers


def once(*operation: Operation) -> tuple[tuple[Operation, int], ...]:
    """Operations that are executed once each."""
    return tuple((each, 1) for each in operation)


@dataclass(frozen=True)
class CodeTable:
    """What stands in the table that a function of a code is read from, and how much work it takes off the neuron."""

    content: str  # of two tables that hold the same it is the same
    bit_width: int  # of an entry [bits]
    n_function: int = 1  # functions: one for each channel where steps or parameters differ
    n_work: int = 1  # parts of the neuron's work that are in it: this one, and those up to the next code


@dataclass(frozen=True)
class NeuronWork:
    """What hardware executes for each neuron of a layer, once when it is updated, and what it stores for that."""

    layer: str
    operations: tuple[tuple[Operation, int], ...] = ()  # each with how many times, in order
    n_parameter: int = 0  # channels (or neurons) that store numbers of their own: multipliers, offsets, thresholds
    parameter_bit_width: int = 0  # of all that one channel stores [bits]
    table: CodeTable | None = None  # noted by a run, of a function of a code
