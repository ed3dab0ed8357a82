"""The start of a machine of one's own, as a file."""

import json
from pathlib import Path

from hwsim.errors import FileError
from hwsim.files.existing import check_free
from hwsim.files.whole import write_whole

FOLDER = Path(__file__).parents[1] / "schemas"


def new_machine(path: str | Path, force: bool = False) -> None:
    """Write a commented machine with levels, to be changed key by key.

    Parameters
    ----------
    path : str or Path
        A file that ends in .yaml; the machine is named as it is.
    force : bool
        Replace the file that is there.

    Raises
    ------
    FileError
        When the file exists and may not be replaced, or cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        raise FileError(f"{path}: machines end in .yaml; write {path.name}.yaml")
    check_free(path, force)
    text = (FOLDER / "new_machine.yaml").read_text(encoding="utf-8")
    text = text.replace("{schema}", (FOLDER / "machine.schema.json").as_uri())
    write_whole(path, text.replace("{name}", json.dumps(path.stem, ensure_ascii=False)))
