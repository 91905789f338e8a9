"""The wire format of users."""

from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, validates_schema

from ..errors import ValidationFailed
from ..http.authentication import ROLES
from ..http.fields import (
    Choice,
    Password,
    QueryBoolean,
    QueryInteger,
    StrictBoolean,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ..http.schemas import PaginationQuerySchema, PeriodQuerySchema, Schema
from ..http.text import normalize_text
from ..http.validators import Length, OneOf, Range
from ..messages import LOCALES, Fault, Rule
from .passwords import PUBLISHED_PASSWORD, is_common, resembles

INVALID_EMAIL = Fault("Must be an e-mail address.", Rule.INVALID_FORMAT)
PUBLIC_PASSWORD = Fault("This password is public: choose another.", Rule.WEAK_PASSWORD)
COMMON_PASSWORD = Fault(
    "This password is one of the most common: choose another.", Rule.WEAK_PASSWORD
)
PERSONAL_PASSWORD = Fault("Must not consist of the name or e-mail.", Rule.WEAK_PASSWORD)


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
            raise ValidationError(INVALID_EMAIL)
    except EmailNotValidError:
        raise ValidationError(INVALID_EMAIL) from None


class LoginEmail(Text):
    """Text to find a user by; the blanks around it, as of pasted text, are removed."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        value = value.strip() if isinstance(value, str) else value
        return super()._deserialize(value, *args, **kwargs)


class Email(LoginEmail):
    """An e-mail address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[Length(max=254), require_email],
            metadata={"format": "email", "example": "fatima@example.org"},
            **kwargs,
        )


class PersonName(Text):
    """A person's name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Length(1, 200), metadata={"example": "Fatima al-Fihri"}, **kwargs)


def require_private_password(password: str) -> None:
    """Raise ValidationError for the password of the sample data."""
    if password == PUBLISHED_PASSWORD:
        raise ValidationError(PUBLIC_PASSWORD)


def require_uncommon_password(password: str) -> None:
    """Raise ValidationError for a password that everyone tries first."""
    if is_common(password):
        raise ValidationError(COMMON_PASSWORD)


def require_unlike_user(field: str, password: str, user: Any) -> None:
    """Raise ValidationFailed at ``field`` for a password that consists of the user's own names."""
    if resembles(password, user.name, user.email):
        raise ValidationFailed.at([field], PERSONAL_PASSWORD)


class NewPassword(Password):
    """A password to be set; its length is that of its normalized form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[
                Length(12, 128),
                require_private_password,
                require_uncommon_password,
            ],
            metadata={"example": "correct horse battery"},
            **kwargs,
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return normalize_text(super()._deserialize(value, *args, **kwargs))


class Role(Text):
    """A user's role."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=OneOf(ROLES), metadata={"example": "user"}, **kwargs)


class UserSchema(Schema):
    """A user. The name and e-mail of an erased user are empty."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "Fatima al-Fihri"})
    email = Text(required=True, metadata={"example": "fatima@example.org"})
    role = Role(required=True)
    disabled = StrictBoolean(required=True, metadata={"example": False})
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)
    locale = Choice(*LOCALES, required=True)
    time_zone = Text(
        required=True,
        allow_none=True,
        metadata={"example": "Asia/Riyadh"},
    )


class AccountSchema(Schema):
    """A user to be created."""

    name = PersonName(required=True)
    email = Email(required=True)
    password = NewPassword(required=True)

    @validates_schema
    def require_own_password(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Raise ValidationError for a password that consists of the user's own names."""
        if resembles(data["password"], data["name"], data["email"]):
            raise ValidationError({"password": [PERSONAL_PASSWORD]})


class NewUserSchema(AccountSchema):
    """A user to be created by an admin."""

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


class UserListQuerySchema(PeriodQuerySchema, PaginationQuerySchema):
    """Filters and page of the plain array of users; the period is that of ``createdAt``."""

    role = Text(load_default=None, validate=OneOf(ROLES), metadata={"example": "officer"})
    disabled = QueryBoolean(load_default=None, metadata={"example": False})
    search = Text(
        load_default=None,
        validate=Length(1, 254),
        metadata={"description": "A part of the name or e-mail address.", "example": "fatima"},
    )
    sort = Choice("-createdAt", "createdAt", load_default="-createdAt")

    limit = QueryInteger(load_default=100, validate=Range(1, 100), metadata={"example": 100})


class UserDeletedSchema(Schema):
    """The confirmation that a user was deleted."""

    message = Text(required=True, metadata={"example": "User deleted"})
