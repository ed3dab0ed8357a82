"""Batch norm that goes into the weights before it."""

from hwsim.convert.declared import later
from hwsim.convert.methods.method import Method

Method(
    name="batch-norm",
    sentence="Fold batch norm (an Affine) into the weights of the layer before it, wherever that is exact.",
    convert=later("hwsim.convert.batch_norm:convert"),
    needs_data=False,
)
