"""Simulate quantized and sigma-delta neural networks event by event, count every operation, price the counts.

One way through the package::

    network = hwsim.load_network("mnist-mlp-rounding")              # a name in models/, or a folder
    data = hwsim.load_dataset("mnist", split="test", order="temporal")
    run = hwsim.simulate(network, data, execution="delta")          # what happened
    counts = hwsim.count(run.activity, machine="sigma-delta-adder")  # what the hardware did
    energy = hwsim.price(counts, table="default_45nm")              # what it cost

and ``hwsim.compare(...)`` walks it for many networks, machines and tables at once. Names below are loaded when
first used, so that ``import hwsim`` is cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim.activity import Activity as Activity
    from hwsim.activity import Delta as Delta
    from hwsim.activity import Execution as Execution
    from hwsim.activity.rules import RULES as RULES
    from hwsim.counting.accounting import count as count
    from hwsim.counting.counts import Counts as Counts
    from hwsim.datasets import Dataset as Dataset
    from hwsim.datasets import Preprocessing as Preprocessing
    from hwsim.datasets import Source as Source
    from hwsim.datasets import load_dataset as load_dataset
    from hwsim.errors import HwsimError as HwsimError
    from hwsim.machine import Machine as Machine
    from hwsim.machine import load_machine as load_machine
    from hwsim.network.graph import Network as Network
    from hwsim.network.layers import *  # noqa: F403
    from hwsim.network.number_format import NumberFormat as NumberFormat
    from hwsim.network_file import load_network as load_network
    from hwsim.network_file import save_network as save_network
    from hwsim.onnx_file import write_onnx as write_onnx
    from hwsim.pricing.breakdown import Breakdown as Breakdown
    from hwsim.pricing.energy import price as price
    from hwsim.pricing.energy_table import EnergyTable as EnergyTable
    from hwsim.pricing.energy_table import load_table as load_table
    from hwsim.simulation.run import Run as Run
    from hwsim.simulation.simulator import simulate as simulate
    from hwsim.study.comparison import Comparison as Comparison
    from hwsim.study.comparison import compare as compare
    from hwsim.timing.schedule import schedule as schedule
    from hwsim.timing.timing import Timing as Timing
    from hwsim.train.from_torch import from_torch as from_torch
    from hwsim.training_cost import count_training as count_training

__version__ = "0.2.0"

_HOME = {
    "counting.accounting": ("count",),
    "study.comparison": ("Comparison", "compare"),
    "counting.counts": ("Counts",),
    "datasets": ("Dataset", "Preprocessing", "Source", "load_dataset"),
    "pricing.breakdown": ("Breakdown",),
    "pricing.energy": ("price",),
    "pricing.energy_table": ("EnergyTable", "load_table"),
    "errors": ("HwsimError",),
    "machine": ("Machine", "load_machine"),
    "network.layers.weight": ("Weight",),
    "network_file": ("load_network", "save_network"),
    "network.graph": ("Network",),
    "network.number_format": ("NumberFormat",),
    "onnx_file": ("write_onnx",),
    "activity": ("Activity", "Delta", "Execution", "RULES"),
    "simulation.run": ("Run",),
    "simulation.simulator": ("simulate",),
    "timing.schedule": ("schedule",),
    "timing.timing": ("Timing",),
    "train.from_torch": ("from_torch",),
    "training_cost": ("count_training",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562): a layer's from the registry of layers, as a class capitalised."""
    if name == "__all__":
        return ["__version__", *sorted({*_MODULE_OF, *_layers()})]
    if name in _MODULE_OF:
        return _loaded(name)
    if name[:1].isupper() and name in (layers := _layers()):
        return layers[name]
    raise AttributeError(f"module 'hwsim' has no attribute {name!r}")


def _layers() -> dict[str, Any]:
    from hwsim.network.layers import shipped_layer_types

    return {layer.__name__: layer for layer in shipped_layer_types().values()}


def _loaded(name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"hwsim.{_MODULE_OF[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(f"hwsim.{name} needs torch; pip install 'hwsim[train]'", name="torch") from None


def __dir__() -> list[str]:
    """The public names."""
    names: list[str] = __getattr__("__all__")
    return names
