"""Errors of authentication, and which log-ins are refused for the failures before them."""

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError


class InvalidCredentials(ApiError):
    """An unknown e-mail, a wrong password or a disabled account; which one is not disclosed."""

    status, code, message = 401, "INVALID_CREDENTIALS", "Invalid credentials"


def refusing_window(windows: Mapping[str, Any]) -> Any:
    """Return the window that refuses a log-in, or None; ``windows`` count the log-in already.

    Many addresses that guess together do not lock all users out: above the limit of the service
    only an address that has a failure in its own window is refused.
    """
    for name, window in windows.items():
        is_first_of_address = name == "login_service" and windows["login_address"].hits == 1
        if window.is_exceeded and not is_first_of_address:
            return window
    return None
