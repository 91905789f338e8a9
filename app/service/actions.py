"""Whether what the service stands on is there, what it understands of a request, statements."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.formparser import FormDataParser

from .. import clock, strict_json
from ..database.base import db
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..extensions import migrate
from ..http.authentication import COOKIE
from ..http.parsing import json_body, text_body
from ..integrations.pdf import Column, Document, shortened
from ..money import ZERO, minor_unit, written
from ..murabaha.models import Application
from ..murabaha.rules import left_of
from ..waqf.models import Donation
from ..zakat.models import Calculation
from ..zakat.rules import NO_FATWA

LISTED = 200  # calculations that a statement lists; more would be a book
BARS = 15  # years that a chart shows


def readiness() -> dict[str, str]:
    """``ok`` or what is wrong, for each thing that requests need."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        with db.engine.connect() as connection:
            applied = MigrationContext.configure(connection).get_current_heads()
        if set(applied) != set(_scripts().get_heads()):
            checks["migrations"] = "pending"
    except Exception:  # whatever it is, requests cannot be served
        checks = {"database": "unreachable", "migrations": "unknown"}
    if current_app.config["REDIS_URL"]:
        checks["redis"] = _redis()
    return checks


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.get_config())


def _redis() -> str:
    try:
        with redis.from_url(current_app.config["REDIS_URL"], socket_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"


def understood() -> dict[str, Any]:
    """What came with the request; of secrets, only that they came."""
    return {
        "received": True,
        "query": _values(request.args),
        "contentType": request.content_type,
        "authorization": "Authorization" in request.headers,
        "authToken": COOKIE in request.cookies,
        **_body(),
    }


def _body() -> dict[str, Any]:
    """The body by its kind; what is neither JSON nor a form nor text is only measured."""
    if request.content_encoding:
        raise UnsupportedMediaType
    if request.is_json:
        return {"json": json_body()}
    if request.mimetype == "application/x-www-form-urlencoded":
        return {"form": _values(_fields()), "files": []}
    if request.mimetype == "multipart/form-data":
        return _form()
    if request.mimetype.startswith("text/"):
        return {"text": text_body()}
    return {"bytes": len(request.get_data())}


def _fields() -> MultiDict[str, str]:
    """The fields of a form that came as text; werkzeug would take any number of them."""
    body = text_body()
    try:
        most = current_app.config["MAX_FORM_PARTS"]
        return MultiDict(parse_qsl(body, keep_blank_values=True, max_num_fields=most))
    except ValueError:
        raise PayloadTooLarge from None


class StrictForms(FormDataParser):
    """Forms that cannot be read are refused; werkzeug would take them for empty ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"silent": False})


def _form() -> dict[str, Any]:
    request.form_data_parser_class = StrictForms
    try:
        return {"form": _values(request.form), "files": _files()}
    except ValueError:
        raise ValidationFailed.at([], "The form cannot be read.") from None


def _values(given: Any) -> dict[str, Any]:
    """Each name with its value; with a list where it came more than once."""
    for name, all in given.lists():
        if any(strict_json.unstorable(text) for text in (name, *all)):
            raise ValidationFailed.at([], "Text has a NUL or a lone surrogate.")
    return {name: all if len(all) > 1 else all[0] for name, all in given.lists()}


def _files() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "filename": file.filename,
            "size": file.stream.seek(0, 2),
            "type": file.mimetype,
        }
        for name, file in request.files.items(multi=True)
    ]


def messages() -> Iterator[str]:
    """Ten lines, a second apart."""
    for number in range(10):
        if number:
            clock.pause(1)
        yield f"Message {number}\n"


def statement(user: Any) -> bytes:
    """What is kept of ``user``, as a PDF: who, when, their zakat, purchases and donations."""
    now = clock.now()
    made = f"{now:%Y-%m-%d %H:%M} UTC"
    pages = Document("Statement", line=f"Statement of {made}", made=now)
    pages.facts([("Name", user.name), ("E-mail", user.email), ("As of", made)])
    pages.heading("Zakat")
    calculations = Calculation.latest(user.id, LISTED).objects()
    if not calculations:
        pages.paragraph("No zakat has been worked out.")
    else:
        _zakat(pages, calculations, Calculation.by_year(user.id))
    _murabaha(pages, Application.latest(user.id, LISTED).objects())
    _waqf(pages, Donation.latest(user.id, LISTED).objects())
    pages.note(NO_FATWA)
    return pages.bytes()


def _zakat(pages: Document, calculations: Sequence[Calculation], years: Sequence[Any]) -> None:
    """A chart of the years for each currency, and each calculation on a line."""
    for currency, sums in groupby(years, lambda row: row.currency):
        bars = [(str(row.year), row.zakat.quantize(minor_unit(currency))) for row in sums]
        pages.bars("Zakat by year", bars[-BARS:], currency)
    pages.table(
        [
            Column("Date"),
            Column("Notes", 1),
            Column("Wealth", align="end"),
            Column("Nisab", align="end"),
            Column("Zakat", align="end"),
            Column("Currency"),
        ],
        [_kept(calculation) for calculation in calculations],
    )
    if len(calculations) == LISTED:
        pages.note(f"These are the latest {LISTED}; the export has all of them.")


def _murabaha(pages: Document, applications: Sequence[Application]) -> None:
    """What each application has come to, and how much of its price is still to be paid."""
    if not applications:
        return
    pages.heading("Murabaha")
    pages.table(
        [
            Column("Number"),
            Column("Goods", 1),
            Column("Status"),
            Column("Financed", align="end"),
            Column("Paid", align="end"),
            Column("Remaining", align="end"),
            Column("Currency"),
        ],
        [_financed(application) for application in applications],
    )


def _financed(application: Application) -> list[str]:
    currency, parts = application.currency, application.open_installments
    contract = application.contract
    amounts = [
        contract.financed if contract else ZERO,
        sum((one.paid for one in parts), ZERO),
        left_of(parts),
    ]
    return [
        application.application_number,
        shortened(application.item_description),
        application.status,
        *[written(amount, currency) if parts else "–" for amount in amounts],
        currency,
    ]


def _waqf(pages: Document, donations: Sequence[Donation]) -> None:
    """What was given, to what, and whether it came."""
    if not donations:
        return
    pages.heading("Donations")
    pages.table(
        [
            Column("Date"),
            Column("Project", 1),
            Column("Status"),
            Column("Receipt"),
            Column("Amount", align="end"),
            Column("Refunded", align="end"),
            Column("Currency"),
        ],
        [_given(donation) for donation in donations],
    )


def _given(donation: Donation) -> list[str]:
    currency, refunded = donation.currency, donation.refunded_amount
    return [
        f"{donation.created_at:%Y-%m-%d}",
        donation.project.name,
        donation.status,
        donation.receipt_number or "–",
        written(donation.amount, currency),
        written(refunded, currency) if refunded else "–",
        currency,
    ]


def _kept(calculation: Calculation) -> list[str]:
    currency = calculation.currency
    amounts = calculation.wealth, calculation.nisab, calculation.zakat_amount
    return [
        f"{calculation.calculated_at:%Y-%m-%d}",
        shortened(calculation.notes or ""),
        *["–" if amount is None else written(amount, currency) for amount in amounts],
        currency,
    ]
