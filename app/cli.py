"""Commands for operators: ``flask --app wsgi users create``, ``payments reconcile``, …"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
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
from .http.idempotency_keys import GuestIdempotencyKey, IdempotencyKey
from .integrations import storage
from .integrations.stripe_client import (
    PaymentUnavailable,
    StripeKeyInvalid,
    StripePermissionDenied,
    StripeRejected,
)
from .ledger import actions as ledger
from .ledger import digests
from .murabaha.actions import transitions as murabaha
from .payments.actions import balance_fetch, reconciliation
from .payments.models import WebhookEvent
from .reports import export
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
# What reading Stripe's objects needs, by their name in messages.
READ_PERMISSIONS = {
    "PaymentIntents": "rak_payment_intent_read",
    "refunds": "rak_refund_read",
    "disputes": "rak_dispute_read",
    "payouts": "rak_payout_read",
    "balance transactions": "rak_balance_transaction_source_read",
}
NOT_READ = {  # the consequence of a missing permission, if it is not that of the others
    "payouts": "they are not in the ledger",
    "balance transactions": "fees and the lines of payouts are not in the ledger",
}


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
    """Fetch every open payment, refund and dispute, and the balance, from Stripe.

    Down payments of offers that have expired are given back too.
    """
    run = ReconcileRun()
    run.each("PaymentIntents", reconciliation.payable_payments, reconciliation.reconcile_payment)
    run.each("applications", murabaha.lapsed_offers, murabaha.expire)
    run.each("refunds", reconciliation.unconfirmed_refunds, reconciliation.retry_refund)
    for kind in ("refund", "dispute"):
        run.each(
            f"{kind}s",
            partial(reconciliation.open_reversals, kind),
            partial(reconciliation.refresh_reversal, kind),
        )
        run.each(
            f"{kind}s",
            partial(reconciliation.recent_reversals, kind),
            reconciliation.apply_recent_reversal,
        )
    run.steps("payouts", balance_fetch.iter_payouts())
    run.steps("balance transactions", balance_fetch.iter_transactions())
    run.steps("balance transactions", balance_fetch.iter_lines())
    run.steps("balance transactions", balance_fetch.iter_corrections())
    click.echo(f"{run.checked} checked, {run.failed} failed")
    if run.failed:
        raise SystemExit(1)


class ReconcileRun:
    """A run of ``payments reconcile``: how much was checked, and what failed."""

    def __init__(self) -> None:
        self.checked = self.failed = 0
        self._reported: set[str] = set()

    def each(
        self, name: str, list_items: Callable[[], Iterable[Any]], reconcile: Callable[[Any], Any]
    ) -> None:
        """List the items called ``name``; reconcile and commit each, even if others fail."""
        for item in self.attempt(name, name, list_items) or ():
            self.checked += 1
            self.attempt(name, item, partial(reconcile, item))

    def steps(self, name: str, steps: Iterator[Callable[[], None]]) -> None:
        """Take and commit each of ``steps``, which are fetched one by one; stop if one fails."""
        failed = self.failed
        while self.failed == failed and (
            step := self.attempt(name, name, partial(next, steps, None))
        ):
            self.checked += 1
            self.attempt(name, name, step)

    def attempt(self, name: str, label: Any, action: Callable[[], Any]) -> Any:
        """Return the result of ``action``, committed; report a failure and return None."""
        try:
            result = action()
            db.session.commit()
        except StripeKeyInvalid:
            raise click.ClickException("Stripe does not accept STRIPE_SECRET_KEY.") from None
        except StripePermissionDenied as error:
            db.session.rollback()
            return self._report_permission(name, error.permission)
        except Exception as error:
            db.session.rollback()
            if not isinstance(error, PaymentUnavailable | StripeRejected):
                log.exception("could not reconcile %s", label)
            result = error
        if not isinstance(result, Exception):
            return result
        self.failed += 1
        click.echo(f"{label}: {result}", err=True)
        return None

    def _report_permission(self, name: str, permission: str) -> None:
        """Report once what a restricted key may not do; only what it may not change fails."""
        permission = permission or READ_PERMISSIONS[name]  # Stripe does not always name it
        consequence = NOT_READ.get(name, "they are known from webhooks only")
        message = f"This key may not read {name} ({permission}): {consequence}."
        if permission.endswith("_write"):
            self.failed += 1
            message = f"This key may not create or change {name} ({permission})."
        if message not in self._reported:
            self._reported.add(message)
            click.echo(message, err=True)


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
    for model in (IdempotencyKey, UserSession, WebhookEvent, GuestIdempotencyKey):
        total, deleted = 0, BATCH_SIZE
        while deleted == BATCH_SIZE:
            deleted = _delete_batch(model, model.is_expired())
            total += deleted
        click.echo(f"{total} {model.__tablename__}")
    context.invoke(ledger_seal_command)
    try:
        click.echo(f"{export.delete_old_archives()} archives")
        db.session.commit()
    except ServiceUnavailable:
        raise click.ClickException("The file storage does not respond.") from None
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
