"""The wire format of users."""

import re
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, validate

from ..http.authentication import ROLES
from ..http.fields import Password, QueryInteger, StrictBoolean, StrictUUID, Text, UtcDateTime
from ..http.schemas import PaginationQuerySchema, Schema
from .passwords import PUBLISHED_PASSWORD

# Blanks, a visible character, then any text. Adjacent parts share no character, so that matching
# takes linear time. The blanks are listed because the OpenAPI document publishes the pattern, and
# \s means something else in JavaScript.
CONTROL_CHARS = r"\x00-\x1f\x7f-\x9f"
BLANKS = r"\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NAME_PATTERN = re.compile(rf"[{BLANKS}]*[^{BLANKS}{CONTROL_CHARS}][^{CONTROL_CHARS}]*\Z")


def require_email(email: str) -> None:
    """Raise ValidationError for an invalid address; whether its domain exists is not checked."""
    try:
        address = validate_email(
            email,
            check_deliverability=False,
            globally_deliverable=False,
            allow_domain_literal=False,
        )
        if "." not in address.domain:
            raise ValidationError("Not a valid email address.")
    except EmailNotValidError:
        raise ValidationError("Not a valid email address.") from None


class Email(Text):
    """An e-mail address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[validate.Length(max=254), require_email],
            metadata={"format": "email", "example": "fatima@example.org"},
            **kwargs,
        )


class PersonName(Text):
    """A person's name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[
                validate.Length(1, 200),
                validate.Regexp(
                    NAME_PATTERN, error="Must not be blank or contain control characters."
                ),
            ],
            metadata={"example": "Fatima al-Fihri"},
            **kwargs,
        )


def require_private_password(password: str) -> None:
    """Raise ValidationError for the password of the sample data."""
    if password == PUBLISHED_PASSWORD:
        raise ValidationError("This password is public: choose another.")


class NewPassword(Password):
    """A password to be set."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[validate.Length(12, 128), require_private_password],
            metadata={"example": "correct horse battery"},
            **kwargs,
        )


class Role(Text):
    """A user's role."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(ROLES), metadata={"example": "user"}, **kwargs)


class UserSchema(Schema):
    """A user. The name and e-mail of an erased user are empty."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "Fatima al-Fihri"})
    email = Text(required=True, metadata={"example": "fatima@example.org"})
    role = Role(required=True)
    disabled = StrictBoolean(required=True, metadata={"example": False})
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class NewUserSchema(Schema):
    """A user to be created by an admin."""

    name = PersonName(required=True)
    email = Email(required=True)
    password = NewPassword(required=True)
    role = Role(load_default="user")


class UserPatchSchema(Schema):
    """The fields of a user to change; fields left out keep their values."""

    name = PersonName()
    email = Email()
    role = Role()
    disabled = StrictBoolean(metadata={"example": False})


class UserPatchWithIdSchema(UserPatchSchema):
    """The fields of a user to change, with the user's id."""

    id = StrictUUID(required=True)


class UserPutSchema(Schema):
    """All fields of a user that can be changed."""

    id = StrictUUID(required=True)
    name = PersonName(required=True)
    email = Email(required=True)
    role = Role(required=True)
    disabled = StrictBoolean(required=True, metadata={"example": False})


class UserIdQuerySchema(Schema):
    """The id of a user in the query string."""

    id = StrictUUID(required=True)


class UserListQuerySchema(PaginationQuerySchema):
    """The page of the plain array of users."""

    limit = QueryInteger(
        load_default=100, validate=validate.Range(1, 100), metadata={"example": 100}
    )


class UserDeletedSchema(Schema):
    message = Text(required=True, metadata={"example": "User deleted"})
