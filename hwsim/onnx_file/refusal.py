"""Why a node cannot be imported."""


class Refused(Exception):
    """A node that no layer stands for; caught by the importer, which reports all of them together."""
