"""Errors of authentication, which log-ins are refused, and what tells devices apart."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from ..errors import ApiError
from ..messages import Message

TOKEN_TTL = timedelta(hours=1)  # of a link that resets a password or confirms an e-mail
MAX_USER_AGENT = 300  # characters that are stored
NETWORK_BITS = {4: 16, 6: 32}  # of an address: roughly what one provider has in a region
VERSION = re.compile(r"[0-9][0-9._]*")


class InvalidCredentials(ApiError):
    """An unknown e-mail, a wrong password or a disabled account; which one is not disclosed."""

    status, code, message = 401, "INVALID_CREDENTIALS", Message("Invalid credentials")


class SecondFactorRequired(ApiError):
    """The password is right, and the account also needs a code."""

    status, code, message = 401, "SECOND_FACTOR_REQUIRED", Message("Second factor required")


class InvalidResetToken(ApiError):
    """The token of a link is unknown, was used, has expired, or belongs to a former e-mail."""

    status, code, message = 400, "INVALID_RESET_TOKEN", Message("Invalid or expired token")


class SessionNotFound(ApiError):
    status, code, message = 404, "SESSION_NOT_FOUND", Message("Session not found")


class InvalidStateOfSecondFactor(ApiError):
    """The second factor is on already, or not begun."""

    status, code, message = (
        409,
        "INVALID_TRANSITION",
        Message("The second factor is in another state"),
    )


class Client(NamedTuple):
    """Where a log-in comes from."""

    user_agent: str = ""
    address: str | None = None

    @property
    def device(self) -> str:
        """The program without its versions, and the network: what a user's next log-in shares."""
        program = VERSION.sub("", self.user_agent[:MAX_USER_AGENT])
        return f"{program}|{_network(self.address or '')}"


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


def _network(address: str) -> str:
    with suppress(ValueError):
        parsed = ip_address(address)
        return str(ip_network((parsed, NETWORK_BITS[parsed.version]), strict=False))
    return address
