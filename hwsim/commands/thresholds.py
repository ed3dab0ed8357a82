"""Dead zones, as they are written on the command line."""

from hwsim.errors import HwsimError


def thresholds(text: str) -> int | dict[str, int]:
    """``2``, for all layers, or ``input=2,dense1=3``, for those named.

    Raises
    ------
    HwsimError
        For anything else.
    """
    try:
        if "=" not in text:
            return int(text)
        pairs = [part.split("=") for part in text.split(",")]
        found = {name.strip(): int(number) for name, number in pairs}
    except ValueError:
        raise HwsimError(f"{text!r} is no threshold; write --threshold 2 or --threshold input=2,dense1=3") from None
    if len(found) < len(pairs) or "" in found:
        raise HwsimError(f"{text!r} names a layer twice, or none; write --threshold input=2,dense1=3")
    return found
