"""Commands for operators: ``flask --app wsgi users create``, ``payments reconcile``, …"""

import re
import sys
from functools import partial

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import ProgrammingError

from ..database import roles
from ..database.base import db
from ..errors import ServiceUnavailable, describe_database_error
from ..integrations.stripe_client import StripeKeyInvalid
from ..jobs import actions as queue_actions
from ..jobs import queue, worker
from ..jobs.models import JobRun
from ..jobs.queue import FUNCTIONS, SCHEDULES, JobFailed
from ..ledger import actions as ledger
from ..system import jobs
from ..waqf.actions.projects import recount_donations
from ..waqf.models import Project
from .users import users

payments = AppGroup("payments", help="Manage payments at Stripe.")
ledger_group = AppGroup("ledger", help="Check the ledger.")
projects = AppGroup("projects", help="Manage waqf projects.")
jobs_group = AppGroup("jobs", help="Run jobs, now or when they are due.")

MAX_IDS = 5  # of jobs that failed, in a line


def init_app(app: Flask) -> None:
    """Register the commands."""
    for group in (users, payments, ledger_group, projects, jobs_group):
        app.cli.add_command(group)
    for command in (demo_command, grant_command, prune_command):
        app.cli.add_command(command)


@payments.command("reconcile")
def reconcile_command() -> None:
    """Fetch every open payment, refund and dispute, and the balance, from Stripe.

    Down payments of offers that have expired are given back too.
    """
    try:
        run = jobs.reconcile(partial(click.echo, err=True))
    except StripeKeyInvalid:
        raise click.ClickException("Stripe does not accept STRIPE_SECRET_KEY.") from None
    click.echo(str(run))
    if run.failed:
        raise SystemExit(1)


@ledger_group.command("check")
@click.option("--progress/--no-progress", default=None, help="Name each step; default: a terminal.")
def ledger_check_command(progress: bool | None) -> None:
    """Compare totals, digests and triggers with the ledger, and list those that differ."""

    def report(line: str) -> None:
        if progress or (progress is None and sys.stderr.isatty()):
            click.echo(f"checking {line}", err=True)

    discrepancies = list(ledger.check(report))
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
    click.echo(jobs.seal_ledger())


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
def prune_command() -> None:
    """Delete expired rows and files without a row; seal the ledger's days.

    The rows are idempotency keys, sessions, webhook events, runs of jobs, tokens of links and
    known devices.
    """
    try:
        jobs.prune(click.echo)
    except ServiceUnavailable:
        raise click.ClickException("The file storage does not respond.") from None
    except JobFailed as failure:
        raise click.ClickException(str(failure)) from None


@jobs_group.command("list")
def list_jobs_command() -> None:
    """List the scheduled jobs with their last run, and what waits in the queue."""
    runs = JobRun.last_by_name()
    for name in sorted({*SCHEDULES, *runs}):
        run = runs.get(name)
        result = "never run" if run is None else run.summary
        click.echo(f"{name:<20} {SCHEDULES.get(name, 'when needed'):<14} {result}")
    for name, ids in queue_actions.failed_jobs().items():
        shown = ", ".join(map(str, ids[:MAX_IDS]))
        click.echo(f"{name:<20} {len(ids)} failed for good: {shown}{', …' * (len(ids) > MAX_IDS)}")
    state = queue_actions.read_state()
    click.echo(
        f"{state.workers} workers, {state.waiting} due (for up to {state.longest_wait:.0f} s),"
        f" {state.running} running, {state.failed} failed for good"
    )


@jobs_group.command("run")
@click.argument("name")
def run_job_command(name: str) -> None:
    """Run the scheduled job NAME now, in this process."""
    if name not in SCHEDULES:
        names = ", ".join(sorted(SCHEDULES))
        raise click.BadParameter(f"{name!r} is not one of {names}.", param_hint="NAME")
    try:
        queue.run(name, FUNCTIONS[name])
    except Exception as error:
        raise click.ClickException(queue.describe(error)) from None
    click.echo(JobRun.last_by_name()[name].summary)


@jobs_group.command("retry")
@click.argument("job", required=False)
def retry_jobs_command(job: str | None) -> None:
    """Let a worker try jobs that failed for good again: all, those called JOB, or that with id JOB.

    A job starts with all of its attempts.
    """
    if job is not None and re.fullmatch(r"\d{1,18}", job, re.ASCII):
        retried = queue_actions.retry_failed_jobs(id=int(job))
        if not retried:
            raise click.BadParameter(f"no job {job} has failed for good.", param_hint="JOB")
    elif job is None or job in queue.queue.tasks:
        retried = queue_actions.retry_failed_jobs(name=job)
    else:
        raise click.BadParameter(f"there is no job {job!r}.", param_hint="JOB")
    db.session.commit()
    click.echo(f"{retried} to be tried again")


@jobs_group.command("work")
@click.option("--until-empty", is_flag=True, help="Stop when no job is due.")
def work_command(*, until_empty: bool) -> None:
    """Run jobs until SIGTERM or Ctrl-C: the worker of the Procfile."""
    worker.work(current_app._get_current_object(), wait=not until_empty)  # type: ignore[attr-defined]


@click.command("demo")
@click.option("--with-other-users", is_flag=True, help="Also if the database has users of its own.")
@with_appcontext
def demo_command(with_other_users: bool) -> None:
    """Add the sample data; existing rows stay as they are."""
    if current_app.config["PRODUCTION"]:
        raise click.ClickException(
            "Sample data cannot be added in production: its passwords are public."
        )
    from ..dev import demo  # noqa: PLC0415 (production never imports app.dev)

    if not with_other_users and demo.has_other_users():
        raise click.ClickException(
            "Sample data was not added: the database has users of its own, and the password of the"
            " sample accounts is public. Use an empty database, or --with-other-users if this one"
            " is only for development."
        )
    for label in demo.seed():
        click.echo(f"added {label}")
    db.session.commit()
