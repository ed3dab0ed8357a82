"""JSON Schemas of the files that people write, made from the models that read them, so that an editor can help.

``python -m hwsim.commands.json_schema`` writes them to ``hwsim/schemas``; what they cannot say (that a source is
listed, that an interval is in order) `hwsim table check` does.
"""

import json
from pathlib import Path
from typing import Any

from hwsim.files.strict_yaml import Schema
from hwsim.files.whole import write_whole
from hwsim.machine import Machine
from hwsim.network_file.schema import shipped_description_model
from hwsim.pricing.energy_table.schema import TableFile
from hwsim.study.study_file import Study

MODELS: dict[str, type[Schema]] = {
    "energy_table": TableFile,
    "machine": Machine,
    "network": shipped_description_model(),
    "study": Study,
}
FOLDER = Path(__file__).parents[1] / "schemas"


def schema_path(kind: str) -> Path:
    """Where the schema of a kind of file is shipped."""
    return FOLDER / f"{kind}.schema.json"


def schema_text(kind: str) -> str:
    """The JSON Schema of a kind of file, as shipped.

    Parameters
    ----------
    kind : str
        ``energy_table``, ``machine``, ``network`` or ``study``.
    """
    schema: dict[str, Any] = MODELS[kind].model_json_schema(by_alias=True, mode="validation")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in MODELS:
        write_whole(schema_path(each), schema_text(each))
