"""A network as a function: number formats, signals between layers, the layers, and the graph that they form.

``graph``: Network and its stages; ``layers``: a class per layer; ``signals`` and ``number_format``: what lies between
them; ``fixed_point``: ratios of steps as hardware has them; ``resolving`` and ``sums``: widths that the layers leave
open; ``canonical``: one spelling of one function.
"""
