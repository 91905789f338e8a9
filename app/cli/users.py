"""Commands that manage users: ``flask --app wsgi users create``, ``reset-password``, …"""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from ..audit.actions import record
from ..audit.origin import current_origin
from ..auth.actions.recovery import create_reset_link
from ..auth.actions.second_factor import turn_off
from ..database.base import db
from ..http.authentication import ROLES
from ..users.models import User, UserSession
from ..users.rules import normalize_email
from ..users.schemas import NewUserSchema

users = AppGroup("users", help="Manage users.")


@users.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True)
@click.option(
    "--password",
    envvar="USER_PASSWORD",
    prompt="The password",
    hide_input=True,
    confirmation_prompt=True,
    help="12 to 128 characters. Read from USER_PASSWORD, or asked for, if it is not given.",
)
def create_user_command(**options: str) -> None:
    """Create a user with any role."""
    try:
        user = User.with_password(**NewUserSchema().load(options))
        db.session.add(user)
        db.session.commit()
    except ValidationError as error:
        raise click.ClickException(
            "; ".join(
                f"{name}: {' '.join(messages)}" for name, messages in error.messages_dict.items()
            )
        ) from None
    except IntegrityError:
        raise click.ClickException(
            f"A user with the e-mail {options['email']} already exists."
        ) from None
    click.echo(f"{user.role} {user.email} created: {user.id}")


@users.command("disable")
@click.option("--email", required=True)
def disable_user_command(email: str) -> None:
    """Disable a user's account and end their sessions."""
    user = _find_user(email)
    user.disabled = True
    UserSession.revoke_all(user.id)
    db.session.commit()
    click.echo(f"{user.role} {user.email} disabled")


@users.command("reset-password")
@click.option("--email", required=True)
def reset_password_command(email: str) -> None:
    """Print a link that resets a user's password within an hour."""
    user = _find_user(email)
    reset_url, expires_at = create_reset_link(user)
    after = {"expiresAt": expires_at.isoformat()}
    record(current_origin().action, "user", user.id, after=after)
    db.session.commit()
    click.echo(f"{reset_url}\nvalid until {expires_at:%Y-%m-%dT%H:%M:%SZ}")


@users.command("remove-second-factor")
@click.option("--email", required=True)
def remove_second_factor_command(email: str) -> None:
    """Turn off a user's second factor, whose device and recovery codes are lost."""
    user = _find_user(email)
    turn_off(user)
    UserSession.revoke_all(user.id)
    db.session.commit()
    click.echo(f"{user.role} {user.email} signs in with the password alone")


def _find_user(email: str) -> User:
    """Return the user with this e-mail, locked."""
    user = db.session.scalar(
        db.select(User).where(User.email_key == normalize_email(email)).with_for_update()
    )
    if user is None:
        raise click.ClickException(f"There is no user with the e-mail {email}.")
    return user
