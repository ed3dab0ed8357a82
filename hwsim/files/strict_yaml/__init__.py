"""The one way hwsim reads YAML: against a schema, and refusing what YAML lets slip.

A key written twice, an unknown key, a number that YAML took for text, a value that is not finite, an alias: each
is an error of one line that names the file, the line, the place, what was found and what to write instead.
"""

from hwsim.files.strict_yaml.complaint import Place
from hwsim.files.strict_yaml.reading import (
    LARGEST_FILE,
    Schema,
    SchemaVersion,
    check_readable,
    file_error,
    load,
    load_by,
    problems,
)

__all__ = [
    "LARGEST_FILE",
    "Place",
    "Schema",
    "SchemaVersion",
    "check_readable",
    "file_error",
    "load",
    "load_by",
    "problems",
]
