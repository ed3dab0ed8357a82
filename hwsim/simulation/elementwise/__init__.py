"""Element-wise layers at work on blocks of frames: the frames' way in, and a step for each kind of layer.

``step``: what a step is, and how one is registered for a layer's class; ``steps``: from layers to steps, where a layer
that none is registered for runs its `apply`; every other file: the steps of a family of layers.
"""

from hwsim.files.modules import import_files
from hwsim.simulation.elementwise.step import Step, step_for
from hwsim.simulation.elementwise.steps import run_steps, steps_of, values_step

__all__ = ["Step", "run_steps", "step_for", "steps_of", "values_step"]

import_files(__name__, __path__)
