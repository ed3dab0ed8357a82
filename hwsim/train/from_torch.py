"""From a torch module to a Network, through ONNX, so that there is one importer."""

import contextlib
import importlib
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hwsim.network.graph import Network
from hwsim.onnx_file import read_onnx
from hwsim.train import TrainingError


def from_torch(
    module: nn.Module, example_input: torch.Tensor, name: str | None = None, keep_real: bool = False
) -> Network:
    """The network that a torch module is, in evaluation mode.

    Modules with Brevitas layers are exported as QONNX, so that their codes stay codes; all others as ONNX.

    Parameters
    ----------
    module : Module
        Any module that torch exports and that reads one tensor. It is left as it is.
    example_input : Tensor
        (n_frame, ...) float; frames of the shape that the network is to read.
    name : str, optional
        Name of the network; that of the module's class when not given.
    keep_real : bool, optional
        Whether weights stay real numbers although their values are those of binary or ternary codes and a scale.

    Raises
    ------
    TrainingError
        When torch cannot export the module.
    NetworkError
        When it has operators that no layer of hwsim stands for; all are named at once.
    """
    name = name or type(module).__name__
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.onnx"
            (_export_brevitas if _is_brevitas(module) else _export)(module, example_input, path)
            return read_onnx(path, keep_real=keep_real)
    finally:
        for each, mode in modes:
            each.training = mode


def _is_brevitas(module: nn.Module) -> bool:
    return any(type(each).__module__.partition(".")[0] == "brevitas" for each in module.modules())


def _export(module: nn.Module, example_input: torch.Tensor, path: Path) -> None:
    """By torch's exporter of TorchScript, which needs nothing beside onnx, and keeps the module's operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one
        try:
            torch.onnx.export(module, (example_input,), str(path), dynamo=False)
        except Exception as error:  # of many kinds, among them RuntimeError
            raise TrainingError(_refusal(module, error)) from error


def _export_brevitas(module: nn.Module, example_input: torch.Tensor, path: Path) -> None:
    """By Brevitas's own exporter to QONNX."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            exporter: Any = importlib.import_module("brevitas.export")
            exporter.export_qonnx(module, example_input, export_path=str(path))
        except Exception as error:
            raise TrainingError(_refusal(module, error)) from error


def _refusal(module: nn.Module, error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0].partition("  [Caused by")[0]
    return f"{type(module).__name__} cannot be exported to ONNX: {first}"
