"""Errors of authentication."""

from ..errors import ApiError


class InvalidCredentials(ApiError):
    """An unknown e-mail, a wrong password or a disabled account; which one is not disclosed."""

    status, code, message = 401, "INVALID_CREDENTIALS", "Invalid credentials"
