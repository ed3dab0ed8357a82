"""A study as a file: what `hwsim compare` runs, and what it runs when told nothing."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from hwsim.datasets import Preprocessing, Source
from hwsim.errors import DataError, UnknownNameError
from hwsim.files import strict_yaml
from hwsim.files.catalogue import network_names
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.pricing.energy_table.schema import Rule
from hwsim.simulation.accuracy import TOLERANCE
from hwsim.study.capacities import Chip

Phase = Literal["encode", "synapse", "neuron", "memory"]
Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


def _preprocessing(written: Any) -> Any:
    """As a file has it, checked by Preprocessing itself, so that a study and a command are told the same."""
    return Preprocessing.of(written) if isinstance(written, dict) else written


PREPROCESSING_SCHEMA = TypeAdapter(Preprocessing).json_schema() | {"additionalProperties": False, "description": ""}

WrittenPreprocessing = Annotated[Preprocessing, BeforeValidator(_preprocessing), WithJsonSchema(PREPROCESSING_SCHEMA)]


class Row(Schema):
    """One network on some machines."""

    network: str
    machines: Names


class Baseline(Schema):
    """A row that advantages are relative to."""

    network: str
    machine: str


def _listed(written: Any) -> Any:
    """One baseline is a list of one."""
    if isinstance(written, list):
        return tuple(written)
    return written if isinstance(written, tuple) else (written,)


Baselines = Annotated[
    tuple[Baseline, ...],
    BeforeValidator(_listed, json_schema_input_type=Baseline | tuple[Baseline, ...]),
    Field(min_length=1),
]


class Study(Schema):
    """Networks x machines x tables on one data set, against baselines."""

    schema_version: SchemaVersion = Field(alias="schema")
    name: str
    data: str
    split: Literal["train", "test"] = "test"
    order: Literal["file", "temporal"] = "file"
    frames: Annotated[int, Field(ge=1)] | None = None  # only the first so many
    step: float | None = None  # real value of one code, of data that state none
    preprocessing: WrittenPreprocessing = Preprocessing()
    rows: Annotated[tuple[Row, ...], Field(min_length=1, strict=False)]
    tables: Names = ("default_45nm",)
    baseline: Baselines | None = None  # the first is the one that accuracies are compared with; unless said, the usual
    chip: Chip = "own"  # memories with `fit`: as large as each row needs, or as any row needs
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, strict=False)] | None = None
    frame_rate: Annotated[float, Field(gt=0)] | None = None  # inferences per second: adds static energy [1/s]
    # how far from the baseline's an accuracy may be to count as the same [points]
    accuracy_tolerance: Annotated[float, Field(ge=0, le=100)] = TOLERANCE
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = ()  # ways to find prices that the tables do not state

    @property
    def source(self) -> Source:
        """The data with how they are read."""
        return Source(self.data, self.step, self.preprocessing)


FRAME_BY_FRAME = ("mac-array", "zero-skipping-mac", "delta-mac")
ADDERS = ("mac-array", "rounding-adder", "sigma-delta-adder")


def load_study(path: str | Path) -> Study:
    """Read a study's YAML file; FileError when it is none."""
    return strict_yaml.load(Path(path), Study)


def default_study(data: str) -> Study:
    """The networks that ship for a data set, each dense, sparse and under delta.

    Raises
    ------
    UnknownNameError, DataError
        When no network ships for the data set; for a path.
    """
    if Path(data).suffix or len(Path(data).parts) > 1:
        raise DataError(
            f"{data}: no networks ship for data of your own; name some in a study: hwsim compare STUDY.yaml"
        )
    float_network = f"{data}-mlp"
    if float_network not in network_names():
        raise UnknownNameError("network", float_network, network_names())
    rows = (
        Row(network=float_network, machines=FRAME_BY_FRAME),
        Row(network=f"{float_network}-int8", machines=FRAME_BY_FRAME),
        Row(network=f"{float_network}-rounding", machines=ADDERS),
        Row(network=f"{float_network}-sigma-delta", machines=ADDERS),
    )
    return Study(
        schema=1,
        name=data,
        data=data,
        rows=tuple(row for row in rows if row.network in network_names()),
    )
