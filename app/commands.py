"""What an operator types: ``flask --app wsgi users create``, ``flask --app wsgi demo``."""

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from . import demo
from .access import ROLES
from .extensions import db
from .users.models import User
from .users.schemas import NewUserSchema

users = AppGroup("users", help="The people who can sign in.")


def init_app(app: Flask) -> None:
    app.cli.add_command(users)
    app.cli.add_command(demo_command)


@users.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True)
@click.option("--password", required=True, help="12 to 128 characters.")
def create_user_command(**given: str) -> None:
    """Make a user, with any role."""
    try:
        user = User.with_password(**NewUserSchema().load(given))
        db.session.add(user)
        db.session.commit()
    except ValidationError as error:
        raise click.ClickException(
            "; ".join(f"{name}: {' '.join(said)}" for name, said in error.messages_dict.items())
        ) from None
    except IntegrityError:
        raise click.ClickException(f"There is a user with the e-mail {given['email']}.") from None
    click.echo(f"{user.role} {user.email} created: {user.id}")


@click.command("demo")
@with_appcontext
def demo_command() -> None:
    """Fill in the sample data; what is there already stays as it is."""
    if current_app.config["PRODUCTION"]:
        raise click.ClickException("Not in production: everybody knows the passwords.")
    for added in demo.fill():
        click.echo(f"added {added}")
    db.session.commit()
