"""Float weights, by either recipe: what the others are compared with."""

from hwsim.convert.declared import Option
from hwsim.train.methods.connect import LIN
from hwsim.train.methods.method import Method
from hwsim.train.recipe import FEW, LOSS_AWARE

Method(
    name="full-precision",
    sentence="float (fp32) weights",
    paper=LIN,
    format="fp32",
    recipe=FEW,
    options=(Option("recipe", "few-multiplications or loss-aware.", default=FEW, choices=(FEW, LOSS_AWARE)),),
)
