"""What an operator types: ``flask --app wsgi users create``, ``payments reconcile``, …"""

import logging
from collections.abc import Callable
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from .database.base import db
from .dev import demo
from .http.authentication import ROLES
from .http.idempotency import IdempotencyKey
from .integrations.stripe_client import PaymentUnavailable, Refused
from .ledger import actions as ledger
from .payments.actions import reconciliation, updates
from .payments.models import WebhookEvent
from .users.models import SignIn, User
from .users.schemas import NewUserSchema

log = logging.getLogger(__name__)

users = AppGroup("users", help="The people who can sign in.")
payments = AppGroup("payments", help="What Stripe knows of.")
books = AppGroup("ledger", help="The books.")

BATCH = 1000


def init_app(app: Flask) -> None:
    for group in (users, payments, books):
        app.cli.add_command(group)
    for command in (demo_command, prune_command):
        app.cli.add_command(command)


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


@payments.command("reconcile")
def reconcile_command() -> None:
    """Ask Stripe about whatever is still open, and bring the books up to what it says."""
    asked, missed = 0, 0
    steps: tuple[tuple[Callable[[Any], Any], Callable[[], list[Any] | None]], ...] = (
        (reconciliation.reconcile, reconciliation.unsettled),
        (reconciliation.give_back, reconciliation.unanswered),
        (reconciliation.follow_up, reconciliation.unfinished),
        (updates.learn, lambda: _listed("refund")),
        (updates.learn, lambda: _listed("dispute")),
    )
    for deed, look in steps:
        found = look()
        db.session.rollback()
        if found is None:
            missed += 1
        for one in found or ():
            asked += 1
            missed += not _done(deed, one)
    click.echo(f"asked about {asked}, could not find out about {missed}")
    if missed:
        raise SystemExit(1)


def _listed(kind: str) -> list[Any] | None:
    """What Stripe says was taken back of late, or None where it does not answer."""
    db.session.rollback()
    try:
        return reconciliation.begun_of_late(kind)
    except PaymentUnavailable:
        return None
    except Refused as error:  # not every key may ask about everything
        click.echo(f"{kind}s: {error}", err=True)
        return []


def _done(deed: Callable[[Any], Any], about: Any) -> bool:
    """Whether ``deed`` came to its end; one that does not keeps nobody else from theirs."""
    try:
        outcome = deed(about)
        db.session.commit()
    except Exception as error:
        db.session.rollback()
        if not isinstance(error, PaymentUnavailable | Refused):
            log.exception("could not reconcile %s", about)
        outcome = error
    if isinstance(outcome, Exception):
        click.echo(f"{about}: {outcome}", err=True)
    return not isinstance(outcome, Exception)


@books.command("check")
def check_command() -> None:
    """Work every figure out anew from the entries, and say which differ."""
    found = list(ledger.check())
    for one in found:
        click.echo(f"{one.what}: shown {one.shown}, by the entries {one.booked}")
    click.echo(f"{len(found)} differ" if found else "nothing differs")
    if found:
        raise SystemExit(1)


@click.command("prune")
@with_appcontext
def prune_command() -> None:
    """Delete what is kept for a time only: old keys, sign-ins that ran out, old events."""
    for table, is_old in (
        (IdempotencyKey, IdempotencyKey.is_old()),
        (SignIn, SignIn.is_old()),
        (WebhookEvent, WebhookEvent.is_old()),
    ):
        deleted, batch = 0, BATCH
        while batch == BATCH:
            batch = _delete_some(table, is_old)
            deleted += batch
        click.echo(f"{deleted} {table.__tablename__}")


def _delete_some(table: Any, is_old: Any) -> int:
    """Delete a few at a time, and none that somebody is at, so that nobody waits for it."""
    key = tuple(table.__table__.primary_key)
    some = db.select(*key).where(is_old).limit(BATCH).with_for_update(skip_locked=True)
    gone = db.session.execute(db.delete(table).where(db.tuple_(*key).in_(some)))
    db.session.commit()
    return int(gone.rowcount)  # type: ignore[attr-defined]


@click.command("demo")
@with_appcontext
def demo_command() -> None:
    """Fill in the sample data; what is there already stays as it is."""
    if current_app.config["PRODUCTION"]:
        raise click.ClickException("Not in production: everybody knows the passwords.")
    for added in demo.fill():
        click.echo(f"added {added}")
    db.session.commit()
