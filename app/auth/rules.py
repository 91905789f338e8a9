"""When somebody may not come in."""

from limits import parse

from ..errors import ApiError


class InvalidCredentials(ApiError):
    """Said alike of an unknown e-mail, a wrong password and a disabled account."""

    status, code, message = 401, "INVALID_CREDENTIALS", "Invalid credentials"


LOGIN_FAILURES = parse("5 per 15 minutes")  # for an e-mail and an address together
