"""The wire format of registration, log-in, tokens and passwords."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from ..http.fields import Password, StrictBoolean, StrictInteger, Text
from ..http.schemas import Schema
from ..notifications.rules import OPTIONAL_KINDS
from ..users.schemas import Email, LoginEmail, NewPassword, PersonName, UserSchema

TOKEN_EXAMPLE = {"example": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI…"}


class LoginPassword(Password):
    """A password to be verified; one that is too short gets the same error as a wrong one."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            validate=validate.Length(max=1024),
            metadata={"example": "correct horse battery"},
        )


class RegistrationSchema(Schema):
    """A user to be registered."""

    name = PersonName(required=True)
    email = Email(required=True)
    password = NewPassword(required=True)


class LoginSchema(Schema):
    """Credentials to log in with."""

    # Any text is accepted: an invalid address gets the same error as an unknown one.
    email = LoginEmail(
        required=True,
        validate=validate.Length(max=254),
        metadata={"example": "fatima@example.org"},
    )
    password = LoginPassword()


class TokenPairSchema(Schema):
    """A pair of tokens and their user."""

    access_token = Text(required=True, metadata=TOKEN_EXAMPLE)
    refresh_token = Text(required=True, metadata=TOKEN_EXAMPLE)
    token_type = Text(required=True, metadata={"example": "Bearer"})
    expires_in = StrictInteger(
        required=True, metadata={"example": 604800, "description": "seconds"}
    )
    user = fields.Nested(UserSchema, required=True)


class LoginResponseSchema(TokenPairSchema):
    """A pair of tokens, and the value that a client with the cookie sends as X-CSRF-Token."""

    csrf_token = Text(required=True, metadata={"example": "0f4b1c8e-6b0a-4a51-9d3c-6a1f8f6b2c7d"})


def _choices(**options: Any) -> dict[str, Any]:
    """Return a field for each kind of mail that users choose."""
    return {kind: StrictBoolean(**options) for kind in OPTIONAL_KINDS}


class NotificationsSchema(Schema.from_dict(_choices(dump_default=True))):  # type: ignore[misc]
    """The mails that the user receives. Mails about security are always sent."""


class NotificationsPatchSchema(Schema.from_dict(_choices())):  # type: ignore[misc]
    """The mails to receive or not; those left out stay as they are."""


class ProfileSchema(UserSchema):
    """The user's own account."""

    notifications = fields.Nested(NotificationsSchema, required=True)


class ProfilePatchSchema(Schema):
    """The fields of their own account that users may change; at least one."""

    name = PersonName()
    notifications = fields.Nested(NotificationsPatchSchema)

    @validates_schema
    def require_a_field(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Raise ValidationError for an empty body."""
        if not data:
            raise ValidationError("Send at least one field.")


class PasswordChangeSchema(Schema):
    """The current password and the new one; ``rotate`` replaces the tokens of this session too."""

    current_password = LoginPassword()
    new_password = NewPassword(required=True)
    rotate = StrictBoolean(load_default=False, metadata={"example": True})
