"""The wire format of registration, log-in, tokens and passwords."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validates_schema

from ..http.fields import (
    BoundedList,
    Choice,
    Password,
    StrictBoolean,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ..http.schemas import Schema
from ..http.validators import Length
from ..messages import LOCALES, Fault, Rule
from ..notifications.rules import OPTIONAL_KINDS
from ..users.schemas import (
    AccountSchema,
    Email,
    LoginEmail,
    NewPassword,
    PersonName,
    UserSchema,
)

TOKEN_EXAMPLE = {"example": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI…"}


class LoginPassword(Password):
    """A password to be verified; one that is too short gets the same error as a wrong one."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            validate=Length(max=1024),
            metadata={"example": "correct horse battery"},
        )


class Code(Text):
    """A code of the second factor: of the app, or a recovery code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Length(6, 64), metadata={"example": "492039"}, **kwargs)


class LinkToken(Text):
    """The token of a link that was sent by mail."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            validate=Length(1, 200),
            metadata={"example": "mP9nZ1v0dW8sXo4bVJx2yq7tL3cKf6hRgQeUiNaMwEk"},
        )


class TimeZone(Text):
    """An IANA time zone, or null for the institution's."""

    def __init__(self) -> None:
        super().__init__(
            allow_none=True, validate=require_time_zone, metadata={"example": "Asia/Riyadh"}
        )


UNKNOWN_TIME_ZONE = Fault(
    "Must be a time zone of the IANA database, such as {example}.",
    Rule.INVALID_CHOICE,
    example="Asia/Riyadh",
)


def require_time_zone(name: str) -> None:
    """Raise ValidationError for a name that is not in the IANA database."""
    if name not in available_time_zones():
        raise ValidationError(UNKNOWN_TIME_ZONE)


@cache
def available_time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})


class RegistrationSchema(AccountSchema):
    """A user to be registered."""


class LoginSchema(Schema):
    """Credentials to log in with."""

    # Any text is accepted: an invalid address gets the same error as an unknown one.
    email = LoginEmail(
        required=True,
        validate=Length(max=254),
        metadata={"example": "fatima@example.org"},
    )
    password = LoginPassword()
    code = Code()


class TokenPairSchema(Schema):
    """A pair of tokens and their user."""

    access_token = Text(required=True, metadata=TOKEN_EXAMPLE)
    refresh_token = Text(required=True, metadata=TOKEN_EXAMPLE)
    token_type = Text(required=True, metadata={"example": "Bearer"})
    expires_in = StrictInteger(required=True, metadata={"example": 604800})
    user = fields.Nested(UserSchema, required=True)


class LoginResponseSchema(TokenPairSchema):
    """A pair of tokens, and the value that a client with the cookie sends as X-CSRF-Token."""

    csrf_token = Text(required=True, metadata={"example": "0f4b1c8e-6b0a-4a51-9d3c-6a1f8f6b2c7d"})


def _choices(**options: Any) -> dict[str, Any]:
    """Return a field for each kind of mail that users choose."""
    return {kind: StrictBoolean(**options) for kind in OPTIONAL_KINDS}


class NotificationsSchema(Schema.from_dict(_choices(required=True, dump_default=True))):  # type: ignore[misc]
    """The mails that the user receives. Mails about security are always sent."""


class NotificationsPatchSchema(Schema.from_dict(_choices())):  # type: ignore[misc]
    """The mails to receive or not; those left out stay as they are."""


class ProfileSchema(UserSchema):
    """The user's own account."""

    notifications = fields.Nested(NotificationsSchema, required=True)


class ProfilePatchSchema(Schema):
    """The fields of their own account that users may change; at least one."""

    name = PersonName()
    locale = Choice(*LOCALES)
    time_zone = TimeZone()
    notifications = fields.Nested(NotificationsPatchSchema)

    @validates_schema
    def require_a_field(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Raise ValidationError for an empty body."""
        if not data:
            raise ValidationError(Fault("Send at least one field.", Rule.REQUIRED))


class PasswordChangeSchema(Schema):
    """The current password and the new one; ``rotate`` replaces the tokens of this session too."""

    current_password = LoginPassword()
    new_password = NewPassword(required=True)
    rotate = StrictBoolean(load_default=False, metadata={"example": True})


class ForgottenPasswordSchema(Schema):
    """The e-mail of an account whose password is forgotten."""

    email = LoginEmail(
        required=True,
        validate=Length(max=254),
        metadata={"example": "fatima@example.org"},
    )


class PasswordResetSchema(Schema):
    """The token of a link, and the new password."""

    token = LinkToken()
    new_password = NewPassword(required=True)


class ResetLinkSchema(Schema):
    """A link that resets a user's password, to hand over."""

    reset_url = Text(
        required=True, metadata={"example": "https://api.example.org/reset-password#token=mP9n…"}
    )
    expires_at = UtcDateTime(required=True)


class EmailChangeSchema(Schema):
    """A new e-mail, and the current password."""

    email = Email(required=True)
    current_password = LoginPassword()


class EmailConfirmationSchema(Schema):
    """The token of a link that was sent to a new e-mail."""

    token = LinkToken()


class SessionSchema(Schema):
    """A session of the user; ``current`` is the one of the request."""

    id = StrictUUID(required=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True)
    user_agent = Text(required=True, metadata={"example": "Mozilla/5.0 (X11; Linux x86_64)"})
    address = Text(required=True, allow_none=True, metadata={"example": "203.0.113.7"})
    current = StrictBoolean(required=True, metadata={"example": True})


class CurrentPasswordSchema(Schema):
    """The current password."""

    current_password = LoginPassword()


class SecondFactorSchema(Schema):
    """Whether a log-in needs a code."""

    enabled = StrictBoolean(required=True, metadata={"example": True})
    required = StrictBoolean(required=True, metadata={"example": False})
    recovery_codes_left = StrictInteger(required=True, metadata={"example": 10})


class EnrolmentSchema(Schema):
    """A secret for an authenticator app, shown once."""

    secret = Text(required=True, metadata={"example": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"})
    otpauth_url = Text(
        required=True,
        metadata={"example": "otpauth://totp/OSE:fatima%40example.org?secret=JBSW…&issuer=OSE"},
    )


class CodeBodySchema(Schema):
    """The first code of the authenticator app."""

    code = Code(required=True)


class RecoveryCodesSchema(Schema):
    """Codes that each replace one of the authenticator app once; shown once."""

    recovery_codes = BoundedList(
        Text(metadata={"example": "mfrggz-dfmztw-q2lknn-wg23tp"}), max_items=10, required=True
    )


class SecondFactorRemovalSchema(Schema):
    """The current password and a code."""

    current_password = LoginPassword()
    code = Code(required=True)
