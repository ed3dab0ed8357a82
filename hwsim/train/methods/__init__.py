"""The training methods, a file for each or for a family, which declares them; importing one registers its methods.

None of them imports torch before it makes weights, so that help and documentation need none.
"""

from hwsim.files.modules import import_files
from hwsim.train.methods.method import METHODS as METHODS
from hwsim.train.methods.method import Method as Method
from hwsim.train.methods.method import Options as Options
from hwsim.train.methods.method import Variant as Variant
from hwsim.train.methods.method import method_of as method_of

import_files(__name__, __path__)
