"""One form for each function that can be written in several ways, so that all of them cost the same.

A sign is a sign, whether a file writes it as such, as one threshold, or as a code of one bit times two less one; what
is scaled, moved or clipped before it is another threshold; weights of two values are binary. What is decided here is
decided for networks from ONNX files and torch modules while they are made, and for all networks, model folders too,
when they are loaded. Outputs stay the same to the bit.
"""

from hwsim.network.canonical.spelling import canonical
from hwsim.network.canonical.two_levels import bipolar
from hwsim.network.canonical.weights import values_of, weight_terms

__all__ = ["bipolar", "canonical", "values_of", "weight_terms"]
