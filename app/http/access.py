"""Who may call a view: decorators of Blueprint that enforce it and document it."""

from collections.abc import Callable, Collection
from uuid import UUID

from ..errors import (
    ApiError,
    AuthRequired,
    EnrolmentRequired,
    Forbidden,
    InvalidToken,
    TokenExpired,
    TokenRevoked,
)
from . import authentication, rate_limits
from .authentication import Guest, View
from .openapi import apidoc_of, copy_apidoc, with_access

SESSION_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
ROLE_SENTENCES = {
    "user": "Requires a signed-in user.",
    "officer": "Requires the role `officer` or `admin`.",
    "admin": "Requires the role `admin`.",
}
TOKEN_ERRORS = (AuthRequired, InvalidToken, TokenExpired, TokenRevoked)


class AccessDecorators:
    """The part of Blueprint that says who may call a view."""

    raises: Callable[..., View]

    def login_required(self, view: View) -> View:
        """Require a signed-in user."""
        return self._require_role(view, "user")

    def login_or_guest_required(self, find_guest: Callable[[], Guest]) -> View:
        """Require a signed-in user, or a request without a token that names a Guest."""

        def decorator(view: View) -> View:
            guarded = authentication.login_required(view, find_guest=find_guest)
            security = [*SESSION_SECURITY, {}]
            access = "Requires a signed-in user or, without a token, a donor in the body."
            return with_access(self.raises(*TOKEN_ERRORS)(guarded), security, access)

        return decorator

    def officers_only(self, view: View) -> View:
        """Require an officer or admin."""
        return self._require_role(view, "officer", Forbidden)

    def admins_only(self, view: View) -> View:
        """Require an admin."""
        return self._require_role(view, "admin", Forbidden)

    def refresh_token_required(self, view: View) -> View:
        """Require a refresh token, sent as the bearer; the view receives its claims."""
        guarded = self.raises(*TOKEN_ERRORS)(authentication.refresh_token_required(view))
        return with_access(guarded, [{"refreshToken": []}], "Requires a refresh token.")

    def public(self, view: View) -> View:
        """Allow every client, signed in or not."""
        return with_access(authentication.public(view), [], "Needs no token.")

    def ends_session(self, view: View) -> View:
        """Allow every client, and document the optional token of the session that the view ends."""
        security = [*SESSION_SECURITY, {}]  # without a token there is nothing left to end
        return with_access(authentication.public(view), security, "The token is optional.")

    def rate_limit_exempt(self, view: View) -> View:
        """Never count requests for the view, nor reject them for their number."""
        exempt = rate_limits.exempt(view)
        apidoc_of(exempt)["rate_limit_exempt"] = True
        return exempt

    def defers_session_check(self, view: View) -> View:
        """Leave the session check to a statement of the view's action, to save a round trip."""
        return defer_session_check(view, view, "POST")

    def locks_users(self, get_ids: Callable[[], Collection[UUID]] = tuple) -> View:
        """Lock the rows of the caller and of the users ``get_ids()`` before the session is checked.

        For views that change users or end sessions; the order prevents a deadlock.
        """

        def decorator(view: View) -> View:
            view.ids_to_lock = get_ids  # type: ignore[attr-defined]
            return view

        return decorator

    def allows_enrolment(self, view: View) -> View:
        """Let staff in who have no second factor yet, also where STAFF_MFA requires one."""
        view.allows_enrolment = True  # type: ignore[attr-defined]
        return view

    def _require_role(self, view: View, role: str, *errors: type[ApiError]) -> View:
        errors = *errors, EnrolmentRequired
        guarded = self.raises(*TOKEN_ERRORS, *errors)(authentication.login_required(view, role))
        return with_access(guarded, SESSION_SECURITY, ROLE_SENTENCES[role])


def defer_session_check(described: View, view: View, *methods: str) -> View:
    """Mark that for ``methods`` the view's only statement verifies the session."""
    view.defers_session_check = methods  # type: ignore[attr-defined]
    return copy_apidoc(described, view)
