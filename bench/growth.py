"""Compare lists and hot reads of a database with those of one with 1,000 times the rows.

``make growth``, or ``python -m bench.growth [PATTERN]`` for the requests whose name contains the
pattern, fills two databases of a temporary PostgreSQL (``growth.sql``; five minutes and 2 GB) and
sends each request to both in turns, in this process. The times are those of the CPU, of the process
and of PostgreSQL's backend, because the time on the clock is that of other work too. The ratio is
that of the medians. The deepest page is that of the largest offset. It fails if a ratio is above
its bound. Needs Linux.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from flask import Flask
from sqlalchemy import make_url

from app import create_app
from app.database.base import db
from app.http.schemas import MAX_OFFSET
from config import from_environment

from . import run

ROWS = Path(__file__).parent / "growth.sql"
FACTOR = 1_000
MAX_RATIO, MAX_DEEP_RATIO = 1.5, 3.0
TURNS, MAX_SECONDS = 100, 2  # of one request to one database
ATTEMPTS = 3  # of a request above its bound, because other work may have disturbed it
WARM_UP = 8  # requests; PostgreSQL decides after five whether to reuse a plan


def make_id(kind: str, number: int) -> UUID:
    """Return the id that ``growth.sql`` gives to a row."""
    return UUID(md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest())


MANY, FEW, OFFICER, ADMIN = (make_id("user", number) for number in range(1, 5))
PROJECT, PAYOUT = make_id("project", 1), make_id("payout", 1)
APPLICATION, SALE = make_id("application", 1), make_id("application", 20)
TODAY = datetime.now(UTC).date()
RECENT, OLD = f"from={TODAY - timedelta(days=20)}", f"to={TODAY - timedelta(days=500)}"


class Request(NamedTuple):
    """A GET request of one of the people."""

    name: str
    path: str
    user: UUID | None = None
    max_ratio: float = MAX_RATIO


class List(NamedTuple):
    """A list, and the queries of its filters and orders."""

    name: str
    path: str
    user: UUID | None
    queries: tuple[str, ...] = ()
    is_long: bool = True  # it has rows beyond the largest offset, in the larger database


APPLICATIONS, ALL_DONATIONS = "/api/murabaha/applications", "/api/waqf/donations/all"
CALCULATIONS, OWN_DONATIONS = "/api/zakat/calculations", "/api/waqf/donations"
PROJECTS, EXCEPTIONS = "/api/waqf/projects", "/api/payments/exceptions"
# Each filter with a value of most rows and with one of three, if it has both.
LISTS = (
    List("users", "/api/users?limit=10", ADMIN, (
        *("role=user", "role=admin", "disabled=false", "disabled=true", "sort=createdAt"),
        *("role=user&disabled=true", RECENT, OLD, f"role=admin&{RECENT}"),
    )),
    List("users, version 2", "/api/v2/users", ADMIN),
    List("audit", "/api/audit", ADMIN, (
        *(f"actorId={OFFICER}", f"actorId={FEW}", "action=approve_application"),
        *("action=update_user", f"subjectId={APPLICATION}", "sort=at", RECENT),
        *(f"actorId={OFFICER}&action=update_user", f"actorId={FEW}&{RECENT}"),
    )),
    List("approvals", "/api/approvals", OFFICER, (
        *("status=pending", "status=expired", "status=confirmed", "sort=requestedAt", RECENT),
    )),
    List("approvals of an admin", "/api/approvals", ADMIN, ("status=pending",)),
    List("applications", APPLICATIONS, OFFICER, (
        *("status=pending", "status=approved", "status=acquired", "status=expired"),
        *("status=active", "overdue=true", "overdue=false", "status=active&overdue=true"),
        *("sort=createdAt", RECENT, f"status=acquired&{RECENT}", "status=acquired&sort=createdAt"),
        *(f"applicant={FEW}", f"applicant={MANY}", "applicant=p2%40example", "applicant=person"),
        *("applicant=nobody", f"applicant={MANY}&status=acquired"),
    )),
    List("few applications", APPLICATIONS, FEW, ("status=pending", "overdue=true"), False),
    List("many applications", APPLICATIONS, MANY, (
        *("status=pending", "status=acquired", "overdue=true", "sort=createdAt", RECENT),
    )),
    List("history", f"{APPLICATIONS}/{SALE}/history", MANY, (), False),
    List("receipts", f"{APPLICATIONS}/{SALE}/receipts", MANY, (), False),
    List("vendors", "/api/murabaha/vendors", FEW, (
        *("active=true", "active=false", "sort=createdAt", RECENT),
    )),
    List("projects", PROJECTS, None, (
        *("active=true", "active=false", "category=water", "category=mosque", "sort=createdAt"),
        *("category=water&active=true", "category=mosque&active=false", RECENT),
    )),
    List("donations to a project", f"{PROJECTS}/{PROJECT}/donations", None, (
        *("sort=createdAt", RECENT, OLD),
    )),
    List("ledger of a project", f"{PROJECTS}/{PROJECT}/ledger", None, (RECENT,)),
    List("disbursements", f"{PROJECTS}/{PROJECT}/disbursements", OFFICER, ("sort=createdAt",)),
    List("all donations", ALL_DONATIONS, OFFICER, (
        *("status=succeeded", "status=pending", "status=failed", "status=refunded"),
        *(f"projectId={PROJECT}", f"projectId={PROJECT}&status=pending", "channel=offline"),
        *(f"projectId={PROJECT}&status=failed", "channel=stripe", "channel=offline&sort=amount"),
        *("sort=createdAt", "sort=amount", "sort=-amount", "status=succeeded&sort=-amount"),
        *(f"projectId={PROJECT}&sort=-amount", f"donor={FEW}&sort=amount", RECENT),
        *(f"sort=-amount&{RECENT}", f"donor={FEW}", f"donor={MANY}", f"donor={MANY}&status=failed"),
        *("donor=p2%40example", "donor=person", "donor=nobody"),
    )),
    List("few donations", OWN_DONATIONS, FEW, ("status=succeeded", f"projectId={PROJECT}"), False),
    List("many donations", OWN_DONATIONS, MANY, (
        *("status=succeeded", "status=failed", "status=pending", f"projectId={PROJECT}", RECENT),
        "sort=createdAt",
    )),
    List("few calculations", CALCULATIONS, FEW, (), False),
    List("many calculations", CALCULATIONS, MANY, ("sort=calculatedAt", RECENT)),
    List("few uploads", "/api/uploads", FEW, (), False),
    List("many uploads", "/api/uploads", MANY, ("sort=createdAt",)),
    List("sessions", "/api/auth/sessions", FEW, (), False),
    List("prices", "/api/zakat/nisab/history", None, ("currency=EUR", "sort=effectiveAt", RECENT)),
    List("exceptions", EXCEPTIONS, OFFICER, (
        *("status=open", "status=resolved", "kind=dispute", "kind=other", "sort=createdAt"),
        *("status=open&kind=other", "status=open&kind=dispute", RECENT),
    )),
    List("payouts", "/api/payments/payouts", OFFICER, (
        *("status=paid", "status=failed", RECENT, f"{OLD}&status=failed", "sort=createdAt"),
    )),
    List("lines of a payout", f"/api/payments/payouts/{PAYOUT}", OFFICER),
)  # fmt: skip
READS = (
    Request("own account", "/api/auth/me", FEW),
    Request("an application", f"{APPLICATIONS}/{APPLICATION}", FEW),
    Request("a sale", f"{APPLICATIONS}/{SALE}", MANY),
    Request("a sale, for staff", f"{APPLICATIONS}/{SALE}", OFFICER),
    Request("its schedule", f"{APPLICATIONS}/{SALE}/schedule", MANY),
    Request("a project", f"{PROJECTS}/{PROJECT}"),
    Request("a donation", f"{OWN_DONATIONS}/{make_id('donation', 1)}", FEW),
    Request("a donation, for staff", f"{ALL_DONATIONS}/{make_id('donation', 1)}", OFFICER),
    Request("a calculation", f"{CALCULATIONS}/{make_id('calculation', 1)}", FEW),
    Request("an exception", f"{EXCEPTIONS}/{make_id('exception', 1)}", OFFICER),
)


def read_requests() -> Iterator[Request]:
    """Yield the lists with each filter and order, their deepest pages, and the hot reads."""
    for name, path, user, queries, is_long in LISTS:
        yield Request(name, path, user)
        separator = "&" if "?" in path else "?"
        for query in queries:
            yield Request(f"{name}, {_short(query)}", f"{path}{separator}{query}", user)
        if is_long:
            deepest = f"{path}{separator}offset={MAX_OFFSET}"
            yield Request(f"{name}, deepest page", deepest, user, MAX_DEEP_RATIO)
    yield from READS


def _short(query: str) -> str:
    """Shorten the values of a query for the table."""
    return re.sub(r"([0-9a-f]{4})[0-9a-f]{4}-[-0-9a-f]{27}", r"\1…", query)


def measure(url: str, _: Path) -> None:
    """Print the table of the requests; exit with status 1 if a ratio is above its bound."""
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ |= {**run.make_environment(url), "LOG_LEVEL": "error"}
    apps = [make_app(url, factor) for factor in (1, FACTOR)]
    print("| milliseconds of CPU | p50, small | large | p99, small | large | ratio |")
    print("| --- | --: | --: | --: | --: | --: |")
    slow = [
        request.name
        for request in read_requests()
        if pattern in request.name and not is_flat(request, apps)
    ]
    if slow:
        sys.exit(f"Above the bound: {'; '.join(slow)}")


def make_app(url: str, factor: int) -> Flask:
    """Return the app over a new database with ``factor`` times the rows."""
    name = f"growth_{factor}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        server.execute("ALTER SYSTEM SET synchronous_commit = off")
        server.execute("SELECT pg_reload_conf()")
    url = make_url(url).set(database=name).render_as_string(hide_password=False)
    upgrade = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    environment = {**os.environ, "DATABASE_URL": url}
    subprocess.run(upgrade, cwd=run.ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    cursor = psycopg.ClientCursor
    with psycopg.connect(url, autocommit=True, cursor_factory=cursor) as connection:
        connection.execute(ROWS.read_text(), {"factor": factor})
        connection.execute("VACUUM ANALYZE")
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    seconds = time.monotonic() - began
    print(f"{factor} times the rows: {size[0] / 1e6:,.0f} MB in {seconds:.0f} s", file=sys.stderr)
    return create_app(replace(from_environment(), database_url=url))


def is_flat(request: Request, apps: Sequence[Flask]) -> bool:
    """Measure the request, print a row, and return whether its ratio is in bounds."""
    for _ in range(ATTEMPTS):
        times = measure_request(request, apps)
        p50, p99 = ([_quantile(taken, share) * 1000 for taken in times] for share in (0.5, 0.99))
        ratio = p50[1] / p50[0]
        if ratio <= request.max_ratio:
            break
    figures = " | ".join(f"{value:.1f}" for value in (*p50, *p99, ratio))
    is_in_bounds = ratio <= request.max_ratio
    print(f"| {request.name} | {figures} |{'' if is_in_bounds else ' (!)'}", flush=True)
    return is_in_bounds


def measure_request(request: Request, apps: Sequence[Flask]) -> list[list[float]]:
    """Send the request to both apps in turns, and return the CPU seconds of each response."""
    clients = [app.test_client() for app in apps]
    headers = {"Authorization": f"Bearer {run.make_token(str(request.user))}"}
    options: Any = {"headers": headers if request.user else {}}
    times: list[list[float]] = [[] for _ in apps]
    for turn in range(WARM_UP + TURNS):
        for app, client, taken in zip(apps, clients, times, strict=True):
            if sum(taken) > MAX_SECONDS:
                continue
            began = cpu_seconds(app)
            response = client.get(request.path, **options)
            seconds = cpu_seconds(app) - began
            if response.status_code != HTTPStatus.OK:
                sys.exit(f"{request.path}: {response.status_code} {response.text}")
            if turn >= WARM_UP or seconds > MAX_SECONDS / WARM_UP:
                taken.append(seconds)
    return times


def cpu_seconds(app: Flask) -> float:
    """Return the CPU time so far of this process and of the app's backend of PostgreSQL."""
    if "backend" not in app.extensions:
        with app.app_context(), db.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            app.extensions["backend"] = Path(f"/proc/{driver.info.backend_pid}/schedstat")
    nanoseconds = int(app.extensions["backend"].read_text().split()[0])
    return time.process_time() + nanoseconds / 1e9


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


if __name__ == "__main__":
    run.with_postgres(measure)
