"""What an error of ours says."""

import pytest

from hwsim.errors import HwsimError, NetworkError


def complaint(function, *arguments, error=NetworkError, **named):
    with pytest.raises(error) as caught:
        function(*arguments, **named)
    message = str(caught.value)
    assert isinstance(caught.value, HwsimError)
    assert "\n" not in message
    return message
