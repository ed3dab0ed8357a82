"""Batch norm in a training step, with the gradient in its short form."""

from hwsim.training_cost.work import RECIPROCAL_ROOT, work

FORWARD = work(multiplications=3, additions=4)
"""Of a number: summed; the mean subtracted; squared, summed; times 1 / deviation; times gamma, plus beta."""
FORWARD_UNIT = work(multiplications=4, additions=5) + RECIPROCAL_ROOT
"""Of a unit: mean and variance over the batch, epsilon, 1 / deviation; the moving means for evaluation."""
BACKWARD = work(multiplications=3, additions=4)
"""Of a number: times its normalized value, summed for gamma; summed for beta; dy - mean dy - x' mean(dy x'), scaled."""
BACKWARD_UNIT = work(multiplications=3)
"""Of a unit: the two means, gamma / deviation."""
