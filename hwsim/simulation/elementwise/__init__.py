"""Element-wise layers at work on blocks of frames: the frames' way in, and a step for each kind of layer.

``steps``: from layers to steps, and most of these; ``quantizing``: those that make codes.
"""

from hwsim.simulation.elementwise.step import Step
from hwsim.simulation.elementwise.steps import run_steps, steps_of, values_step

__all__ = ["Step", "run_steps", "steps_of", "values_step"]
