"""Users over the wire."""

import re
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, validate

from ..http.authentication import ROLES
from ..http.fields import Password, QueryInteger, StrictBoolean, StrictUUID, Text, UtcDateTime
from ..http.schemas import PaginationQuerySchema, Schema

# Blanks, a sign that is none, then anything; no two parts in a row can take the same sign, so the
# time that it takes does not grow with the square of the name.
# The blanks that are no control characters are spelled out: \s is not the same in JavaScript, by
# which the document's patterns are read.
CONTROL_CHARS = r"\x00-\x1f\x7f-\x9f"
BLANKS = r"\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NAME_PATTERN = re.compile(rf"[{BLANKS}]*[^{BLANKS}{CONTROL_CHARS}][^{CONTROL_CHARS}]*\Z")


def require_email(email: str) -> None:
    """Refuse what no mail could be sent to; nobody is asked whether the domain exists."""
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
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[validate.Length(max=254), require_email],
            metadata={"format": "email", "example": "fatima@example.org"},
            **kwargs,
        )


class PersonName(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[
                validate.Length(1, 200),
                validate.Regexp(
                    NAME_PATTERN, error="Must not be blank, nor have control characters."
                ),
            ],
            metadata={"example": "Fatima al-Fihri"},
            **kwargs,
        )


class NewPassword(Password):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.Length(12, 128),
            metadata={"example": "correct horse battery"},
            **kwargs,
        )


class Role(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(ROLES), metadata={"example": "user"}, **kwargs)


class UserSchema(Schema):
    """A user, as they and the admins see them. Of one who left, name and email are empty."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "Fatima al-Fihri"})
    email = Text(required=True, metadata={"example": "fatima@example.org"})
    role = Role(required=True)
    disabled = StrictBoolean(required=True, metadata={"example": False})
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class NewUserSchema(Schema):
    """A user that an admin makes."""

    name = PersonName(required=True)
    email = Email(required=True)
    password = NewPassword(required=True)
    role = Role(load_default="user")


class UserPatchSchema(Schema):
    """What of a user is to change; what is not named stays."""

    name = PersonName()
    email = Email()
    role = Role()
    disabled = StrictBoolean(metadata={"example": False})


class UserPatchWithIdSchema(UserPatchSchema):
    """The same, with the user named in the body."""

    id = StrictUUID(required=True)


class UserPutSchema(Schema):
    """All of a user that can change."""

    id = StrictUUID(required=True)
    name = PersonName(required=True)
    email = Email(required=True)
    role = Role(required=True)
    disabled = StrictBoolean(required=True, metadata={"example": False})


class UserIdQuerySchema(Schema):
    """Which user is meant."""

    id = StrictUUID(required=True)


class UserListQuerySchema(PaginationQuerySchema):
    """Which part of the plain array is asked for."""

    limit = QueryInteger(
        load_default=100, validate=validate.Range(1, 100), metadata={"example": 100}
    )


class UserDeletedSchema(Schema):
    message = Text(required=True, metadata={"example": "User deleted"})
