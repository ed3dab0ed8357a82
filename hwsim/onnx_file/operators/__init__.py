"""The families of operators, each in a file that reads and writes it; importing this folder registers them all."""

from hwsim.files.modules import import_files

import_files(__name__, __path__)
