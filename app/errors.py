"""ApiError, the errors that no single domain owns, and the handlers that render them.

An error is an exception class with a status, a code and a message. It is raised where the problem
is found, and ``@bp.raises`` adds it to the OpenAPI document.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import psycopg
from flask import Flask, Response, g, jsonify, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from .messages import LOCALES, Fault, Message, Rule

log = logging.getLogger(__name__)


class ApiError(Exception):
    """An error that the client receives as ``{"error", "code", "requestId"}``."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    message: Message = Message("Internal server error")

    def __init__(
        self,
        message: Message | None = None,
        *,
        details: Sequence[Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.details = details  # each a path of the body, and the Fault there as its message
        self.headers = dict(headers or {})


class ValidationFailed(ApiError):
    status, code, message = 400, "VALIDATION_ERROR", Message("Validation failed")

    @classmethod
    def at(cls, path: Sequence[str | int], message: Fault) -> "ValidationFailed":
        """Create the error with one detail, at ``path`` of the body; [] is the body itself."""
        return cls(details=[{"path": list(path), "message": message}])


class AuthRequired(ApiError):
    status, code, message = 401, "AUTH_REQUIRED", Message("Unauthorized")


class InvalidToken(ApiError):
    status, code, message = 401, "INVALID_TOKEN", Message("Invalid token")


class TokenExpired(InvalidToken):
    code = "TOKEN_EXPIRED"


class TokenRevoked(InvalidToken):
    code = "TOKEN_REVOKED"


class Forbidden(ApiError):
    status, code, message = 403, "FORBIDDEN", Message("Forbidden")


class CsrfFailed(Forbidden):
    code = "CSRF_FAILED"


class EnrolmentRequired(Forbidden):
    """Staff without a second factor may only enrol one (STAFF_MFA)."""

    code, message = "SECOND_FACTOR_ENROLMENT_REQUIRED", Message("Enrol a second factor first")


class NotFound(ApiError):
    status, code, message = 404, "NOT_FOUND", Message("Not found")


class MethodNotAllowed(ApiError):
    status, code, message = 405, "METHOD_NOT_ALLOWED", Message("Method not allowed")


class ResourceExists(ApiError):
    status, code, message = 409, "RESOURCE_EXISTS", Message("Resource already exists")


class QuotaExceeded(ApiError):
    status, code, message = 409, "QUOTA_EXCEEDED", Message("Quota exceeded")


class IdempotencyInProgress(ApiError):
    status, code, message = (
        409,
        "IDEMPOTENCY_IN_PROGRESS",
        Message("A request with this key is running"),
    )


class IdempotencyKeyReused(ApiError):
    status, code, message = (
        422,
        "IDEMPOTENCY_KEY_REUSED",
        Message("This key was used for another request"),
    )


class PreconditionFailed(ApiError):
    status, code, message = (
        412,
        "PRECONDITION_FAILED",
        Message("The resource has changed: read it again"),
    )


class PayloadTooLarge(ApiError):
    status, code, message = 413, "PAYLOAD_TOO_LARGE", Message("Payload too large")


class UnsupportedMediaType(ApiError):
    status, code, message = 415, "UNSUPPORTED_MEDIA_TYPE", Message("Unsupported media type")


class RateLimited(ApiError):
    status, code, message = 429, "RATE_LIMITED", Message("Too many requests")


class InternalError(ApiError):
    pass


class ServiceUnavailable(ApiError):
    status, code, message = 503, "SERVICE_UNAVAILABLE", Message("Service unavailable")

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

MALFORMED_REQUEST = Fault("The request is malformed.", Rule.MALFORMED)
INVALID_CHUNKS = Fault("The body's chunked encoding is invalid.", Rule.MALFORMED)

LANGUAGE_ALIASES = {"in": "id"}  # Indonesian in ISO 639 until 1989, and in Java until 17

# In the WSGI environment, for the access log.
REQUEST_ID_KEY = "ose.request_id"
ERROR_CODE_KEY = "ose.error_code"
USER_ID_KEY = "ose.user_id"
ROUTE_KEY = "ose.route"

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


def error_body(error: ApiError, request_id: str | None, locale: str) -> dict[str, Any]:
    """Return the JSON body of ``error``, in ``locale``."""
    text = error.message.render(locale)
    body: dict[str, Any] = {"error": text, "code": error.code, "requestId": request_id}
    if error.details is not None:
        body["details"] = [
            {"path": detail["path"], **detail["message"].detail(locale)} for detail in error.details
        ]
    return body


def preferred_locale() -> str:
    """Return the language of the request's error; the user's counts if their profile was read."""
    locale: str = accepted_locale() or g.get("user_locale", LOCALES[0])
    return locale if locale in LOCALES else LOCALES[0]


def accepted_locale() -> str | None:
    """Return the first language of Accept-Language that we have.

    werkzeug's ``best_match`` would prefer ``en`` to ``ar-SA``, because that is no exact match.
    """
    for tag, quality in request.accept_languages:
        language = tag.partition("-")[0].lower()
        language = LANGUAGE_ALIASES.get(language, language)
        if quality > 0 and language in LOCALES:
            return language
    return None


def handle_api_error(error: ApiError) -> Response:
    request.environ[ERROR_CODE_KEY] = error.code
    locale = preferred_locale()
    response = jsonify(error_body(error, request.environ.get(REQUEST_ID_KEY), locale))
    response.status_code = error.status
    response.content_language.add(locale)
    response.vary.add("Accept-Language")
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
    return handle_api_error(ValidationFailed.at([], MALFORMED_REQUEST))


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
    return handle_api_error(ValidationFailed.at([], INVALID_CHUNKS))


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
