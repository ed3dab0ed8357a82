"""What a stage's head does with a block of the signals it reads, and what there is to tell of it afterwards.

A head is prepared once for a network: weights in the layout and width the kernels run fastest in. ``run`` takes the
emitted signals of a block and returns what the stage's element-wise layers go on with; ``connections``, ``joins``
and ``touched`` make the head's part of an Activity from the notes of a finished run.

A head is registered for the classes of layers that it serves where it is defined, by ``serves``; ``head_of`` finds it.
"""

from hwsim.files.modules import import_files
from hwsim.simulation.heads.head import Head, head_of, serves

__all__ = ["Head", "head_of", "serves"]

import_files(__name__, __path__)
