"""What happened: the contract between simulation, which notes it, and all that is made of it afterwards."""

from hwsim.activity.activity import (
    Activity,
    ConnectionActivity,
    Histogram,
    JoinActivity,
    LayerActivity,
    Need,
    SignalActivity,
)
from hwsim.activity.execution import Delta, Execution, ExecutionKind, keeps_state, kind_of
from hwsim.activity.group_cost import GroupCost
from hwsim.activity.rules import COLUMN, RULES
from hwsim.activity.slices import Cores, SlicesStored, Slicing
from hwsim.activity.stored_rows import RowsRead, RowsStored
from hwsim.activity.strips import Strip, StripsMet
from hwsim.network.neuron_work import NeuronWork

__all__ = [
    "COLUMN",
    "RULES",
    "Activity",
    "ConnectionActivity",
    "Cores",
    "Delta",
    "Execution",
    "ExecutionKind",
    "GroupCost",
    "Histogram",
    "JoinActivity",
    "LayerActivity",
    "Need",
    "NeuronWork",
    "RowsRead",
    "RowsStored",
    "SignalActivity",
    "SlicesStored",
    "Slicing",
    "Strip",
    "StripsMet",
    "keeps_state",
    "kind_of",
]
