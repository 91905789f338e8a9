"""The agreement that both parties sign: goods, price, schedule and terms.

It is issued with the sale. Before, it is a draft from present data; afterwards it is rendered from
what was stored, and what has changed since is an addendum.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...documents.actions import snapshots
from ...documents.actions.verification import changes_since
from ...documents.models import Document
from ...documents.rules import Block, note, table
from ...documents.rules.texts import Texts
from ...messages import Message
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent
from ..rules import ScheduledInstallment, first_due
from .agreement_blocks import describe_agreement, installments_block
from .steps import contract_of

# The institution must own the goods before it can sell them.
STATES_WITH_AGREEMENT = ("acquired", "active", "completed")
# They change nothing that was agreed, though most move money.
PAYMENTS = (
    *("erase_client", "promise", "withdraw_promise"),
    *("record", "pay", "receive", "take_back", "reverse", "complete"),
    *("record_down_payment", "pay_down_payment", "receive_down_payment", "return_down_payment"),
)


def issue_agreement(application: Application, first_due_on: date) -> None:
    """Store the agreement of an application that is being accepted."""
    number, contract = application.application_number, contract_of(application)
    content = snapshots.build_content(
        number,
        clock.local_date(contract.accepted_at or clock.now()),
        describe_agreement(application, first_due_on),
        amounts=[(str(contract.selling_price), application.currency)],
        locales=agreement_locales(application),
    )
    snapshots.issue("agreement", number, application.id, application.user_id, content)


def agreement_locales(application: Application) -> list[str]:
    """Return the institution's language, and the buyer's if it is another."""
    locales = (current_app.config["ORGANIZATION_LOCALE"], application.user.locale)
    return [*dict.fromkeys(locales)]


def get_agreement(application: Application) -> Document | None:
    """Return the agreement of a sale; None before the sale, while there is only a draft.

    A sale from before agreements were stored gets its agreement here, at the first call. Raises
    InvalidTransition unless the goods are acquired.
    """
    if application.status not in STATES_WITH_AGREEMENT:
        raise InvalidTransition(
            Message(
                "The application is {status}."
                " The agreement is available once the goods have been acquired.",
                status=application.status,
            )
        )
    if contract_of(application).accepted_at is None:
        return None
    agreement = Document.find("agreement", application.id)
    if agreement is None:
        (acceptance,) = ApplicationEvent.for_application(application.id, "accept").objects()
        issue_agreement(application, date.fromisoformat(acceptance.facts["firstDueOn"]))
        agreement = Document.find("agreement", application.id)
    return agreement


def choose_languages(
    application: Application,
    agreement: Document | None,
    lang: str | None = None,
    reader_lang: str | None = None,
) -> Sequence[str]:
    """Return the languages of an agreement, or of the draft if it is None.

    It is in ``lang`` if that is given, else in the languages of both parties, and if they have
    the same one, in the reader's.
    """
    agreed = (
        agreement.content.get("locales", ["en"]) if agreement else agreement_locales(application)
    )
    langs = [lang] if lang else agreed
    if len(langs) == 1 and not lang and reader_lang:
        langs = [reader_lang]
    return agreement.languages(langs) if agreement else langs


def render_agreement(
    application: Application, agreement: Document | None, langs: Sequence[str]
) -> bytes:
    """Render the agreement as it was accepted with an addendum, or the draft if it is None."""
    if agreement:
        total, events = _find_changes(application.id)
        return snapshots.render(
            agreement,
            langs,
            lambda texts: _addendum(texts, application, total, events) if events else (),
        )
    today = clock.today()
    describe = describe_agreement(application, first_due(today, None))
    versions = {
        locale: snapshots.describe_version(locale, application.application_number, today, describe)
        for locale in langs
    }
    return snapshots.render_versions(versions, snapshots.get_issuer(), clock.now(), None)


# What has changed since


def _addendum(
    texts: Texts, application: Application, total: int, events: Sequence[ApplicationEvent]
) -> Iterable[Block]:
    """Yield the changes of what was agreed, and the instalments as they are now."""
    currency = application.currency
    yield table(
        [(texts("frame.date"), 0, "start"), (texts("agreement.changed"), 1, "start")],
        [
            [
                texts.both_days(clock.local_date(event.created_at)),
                _describe_event(texts, event, currency),
            ]
            for event in events
        ],
    )
    yield from snapshots.latest_changes(texts, events, total)
    yield note(texts("agreement.now"))
    present = [
        ScheduledInstallment(part.number, part.due_date, part.amount - part.waived)
        for part in application.installments
    ]
    yield installments_block(texts, present, currency)


def _find_changes(application_id: UUID) -> tuple[int, list[ApplicationEvent]]:
    """Return the number of changes since the acceptance, and the latest, the oldest first."""
    own = ApplicationEvent.application_id == application_id
    accepted = db.select(db.func.max(ApplicationEvent.position)).where(
        own, ApplicationEvent.action == "accept"
    )
    since = db.select(ApplicationEvent).where(
        own,
        ApplicationEvent.position > accepted.scalar_subquery(),
        ApplicationEvent.action.not_in(PAYMENTS),
    )
    total = db.session.scalar(db.select(db.func.count()).select_from(since.subquery())) or 0
    latest = since.order_by(ApplicationEvent.position.desc()).limit(snapshots.MAX_CHANGES)
    return total, [*reversed([*db.session.scalars(latest)])]


@changes_since("agreement")
def find_amendments(agreement: Document) -> dict[str, Any]:
    """Return whether what was agreed has changed since the sale."""
    total, _ = _find_changes(agreement.subject_id)
    return {"amended": total > 0}


def _describe_event(texts: Texts, event: ApplicationEvent, currency: str) -> str:
    """Describe a change by its action and the facts that it was recorded with."""
    rebate, first_due_on = event.facts.get("rebate"), event.facts.get("firstDueOn")
    known = texts.texts("agreement")
    words = known.get(event.action) or event.action.replace("_", " ").capitalize()
    first = texts.day(date.fromisoformat(first_due_on)) if first_due_on else ""
    money = texts.money(Decimal(rebate), currency) if rebate else ""
    number = event.facts.get("number")  # of an instalment that was waived
    waived = texts.money(Decimal(event.facts["amount"]), currency) if number else ""
    parts = [
        words,
        texts("agreement.waived", number=str(number), amount=waived) if number else None,
        texts("agreement.rebate", amount=money) if rebate else None,
        texts("agreement.first_due", day=first) if first_due_on else None,
        event.facts.get("reason"),
    ]
    return "; ".join(filter(None, parts))
