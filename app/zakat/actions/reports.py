"""Issue and render the reports of calculations."""

from hashlib import sha256
from typing import Any

from ... import clock, strict_json
from ...documents.actions.snapshots import (
    describe_version,
    get_issuer,
    issue_on_demand,
    render_versions,
)
from ...documents.models import Document
from ...documents.rules import content_hash
from ...documents.rules.codes import format_code
from ..models import Calculation
from ..rules.report import animals_due, report_blocks

# Left out of the facts without a value, so that earlier reports keep their number.
ADDED_COLUMNS = {
    *("as_of", "school", "nisab_standard", "nisab_grams", "nisab_price_per_gram"),
    *("nisab_priced_on", "rates", "hawl_interrupted_on", "hawl_resumed_on", "assumptions"),
}


def issue_report(user: Any, calculation: Calculation) -> Document:
    """Return the report of the user's calculation, which has a number of its own.

    A report that says the same has the same number. Neither name nor lines are stored with it.
    Raises QuotaExceeded.
    """
    day = clock.local_date(calculation.calculated_at)
    animals = animals_due(calculation, day)
    content = {
        "day": day.isoformat(),
        "amounts": [[str(calculation.zakat_amount), calculation.currency]],
        "issuer": get_issuer(),
        "hash": content_hash(describe_facts(user, calculation)),
    }
    # Left out if there is none, so that earlier reports keep their number.
    return issue_on_demand(
        "zakat_report", user, {**content, "animals": animals} if animals else content
    )


def describe_facts(user: Any, calculation: Calculation) -> dict[str, Any]:
    """Return what the report of a calculation says, for its digest."""
    columns = Calculation.__table__.c.keys()
    values = {name: getattr(calculation, name) for name in columns if name != "breakdown"}
    facts = {
        name: None if value is None else str(value)
        for name, value in values.items()
        if value or name not in ADDED_COLUMNS
    }
    lines = sha256()
    for line in calculation.breakdown or []:  # one at a time: an old one has thousands
        lines.update(strict_json.dumps(line).encode())
    return {**facts, "name": user.name, "lines": lines.hexdigest()}


def render_report(user: Any, calculation: Calculation, issued: Document, lang: str) -> bytes:
    """Render the report of a calculation of the user, with each line's rule."""
    day = clock.local_date(calculation.calculated_at)
    version = describe_version(
        lang,
        issued.number,
        day,
        lambda texts: (texts("zakat.title"), report_blocks(texts, calculation, user.name, day)),
    )
    return render_versions(
        {lang: version}, issued.content["issuer"], issued.issued_at, format_code(issued.code)
    )
