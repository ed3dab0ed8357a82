"""From networks to networks, without torch: one method per module, each with ``convert(network, data, ...)``."""
