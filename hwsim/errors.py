"""Errors that hwsim raises for its callers' mistakes.

Each is also the built-in kind a caller would expect, and its message is one line that says where, what was
found, what was expected and what to write instead. Anything else that escapes the package is a bug of ours.
"""

import difflib
from collections.abc import Iterable

INTERRUPTED = 130
"""Exit code of a command that was stopped, as shells have it."""


def harmless(text: str) -> str:
    """Text that may hold names of others, fit for a terminal: what is no character to be seen is written as its code.

    So an escape cannot colour the screen, move about on it or turn the direction of what follows; ends of lines and
    tabs stay.
    """
    seen = (each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)
    return text if text.isprintable() else "".join(seen)


class HwsimError(Exception):
    """Base of every error that hwsim raises on purpose."""

    def __init__(self, *said: object) -> None:
        """Keep what is said, made harmless."""
        super().__init__(*(harmless(each) if isinstance(each, str) else each for each in said))


class FileError(HwsimError, ValueError):
    """A file that cannot be read as what it should be."""


class NetworkError(HwsimError, ValueError):
    """A network that does not fit together, or an input that does not fit the network."""


class DataError(HwsimError, ValueError):
    """A data set that cannot be had or used."""


class MachineError(HwsimError, ValueError):
    """A machine that cannot carry out what it is asked to count."""


class TableError(HwsimError, ValueError):
    """An energy table that is wrong, or lacks a price that is needed."""


class UnknownNameError(HwsimError, LookupError):
    """A name that nothing answers to; the message lists the closest ones that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Word the message.

        Parameters
        ----------
        kind : str
            What was looked for, e.g. ``"energy table"``.
        name : str
            The name that was not found.
        known : iterable of str
            The names that exist.
        """
        known = sorted(known)
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        listed = "did you mean " + " or ".join(close) if close else "known: " + (", ".join(known) or "none")
        super().__init__(f"no {kind} named {name!r}; {listed}")
