"""Which rules a result was counted and priced by, as one whole number."""

RULES = 3
"""Raised with every change of a count or an energy: results of unequal numbers are not to be compared. 1 stands for all
versions before 0.2, which did not say."""

COLUMN = "counting rules"
"""Of every data frame, so that it survives in files."""
