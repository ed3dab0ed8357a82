"""Training with torch, one method per file; the only folder that imports torch (``pip install 'hwsim[train]'``)."""

from hwsim.errors import HwsimError


class TrainingError(HwsimError, ValueError):
    """A training run that cannot start or go on: settings that do not fit the data, a loss that is not finite."""
