"""ApiError, the errors that no single domain owns, and the handlers that render them.

An error is an exception class with a status, a code and a message. It is raised where the problem
is found, and ``@bp.raises`` adds it to the OpenAPI document.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import psycopg
from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)


class ApiError(Exception):
    """An error that the client receives as ``{"error", "code", "requestId"}``."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    message: ClassVar[str] = "Internal server error"

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or self.message)
        self.details = details
        self.headers = dict(headers or {})


class ValidationFailed(ApiError):
    status, code, message = 400, "VALIDATION_ERROR", "Validation failed"

    @classmethod
    def at(cls, path: Sequence[str | int], message: str) -> "ValidationFailed":
        """Create the error with one detail, at ``path`` of the body; [] is the body itself."""
        return cls(details=[{"path": list(path), "message": message}])


class AuthRequired(ApiError):
    status, code, message = 401, "AUTH_REQUIRED", "Unauthorized"


class InvalidToken(ApiError):
    status, code, message = 401, "INVALID_TOKEN", "Invalid token"


class TokenExpired(InvalidToken):
    code = "TOKEN_EXPIRED"


class TokenRevoked(InvalidToken):
    code = "TOKEN_REVOKED"


class Forbidden(ApiError):
    status, code, message = 403, "FORBIDDEN", "Forbidden"


class CsrfFailed(Forbidden):
    code = "CSRF_FAILED"


class EnrolmentRequired(Forbidden):
    """Staff without a second factor may only enrol one (STAFF_MFA)."""

    code, message = "SECOND_FACTOR_ENROLMENT_REQUIRED", "Enrol a second factor first"


class NotFound(ApiError):
    status, code, message = 404, "NOT_FOUND", "Not found"


class MethodNotAllowed(ApiError):
    status, code, message = 405, "METHOD_NOT_ALLOWED", "Method not allowed"


class ResourceExists(ApiError):
    status, code, message = 409, "RESOURCE_EXISTS", "Resource already exists"


class QuotaExceeded(ApiError):
    status, code, message = 409, "QUOTA_EXCEEDED", "Quota exceeded"


class IdempotencyInProgress(ApiError):
    status, code, message = 409, "IDEMPOTENCY_IN_PROGRESS", "A request with this key is running"


class IdempotencyKeyReused(ApiError):
    status, code, message = 422, "IDEMPOTENCY_KEY_REUSED", "This key was used for another request"


class PreconditionFailed(ApiError):
    status, code, message = 412, "PRECONDITION_FAILED", "The resource has changed: read it again"


class PayloadTooLarge(ApiError):
    status, code, message = 413, "PAYLOAD_TOO_LARGE", "Payload too large"


class UnsupportedMediaType(ApiError):
    status, code, message = 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"


class RateLimited(ApiError):
    status, code, message = 429, "RATE_LIMITED", "Too many requests"


class InternalError(ApiError):
    pass


class ServiceUnavailable(ApiError):
    status, code, message = 503, "SERVICE_UNAVAILABLE", "Service unavailable"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


ERROR_BY_STATUS: dict[int, type[ApiError]] = {
    error.status: error
    for error in (
        AuthRequired,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        PayloadTooLarge,
        UnsupportedMediaType,
        InternalError,
    )
}

# In the WSGI environment, for the access log.
REQUEST_ID_KEY = "ose.request_id"
ERROR_CODE_KEY = "ose.error_code"

# PostgreSQL's SQLSTATE codes.
UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION = "23505", "23503"

# The session is over, or serves reads only: another connection may be served in full. After a
# failover the former primary is read-only, and a pooled connection to it would stay so for ever.
CONNECTION_LOST = {
    "25006",  # read_only_sql_transaction
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "26000",  # invalid_sql_statement_name: a pooler has lost the prepared statements
    "57P01",  # admin_shutdown
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now
    "57P05",  # idle_session_timeout
}

# Raised if the database is unreachable or too slow, or its pool is exhausted.
DATABASE_UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


def init_app(app: Flask) -> None:
    """Register handlers that render every exception in the API's error format (ApiErrorSchema)."""
    app.register_error_handler(ApiError, handle_api_error)
    app.register_error_handler(HTTPException, handle_http_exception)
    # SQLAlchemy's, and psycopg's own from database.prepared.
    for violation in (IntegrityError, psycopg.IntegrityError):
        app.register_error_handler(violation, handle_integrity_error)
    app.register_error_handler(ParseException, handle_parse_error)
    for database_error in (DBAPIError, PoolTimeout, psycopg.Error):
        app.register_error_handler(database_error, handle_database_error)


def error_body(error: ApiError, request_id: str | None) -> dict[str, Any]:
    """Return the JSON body of ``error``."""
    body: dict[str, Any] = {"error": str(error), "code": error.code, "requestId": request_id}
    if error.details is not None:
        body["details"] = error.details
    return body


def handle_api_error(error: ApiError) -> Response:
    request.environ[ERROR_CODE_KEY] = error.code
    response = jsonify(error_body(error, request.environ.get(REQUEST_ID_KEY)))
    response.status_code = error.status
    response.headers.update(error.headers)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def handle_http_exception(error: HTTPException) -> Response:
    """Render a werkzeug error; a status that is not in ERROR_BY_STATUS becomes 400."""
    if error.code is not None and error.code < 400:
        return error.get_response()  # type: ignore[return-value]  # a redirect
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    if error.code in ERROR_BY_STATUS:
        return handle_api_error(ERROR_BY_STATUS[error.code](headers=headers))
    return handle_api_error(ValidationFailed.at([], error.name))


def handle_integrity_error(error: IntegrityError | psycopg.IntegrityError) -> Response:
    """Render a conflict with a concurrent request; raise any other violation again, as a bug."""
    violation: Any = getattr(error, "orig", error)
    if violation.sqlstate == UNIQUE_VIOLATION:
        return handle_api_error(ResourceExists())
    if violation.sqlstate == FOREIGN_KEY_VIOLATION:
        # The referenced row was deleted meanwhile. If it was the user, the token is revoked; for
        # any other row clients rely on RESOURCE_EXISTS.
        is_user = "user_id" in (violation.diag.constraint_name or "")
        return handle_api_error(TokenRevoked() if is_user else ResourceExists())
    raise error


def handle_parse_error(error: ParseException) -> Response:
    """Render gunicorn's error for an invalid chunked body, raised while it is read."""
    return handle_api_error(ValidationFailed.at([], "The body's chunked encoding is invalid."))


def handle_database_error(error: Exception) -> Response:
    """Log and render an unavailable database; raise any other database error again, as a bug."""
    if not isinstance(error, DATABASE_UNAVAILABLE) and not is_connection_lost(error):
        raise error
    log.error("database unavailable: %s", describe_database_error(error), exc_info=error)
    return handle_api_error(ServiceUnavailable())


def is_connection_lost(error: BaseException) -> bool:
    """Return whether PostgreSQL ended the session of ``error`` or accepts only reads in it."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in CONNECTION_LOST


def describe_database_error(error: BaseException) -> str:
    """Return class, SQLSTATE and reason of ``error``, without row values.

    PostgreSQL quotes row values in the detail of an error, so only its primary message is used. An
    error of libpq has no parts; its text is about the connection and names no password.
    """
    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, psycopg.Error):
        return f"{type(cause).__name__}: {cause}"
    reason = cause.diag.message_primary or ""
    if not reason and isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        reason = " ".join(str(cause).split())
    return f"{type(cause).__name__} ({cause.sqlstate or 'libpq'}): {reason}"
