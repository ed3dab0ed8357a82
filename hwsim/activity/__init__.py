"""What happened: the contract between simulation, which notes it, and all that is made of it afterwards."""

from hwsim.activity.activity import (
    Activity,
    ConnectionActivity,
    Histogram,
    JoinActivity,
    LayerActivity,
    NeuronWork,
    SignalActivity,
    WorkKind,
)
from hwsim.activity.execution import Delta, Execution, ExecutionKind
from hwsim.activity.rules import COLUMN, RULES
from hwsim.activity.stored_rows import RowsRead, RowsStored

__all__ = [
    "COLUMN",
    "RULES",
    "Activity",
    "ConnectionActivity",
    "Delta",
    "Execution",
    "ExecutionKind",
    "Histogram",
    "JoinActivity",
    "LayerActivity",
    "NeuronWork",
    "RowsRead",
    "RowsStored",
    "SignalActivity",
    "WorkKind",
]
