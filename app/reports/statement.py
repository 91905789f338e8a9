"""A user's statement: issued under a number, and rendered as a PDF in parts, or as CSV."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from .. import clock
from ..database.base import db
from ..database.locks import lock_quota
from ..documents.actions.snapshots import get_issuer, require_quota, store_logo
from ..documents.models import Document, StatementCounter
from ..documents.rules import content_hash
from ..errors import ValidationFailed
from ..http.exports import csv_line
from ..http.row_batches import verify_between
from ..http.schemas import camel_case
from ..messages import IN_FUTURE, Fault, Message, Rule
from ..money import ZERO, format_amount
from ..payments.rules import InvalidTransition
from .lines import SECTIONS, Line, Period, read_batches

PART_ROWS = 120  # lines of a PDF
# Money that the user paid; what was taken back of a donation came back.
PAID = {"murabaha payment": 1, "donation": 1, "donation taken back": -1}
MAX_FINANCINGS = 12  # of which the progress is shown
LABELS = {section.name: section.total_label for section in SECTIONS}
COLUMNS = (
    "section",
    "date",
    "number",
    "description",
    "status",
    "currency",
    "amount",
    "wealth",
    "nisab",
    "financed",
    "paid",
    "taken_back",
    "animals",
)


@dataclass
class Totals:
    """Number and sum of the lines by section and currency."""

    numbers: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    amounts: dict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(lambda: ZERO)
    )
    animals: dict[tuple[str, str], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    def add(self, line: Line) -> None:
        key = (line.section, line.currency)
        self.animals[key].update(line.animals or {})
        self.numbers[key] += 1
        self.amounts[key] += line.amount

    def rows(self) -> list[tuple[str, int, str, str]]:
        """Return section, number, currency and sum, in the order of the sections."""
        order = [*LABELS]
        keys = sorted(self.numbers, key=lambda key: (order.index(key[0]), key[1]))
        return [
            (section, self.numbers[key], currency, format_amount(self.amounts[key], currency))
            for key in keys
            for section, currency in [key]
        ]


@dataclass
class Statement:
    """A statement that has been read, with the lines of one part."""

    user: Any
    period: Period
    part: int
    totals: Totals = field(default_factory=Totals)
    by_month: dict[tuple[str, date], Decimal] = field(
        default_factory=lambda: defaultdict(lambda: ZERO)
    )
    financings: list[Line] = field(default_factory=list)
    rows: int = 0
    lines: list[Line] = field(default_factory=list)
    hash: str = ""

    @property
    def parts(self) -> int:
        return max(1, -(-self.rows // PART_ROWS))

    def add(self, line: Line) -> None:
        """Count a line, and keep it if it belongs to the part."""
        if self.rows // PART_ROWS == self.part - 1:
            self.lines.append(line)
        self.rows += 1
        self.totals.add(line)
        if line.section in PAID:
            self.by_month[line.currency, line.day.replace(day=1)] += (
                PAID[line.section] * line.amount
            )
        if line.financed and len(self.financings) < MAX_FINANCINGS:
            self.financings.append(line)

    def sums(self, section: str) -> list[tuple[str, Decimal]]:
        """Return currency and sum of the section's lines."""
        amounts = self.totals.amounts.items()
        return sorted((currency, sum_) for (name, currency), sum_ in amounts if name == section)

    def content(self) -> dict[str, Any]:
        """Return what is stored of the statement: neither its lines nor the user's name.

        ``hash`` is that of both: a statement that differs in one of them has another.
        """
        return {
            "from": self.period.first and self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "rows": self.rows,
            "totals": [list(row) for row in self.totals.rows()],
            "hash": self.hash,
            "issuer": get_issuer(),
        }


def make_period(first: date | None, last: date | None) -> Period:
    """Return the period of a statement; it ends today unless another day is given.

    Raises ValidationFailed if it would begin in the future.
    """
    if last is None:
        # It may be tomorrow already where the client is.
        last = max(clock.today(), first) if first else clock.today()
        if last > clock.latest_today():
            raise ValidationFailed.at(["from"], IN_FUTURE)
    return Period(first, last)


def read_statement(user: Any, period: Period, part: int) -> Statement:
    """Read a statement with the lines of ``part``. Raises ValidationFailed if it has fewer."""
    statement = Statement(user, period, part)
    digest = sha256(csv_line((user.name, user.email)).encode())
    for batch in read_batches(user.id, period):
        for line in batch:
            statement.add(line)
            digest.update(_csv_row(line, COLUMNS if line.animals else COLUMNS[:-1]).encode())
    statement.hash = digest.hexdigest()
    if part > statement.parts:
        raise ValidationFailed.at(
            ["part"],
            Fault.of_count(
                "The statement has {max} part.",
                "The statement has {max} parts.",
                Rule.TOO_LARGE,
                max=statement.parts,
            ),
        )
    return statement


def issue_statement(statement: Statement, number: str | None) -> Document:
    """Store a statement under the next number, or return the one that says exactly the same.

    Raises InvalidTransition if it is not the one with ``number``, to which its part should belong.
    """
    user_id, content = statement.user.id, statement.content()
    lock_quota("statements", user_id)
    issued = Document.find_statement(user_id, content_hash(content))
    if number and (issued is None or issued.number != number):
        raise InvalidTransition(
            Message(
                "This is not statement {number}."
                " Its records have changed since. Download the first part again.",
                number=number,
            )
        )
    if issued is None:
        require_quota(user_id)
        store_logo()
        now = clock.now()
        issued = Document(
            kind="statement",
            number=StatementCounter.next_number(clock.local_date(now).year),
            subject_id=user_id,
            user_id=user_id,
            issued_at=now,
            content=content,
            content_hash=content_hash(content),
        )
        db.session.add(issued)
        db.session.flush()
    return issued


# CSV


def csv_lines(user_id: Any, period: Period) -> Iterator[str]:
    """Yield all lines as CSV, and the totals at the end."""
    yield csv_line(map(camel_case, COLUMNS))
    totals = Totals()
    for batch in verify_between(read_batches(user_id, period)):
        for line in batch:
            totals.add(line)
            yield _csv_row(line)
    for section, number, currency, amount in totals.rows():
        values = {
            "section": "total",
            "number": str(number),
            "description": LABELS[section],
            "currency": currency,
            "amount": amount.replace(",", ""),
            "animals": _list_animals(totals.animals[section, currency]),
        }
        yield csv_line(values.get(column, "") for column in COLUMNS)


def _list_animals(counts: Mapping[str, int] | None) -> str:
    return " + ".join(f"{count} {animal}" for animal, count in sorted((counts or {}).items()))


def _csv_row(line: Line, columns: Sequence[str] = COLUMNS) -> str:
    return csv_line(_csv_cells(line, columns))


def _csv_cells(line: Line, columns: Sequence[str]) -> Iterable[str]:
    for column in columns:
        value = line.day if column == "date" else getattr(line, column)
        if column == "animals":
            value = _list_animals(line.animals)
        if isinstance(value, Decimal):
            value = format_amount(value, line.currency).replace(",", "")
        yield "" if value is None else str(value)
