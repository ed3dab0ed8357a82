"""What a machine is to the reference."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """How a machine walks through a network, and what one synaptic operation is on it."""

    execution: str = "dense"  # dense, sparse or delta
    arithmetic: str = "multiply"  # of integer events: multiply, unary, shift-add or unary-up-to
    largest_unary: int = 2  # the n of unary-up-to: n
    gate_zero_inputs: bool = False  # no arithmetic on zero inputs; traffic as ever
    skip_zero_weights: bool = False
    lanes: tuple[int, int] = (256, 1)  # of Dense: Pc output channels x Pp positions
    lanes_convolution: tuple[int, int] = (16, 16)
    word_length: int = 32  # [bits]
    run_bits: int | None = None  # weights are stored without zeros, with runs of so many bits
    bitmap: bool = False  # events are told by one bit for each code
    per_row: bool = False  # accumulators are in SRAM: no working store
    ideal: bool = False  # whatever has been read once is at hand
    batch: int = 1  # frames that share what is read of the weights
    functions: str | int = "by width"  # lookup, unit, so many segments, or: tables of codes of up to 12 bits
    whole: bool = False  # the chip's own operations: one for an event and a synapse, one for a neuron

    def reads_a_table(self, number) -> bool:
        """Whether a function of such numbers is a list with an entry for each."""
        if number.is_real or self.functions == "unit" or isinstance(self.functions, int):
            return False
        return self.functions == "lookup" or number.n_bit <= 12

    @property
    def is_dense(self):
        return self.execution == "dense"

    @property
    def is_sparse(self):
        return self.execution == "sparse"

    @property
    def is_delta(self):
        return self.execution == "delta"


PRESETS = {
    "mac-array": Machine("dense"),
    "mac-array-gated": Machine("dense", gate_zero_inputs=True),
    "zero-skipping-mac": Machine("sparse", "unary-up-to", 2, skip_zero_weights=True),
    "delta-mac": Machine("delta", "unary-up-to", 2, skip_zero_weights=True),
    "rounding-adder": Machine("sparse", "unary"),
    "sigma-delta-adder": Machine("delta", "unary"),
    "eie-like": Machine("sparse", "unary-up-to", 2, skip_zero_weights=True, run_bits=4),
    "neuromorphic-core": Machine("delta", "unary", per_row=True),
    "neuromorphic-per-synapse": Machine("delta", "unary", whole=True),
    "ideal-reuse": Machine("dense", ideal=True),
    "mac-array-dram": Machine("dense"),
    "mac-array-batch": Machine("dense", batch=16),
}
