"""Idempotency keys: a request that is repeated because its response was lost acts once.

The key is a row, inserted first and in the same transaction as the request's effect; the response
is stored in it before the commit. A crash leaves both or neither. A second request with the key
waits for the first on the row's lock in PostgreSQL, whichever worker serves it.

A request with a foreign state mutation (Stripe) runs in two phases. The first transaction commits
the record and, under the key, a recovery point that names it; a repeated request resumes there.
The terms are those of https://brandur.org/idempotency-keys.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol
from uuid import UUID

from flask import Response, g, request

from .. import clock
from ..database.base import db
from ..database.prepared import PreparedQuery
from ..errors import ApiError, ValidationFailed
from ..messages import Fault, Rule
from .authentication import Guest, View, current_user
from .idempotency_keys import (
    LEASE,
    GuestIdempotencyKey,
    IdempotencyKey,
    StoredResponse,
    decrypt,
    encrypt,
)
from .preview import is_preview, run_preview

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
INVALID_KEY = Fault(
    "Must be 1 to {max} visible ASCII characters.", Rule.INVALID_FORMAT, max=MAX_KEY_LENGTH
)
STARTED = 0  # stored instead of a status: the key has a recovery point and no response yet


def run_idempotent(view: View, read_body: Callable[[], bytes]) -> View:
    """Commit the effect of ``view``, once for each key if the request has one.

    ``read_body`` returns the bytes that must be equal for two requests to be the same. The view
    does not commit, so that effect and response are stored together.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        if is_preview():
            return run_preview(view, *args, **kwargs)
        try:
            body = read_body() if HEADER in request.headers else None
            stored = None if body is None else _replay_or_claim(body)
            if stored is not None:
                return stored
            response = view(*args, **kwargs)
            if body is not None:
                _store_response(body, response)
            _commit()
        except BaseException:
            db.session.rollback()
            raise
        return response

    return wrapper


class Outcome(Protocol):
    """The result of an Operation's second phase."""

    @property
    def error(self) -> ApiError | None:
        """The error to answer with; the key is free again."""

    @property
    def change(self) -> PreparedQuery | None:
        """A last change, to be made by the statement that renders the response."""

    @property
    def fallback(self) -> Callable[[], "Outcome"] | None:
        """The next step if ``change`` matched no row."""


class Operation(Protocol):
    """A committed record, and the foreign state mutation that it asks for."""

    @property
    def id(self) -> UUID: ...

    def execute(self) -> Outcome:
        """Run the second phase, outside of any transaction, and record its result.

        If it raises, nothing is recorded, and a repeated request resumes at the record.
        """


class ResponseRenderer(Protocol):
    """Render the record ``id``, after ``change`` if given; None if ``change`` matched no row."""

    def __call__(self, id: UUID, change: PreparedQuery | None = None) -> Response | None: ...


def run_two_phase(
    view: View,
    read_body: Callable[[], bytes],
    load: Callable[[UUID], Operation],
    render: ResponseRenderer,
) -> View:
    """Commit the record of the Operation that ``view`` returns, then execute it.

    If the view returns a finished response instead, there is nothing to execute.
    ``load`` makes the Operation of a record's id, for a repeated request. An error in the Outcome
    frees the key; an exception keeps the recovery point and releases the lease.
    """

    def start(body: bytes | None, *args: Any, **kwargs: Any) -> Response | Operation:
        """Commit a new operation, or return the one to resume or the response to replay."""
        operation = None if body is None else _resume(body, load)
        if operation is None:
            operation = view(*args, **kwargs)
            if isinstance(operation, Response):
                if body is not None:
                    _store_response(body, operation)
            elif body is not None:
                recovery_point = _recovery_point(body, operation.id)
                leased_until = clock.now() + LEASE
                _key_model().store_response(_request_key(), recovery_point, leased_until)
        _commit()
        return operation

    def finish(body: bytes | None, operation: Operation) -> Response | ApiError:
        """Execute the operation, and store its response under the key."""
        result = _render_outcome(operation.id, operation.execute(), render)
        if body is not None:
            if isinstance(result, Response):
                _store_response(body, result)
            else:
                _key_model().delete(_request_key())
        _commit()
        return result

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        body = read_body() if HEADER in request.headers else None
        operation: Any = None
        try:
            operation = start(body, *args, **kwargs)
            result = operation if isinstance(operation, Response) else finish(body, operation)
        except BaseException:
            db.session.rollback()
            if body is not None and operation is not None:  # else another request owns the key
                _key_model().release_lease(_request_key())
                _commit()
            raise
        if isinstance(result, ApiError):
            raise result
        return result

    return wrapper


def _render_outcome(id: UUID, outcome: Outcome, render: ResponseRenderer) -> Response | ApiError:
    """Render the record as ``outcome`` leaves it, or return the outcome's error."""
    if outcome.change and outcome.fallback:
        response = render(id, outcome.change)
        if response:
            return response
        outcome = outcome.fallback()
    if outcome.error:
        return outcome.error
    response = render(id)
    if response is None:
        raise LookupError(f"record {id} is missing, and records are never deleted")
    return response


def _commit() -> None:
    """Commit the session if one was used; otherwise do not open one."""
    if db.session.registry.has():
        db.session.commit()


def _resume(body: bytes, load: Callable[[UUID], Operation]) -> Response | Operation | None:
    """Return the stored response or the unfinished operation; None if the key is new."""
    stored = _replay_or_claim(body)
    if stored is None or stored.status_code != STARTED:
        return stored
    _key_model().acquire_lease(_request_key())
    return load(UUID(stored.get_data(as_text=True)))


def _replay_or_claim(body: bytes) -> Response | None:
    """Return the response stored under the key; None if this request has claimed it."""
    current_user.load_profile()
    encrypted = _key_model().claim(_request_key())
    if encrypted is None:
        return None
    stored = decrypt(body, encrypted)
    g.is_replayed = stored.status != STARTED
    headers = {"Idempotent-Replayed": "true"}
    return Response(stored.content, stored.status, headers, content_type=stored.content_type)


def _store_response(body: bytes, response: Response) -> None:
    stored = StoredResponse(response.status_code, response.content_type, response.get_data())
    _key_model().store_response(_request_key(), encrypt(body, stored))


def _recovery_point(body: bytes, record_id: UUID) -> bytes:
    """Encrypt what is stored under a key whose request has a record and no response yet."""
    return encrypt(body, StoredResponse(STARTED, None, str(record_id).encode()))


def _key_model() -> type[IdempotencyKey] | type[GuestIdempotencyKey]:
    """Return the table of this client's keys."""
    return GuestIdempotencyKey if isinstance(_client(), Guest) else IdempotencyKey


def _client() -> Any:
    """Return the user or Guest of this request."""
    return current_user._get_current_object()


def _request_key() -> dict[str, Any]:
    """Return the primary key of this request's IdempotencyKey. Raises ValidationFailed."""
    key = request.headers[HEADER]
    if not (0 < len(key) <= MAX_KEY_LENGTH and all("!" <= character <= "~" for character in key)):
        raise ValidationFailed.at([HEADER], INVALID_KEY)
    client = _client()
    is_guest = isinstance(client, Guest)
    owner = {"owner": client.idempotency_owner} if is_guest else {"user_id": client.id}
    return {
        **owner,
        "method": request.method,
        "path": request.path,
        "key": key,
    }
