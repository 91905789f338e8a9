"""Commands for operators: ``flask --app wsgi users create``, ``payments reconcile``, …"""

import logging
from collections.abc import Callable
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError, ProgrammingError

from .database import roles
from .database.base import db
from .dev import demo
from .errors import ServiceUnavailable, describe_database_error
from .http.authentication import ROLES
from .http.idempotency_keys import IdempotencyKey
from .integrations import storage
from .integrations.stripe_client import PaymentUnavailable, StripeRejected
from .ledger import actions as ledger
from .ledger import digests
from .payments.actions import reconciliation
from .payments.models import WebhookEvent
from .uploads import actions as uploads
from .users.models import User, UserSession
from .users.rules import normalize_email
from .users.schemas import NewUserSchema
from .waqf.actions.projects import recount_donations
from .waqf.models import Project

log = logging.getLogger(__name__)

users = AppGroup("users", help="Manage users.")
payments = AppGroup("payments", help="Manage payments at Stripe.")
ledger_group = AppGroup("ledger", help="Check the ledger.")
projects = AppGroup("projects", help="Manage waqf projects.")

BATCH_SIZE = 1000  # rows
MANY_ORPHANS = 100  # files


def init_app(app: Flask) -> None:
    """Register the commands."""
    for group in (users, payments, ledger_group, projects):
        app.cli.add_command(group)
    for command in (demo_command, grant_command, prune_command):
        app.cli.add_command(command)


@users.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True)
@click.option("--password", required=True, help="12 to 128 characters.")
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
    user = db.session.scalar(db.select(User).where(User.email_key == normalize_email(email)))
    if user is None:
        raise click.ClickException(f"There is no user with the e-mail {email}.")
    user.disabled = True
    UserSession.revoke_all(user.id)
    db.session.commit()
    click.echo(f"{user.role} {user.email} disabled")


@payments.command("reconcile")
def reconcile_command() -> None:
    """Fetch every open payment, refund and dispute from Stripe and apply its state."""
    checked, failed = 0, 0
    steps: tuple[tuple[Callable[[Any], Any], Callable[[], list[Any] | None]], ...] = (
        (reconciliation.reconcile_payment, reconciliation.payable_payments),
        (reconciliation.retry_refund, reconciliation.unconfirmed_refunds),
        (lambda key: reconciliation.refresh_reversal(*key), reconciliation.open_reversals),
        (reconciliation.apply_recent_reversal, lambda: _fetch_recent("refund")),
        (reconciliation.apply_recent_reversal, lambda: _fetch_recent("dispute")),
    )
    for reconcile, list_items in steps:
        items = list_items()
        db.session.rollback()
        if items is None:
            failed += 1
        for item in items or ():
            checked += 1
            failed += not _run_safely(reconcile, item)
    click.echo(f"{checked} checked, {failed} failed")
    if failed:
        raise SystemExit(1)


def _fetch_recent(kind: str) -> list[Any] | None:
    """List Stripe's recent refunds or disputes; None if Stripe is unavailable."""
    db.session.rollback()
    try:
        return reconciliation.recent_reversals(kind)
    except PaymentUnavailable:
        return None
    except StripeRejected as error:  # a restricted API key may not be allowed to list these
        click.echo(f"{kind}s: {error}", err=True)
        return []


def _run_safely(reconcile: Callable[[Any], Any], item: Any) -> bool:
    """Reconcile one item and commit; report a failure and return False, so that others follow."""
    try:
        outcome = reconcile(item)
        db.session.commit()
    except Exception as error:
        db.session.rollback()
        if not isinstance(error, PaymentUnavailable | StripeRejected):
            log.exception("could not reconcile %s", item)
        outcome = error
    if isinstance(outcome, Exception):
        click.echo(f"{item}: {outcome}", err=True)
    return not isinstance(outcome, Exception)


@ledger_group.command("check")
def ledger_check_command() -> None:
    """Compare totals, digests and triggers with the ledger, and list those that differ."""
    discrepancies = list(ledger.check())
    for subject, stored, posted in discrepancies:
        click.echo(f"{subject}: stored {stored}, posted {posted}")
    click.echo(f"{len(discrepancies)} differ" if discrepancies else "nothing differs")
    if discrepancies:
        raise SystemExit(1)


@projects.command("recount")
def recount_command() -> None:
    """Recompute the number of donors and donations of every project."""
    changed = 0
    for id in db.session.scalars(db.select(Project.id)).all():
        changed += recount_donations(id)
        db.session.commit()
    click.echo(f"{changed} changed")


@ledger_group.command("seal")
def ledger_seal_command() -> None:
    """Store the digest of each finished day, and print the last one."""
    last = digests.seal()
    db.session.commit()
    click.echo(f"sealed until {last.day}: {last.chain_hash}" if last else "nothing to seal")


@click.command("grant")
@click.argument("role")
@with_appcontext
def grant_command(role: str) -> None:
    """Give the database role ROLE what serving requests needs, and nothing else."""
    try:
        roles.grant(role)
        excess, missing = roles.find_excess(role), roles.find_missing(role)
        db.session.commit()
    except roles.GrantError as error:
        raise click.ClickException(str(error)) from None
    except ProgrammingError as error:
        raise click.ClickException(describe_database_error(error)) from None
    if missing:
        raise click.ClickException(f"{role} still lacks: {', '.join(missing)}.")
    if excess:
        raise click.ClickException(f"{role} may still do more: {', '.join(excess)}.")
    click.echo(f"{role} can serve requests and owns nothing")


@click.command("prune")
@with_appcontext
@click.pass_context
def prune_command(context: click.Context) -> None:
    """Delete expired rows and files without a row; seal the ledger's days.

    The rows are idempotency keys, sessions and webhook events.
    """
    for model in (IdempotencyKey, UserSession, WebhookEvent):
        total, deleted = 0, BATCH_SIZE
        while deleted == BATCH_SIZE:
            deleted = _delete_batch(model, model.is_expired())
            total += deleted
        click.echo(f"{total} {model.__tablename__}")
    context.invoke(ledger_seal_command)
    _prune_files()


def _prune_files() -> None:
    """Remove stored files without a row, and report rows without a file, then with status 1."""
    try:
        orphans, missing, rows = uploads.compare_storage()
    except ServiceUnavailable:
        raise click.ClickException("The file storage does not respond.") from None
    for filename in missing:
        click.echo(f"missing file: {filename}", err=True)
    if len(orphans) > max(MANY_ORPHANS, rows):
        raise click.ClickException(
            f"{len(orphans)} stored files have no row, and only {rows} have one. None was removed:"
            " check that DATABASE_URL is the database of these files."
        )
    for filename in orphans:
        storage.delete(filename)
    db.session.commit()
    click.echo(f"{len(orphans)} files without a row, {len(missing)} rows without a file")
    if missing:
        raise SystemExit(1)


def _delete_batch(model: Any, condition: Any) -> int:
    """Delete up to BATCH_SIZE rows that no transaction has locked; return their number."""
    key = tuple(model.__table__.primary_key)
    batch = db.select(*key).where(condition).limit(BATCH_SIZE).with_for_update(skip_locked=True)
    result = db.session.execute(db.delete(model).where(db.tuple_(*key).in_(batch)))
    db.session.commit()
    return int(result.rowcount)  # type: ignore[attr-defined]


@click.command("demo")
@click.option("--with-other-users", is_flag=True, help="Also if the database has users of its own.")
@with_appcontext
def demo_command(with_other_users: bool) -> None:
    """Add the sample data; existing rows stay as they are."""
    if current_app.config["PRODUCTION"]:
        raise click.ClickException(
            "Sample data cannot be added in production: its passwords are public."
        )
    if not with_other_users and demo.has_other_users():
        raise click.ClickException(
            "Sample data was not added: the database has users of its own, and the password of the"
            " sample accounts is public. Use an empty database, or --with-other-users if this one"
            " is only for development."
        )
    for label in demo.seed():
        click.echo(f"added {label}")
    db.session.commit()
