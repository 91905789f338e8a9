"""When somebody may not come in."""

from ..errors import ApiError


class InvalidCredentials(ApiError):
    """Said alike of an unknown e-mail, a wrong password and a disabled account."""

    status, code, message = 401, "INVALID_CREDENTIALS", "Invalid credentials"
