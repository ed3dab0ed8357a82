"""A training step carried out one operation at a time, each counted where it is carried out.

Shares no code with the package: `meter` performs and counts, `weights` is what each method does to weights, `step` the
step itself, `paper` the same step as Lin et al. 2016 count it.
"""
