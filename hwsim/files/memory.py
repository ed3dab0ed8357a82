"""How much memory may be asked for, and its refusal before the work rather than in the middle of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hwsim.errors import HwsimError

MEMORY = "HWSIM_MEMORY"
"""Environment variable with the most memory to ask for, such as 4G; else it is `SHARE` of what is available."""

SHARE = 0.75

LITTLE = 2**26
"""So much is granted without looking how much there is. [bytes]"""

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

MEMINFO = Path("/proc/meminfo")
GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
"""Where Linux tells what is available, which control groups a process is in, and what these allow."""


def expect_memory(needed: int, what: str, remedy: str, error: type[HwsimError]) -> None:
    """Refuse work that needs more memory than may be asked for.

    Parameters
    ----------
    needed : int
        What it needs. [bytes]
    what : str
        What needs it, as the error begins.
    remedy : str
        What to do about it, as the error ends.
    error : type of HwsimError
        What is raised then.

    Raises
    ------
    HwsimError
        When that is too much, or the environment variable ``HWSIM_MEMORY`` holds no number of bytes.
    """
    if needed > LITTLE and needed > (most := memory_limit()):
        raise error(
            f"{what}: needs {in_words(needed)} of memory, and {in_words(most)} may be asked for; "
            f"{remedy}, or set {MEMORY} if there is more"
        )


def memory_limit() -> int:
    """The most memory to ask for: ``HWSIM_MEMORY``, else three quarters of what is available. [bytes]

    Raises
    ------
    HwsimError
        When ``HWSIM_MEMORY`` is no number of bytes.
    """
    stated = os.environ.get(MEMORY)
    if not stated:
        return int(SHARE * min(_available()))
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([KMGT]?)(?:i?B)?", stated.strip(), re.ASCII)
    if match is None:
        raise HwsimError(f"{MEMORY}: {stated!r} is no number of bytes; write 4G, 512M or 2000000000")
    return int(float(match[1]) * UNITS[match[2]])


def in_words(n_byte: int) -> str:
    """A number of bytes, in the unit that suits it."""
    unit = "G" if n_byte >= 2**30 else "M"
    return f"{n_byte / UNITS[unit]:,.1f} {unit}iB"


def _available() -> Iterator[int]:
    """What the computer has left, and each control group that this process is in. [bytes]"""
    yield _of_computer()
    for line in _text(GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left(MOUNT, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _left(MOUNT / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _of_computer() -> int:
    found = re.search(r"^MemAvailable: +(\d+) kB$", _text(MEMINFO), re.MULTILINE)
    if found is not None:
        return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # a system that does not say
        return 2**63


def _left(mount: Path, path: str, limit: str, usage: str) -> Iterator[int]:
    """What a control group, and those that it is in, may still take; nothing where there is no limit. [bytes]"""
    group = mount / path.lstrip("/")
    for each in (group, *group.parents):
        if each.is_relative_to(mount):  # within a container, the mount itself may be the process's own group
            most, used = (re.match(r"\d+$", _text(each / file)) for file in (limit, usage))
            if most and used:
                # pages of files that nobody has looked at lately are given back when memory is wanted
                spare = re.search(r"^(?:total_)?inactive_file (\d+)$", _text(each / "memory.stat"), re.MULTILINE)
                yield max(0, int(most[0]) - int(used[0]) + (int(spare[1]) if spare else 0))


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
