"""The conversions, a file each that declares it; importing one registers it.

Declarations import what they call when they are called, so that help needs none of it.
"""

from hwsim.convert.methods.method import METHODS as METHODS
from hwsim.convert.methods.method import Method as Method
from hwsim.convert.methods.method import method_of as method_of
from hwsim.files.modules import import_files

import_files(__name__, __path__)
