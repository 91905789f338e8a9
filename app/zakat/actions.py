"""Run assessments at the published prices, and render their reports."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from .. import clock, strict_json
from ..approvals.actions import Act, require_approval
from ..approvals.models import Approval
from ..database.base import db
from ..database.locks import lock_quota
from ..documents.actions.snapshots import (
    describe_version,
    get_issuer,
    issue_on_demand,
    render_versions,
)
from ..documents.models import Document
from ..documents.rules import content_hash
from ..documents.rules.codes import format_code
from ..documents.rules.hijri import hijri_day
from ..errors import ValidationFailed
from ..messages import Fault, Rule
from .models import Calculation, MetalPrice, NisabThreshold
from .rules import (
    NISAB_GRAMS,
    SMALL_BREAKDOWN,
    Metal,
    MetalPrices,
    assess,
    assess_wealth,
    nisab_value,
    require_quota,
)
from .rules.report import animals_due, report_blocks


def run_assessment(new_calculation: dict[str, Any]) -> dict[str, Any]:
    """Assess a NewCalculationSchema's data, and return the columns of a Calculation.

    Raises NisabNotFound if a price is needed that is missing or outdated.
    """
    notes, currency = new_calculation.pop("notes"), new_calculation["currency"]
    if "wealth" in new_calculation:
        assessment = assess_wealth(**new_calculation)
    else:
        prices = get_published_prices(currency)
        assessment = assess(
            **new_calculation,
            prices=prices,
            today=clock.today(),
            latest_start=clock.latest_today(),
        )
    lines = assessment.breakdown
    return {
        **vars(assessment),
        "breakdown": None if lines is None else [asdict(line) for line in lines],
        "currency": currency,
        "notes": notes,
        "calculated_at": clock.now(),
    }


def lock_breakdown_quota(user: Any, breakdown: list[Any] | None) -> None:
    """Serialize the inserts of the user's large breakdowns. Raises QuotaExceeded.

    A small one, as most are, needs no statement.
    """
    size = len(strict_json.dumps(breakdown).encode()) if breakdown else 0
    if size > SMALL_BREAKDOWN:
        lock_quota("calculations", user.id)
        require_quota(Calculation.stored_size(user.id) + size)


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
        "hash": content_hash(_facts(user, calculation)),
    }
    # Left out if there is none, so that earlier reports keep their number.
    return issue_on_demand(
        "zakat_report", user, {**content, "animals": animals} if animals else content
    )


def _facts(user: Any, calculation: Calculation) -> dict[str, Any]:
    columns = Calculation.__table__.c.keys()
    values = {name: getattr(calculation, name) for name in columns if name != "breakdown"}
    facts = {name: None if value is None else str(value) for name, value in values.items()}
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


def get_published_prices(currency: str) -> MetalPrices:
    """Return the prices in effect for ``currency``; they are None if missing or too old."""
    table = MetalPrice.__table__.c
    prices = table.gold_price_per_gram, table.silver_price_per_gram, table.effective_at
    row = MetalPrice.current(currency).select_columns(*prices).row()
    if row is None:
        return MetalPrices()
    gold, silver, effective_at = row
    return MetalPrices(gold, silver, clock.local_date(effective_at))


def publish_prices(admin: Any, values: dict[str, Any]) -> MetalPrice | Approval:
    """Insert the prices of gold and silver in a NewNisabSchema's data.

    Return the approval instead if a second admin has to confirm them first. Raises
    ValidationFailed.
    """
    currency = values["currency"]
    price = build_metal_price(
        currency,
        values["gold_price_per_gram"],
        values["silver_price_per_gram"],
        values.get("effective_at", clock.now()),
    )
    state = str(MetalPrice.count(currency))  # another publication may make this one obsolete
    act = Act("publish_nisab", "admin", "nisab", request=values, state=state)
    approval = require_approval(admin, act)
    if approval and not approval.is_confirmed:
        return approval
    price.published_by = admin.id
    db.session.add(price)
    return price


def build_metal_price(
    currency: str, gold: Decimal, silver: Decimal, effective_at: datetime
) -> MetalPrice:
    """Build a MetalPrice from prices per gram, with the nisab by each metal.

    Raises ValidationFailed if a price is so small that the nisab would be 0.
    """
    return MetalPrice(
        currency=currency,
        gold=_threshold(gold, "gold", currency),
        silver=_threshold(silver, "silver", currency),
        effective_at=effective_at,
        hijri_date=hijri_day(clock.local_date(effective_at)),
    )


def _threshold(price: Decimal, metal: Metal, currency: str) -> NisabThreshold:
    nisab = nisab_value(price, metal, currency)
    if not nisab:
        raise ValidationFailed.at(
            [f"{metal}PricePerGram"],
            Fault("Too small: the nisab would be 0.", Rule.TOO_SMALL),
        )
    return NisabThreshold(price, NISAB_GRAMS[metal], nisab)
