"""Training with torch; the only folder that imports it (``pip install 'hwsim[train]'``).

`methods` declares what can be trained, a file for each method or family, and needs no torch to say so.
"""

from hwsim.errors import HwsimError


class TrainingError(HwsimError, ValueError):
    """A training run that cannot start or go on: settings that do not fit the data, a loss that is not finite."""
