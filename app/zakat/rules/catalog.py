"""All rules of zakat by number, with their sources, figures and dates.

A number is never given to another rule. When a rule changes, the earlier one stays in the list with
the last day on which it applied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from .assets import (
    AAOIFI,
    BUSINESS_RULE,
    BUSINESS_SOURCE,
    COLLECTIBLE_RULE,
    CROPS_NISAB_KILOGRAMS,
    CROPS_RATES,
    CROPS_RULE,
    CROPS_SOURCE,
    DEDUCTED_RULE,
    DOUBTFUL_RULE,
    FULL_VALUE_CATEGORIES,
    JEWELLERY_RULE,
    JEWELLERY_SOURCE,
    JEWELLERY_SOURCES,
    LONG_TERM_RULE,
    LONG_TERM_SOURCES,
    METAL_SOURCES,
    NOT_DEDUCTED_RULE,
    PURITY_RULES,
    RIKAZ_RATE,
    RIKAZ_RULE,
    RIKAZ_SOURCE,
    SMALL_CROPS_RULE,
)
from .livestock import RULES as LIVESTOCK_RULES
from .livestock import SOURCES as LIVESTOCK_SOURCES
from .nisab import NISAB_GRAMS
from .rates import LUNAR_RATE, SOLAR_RATE

FIRST_RELEASE, SECOND_RELEASE = date(2026, 11, 26), date(2026, 11, 29)

DUE_RULE = "Zakat is due on the whole of net wealth that reaches the nisab."
STANDARD_GRAMS, TOLA_GRAMS = NISAB_GRAMS["standard"], NISAB_GRAMS["tola"]


@dataclass(frozen=True)
class ZakatRule:
    """A rule and its source; ``until`` is the last day on which it applied, if it is over."""

    topic: str
    rule: str
    source: str
    figures: Mapping[str, Decimal] = field(default_factory=dict)
    since: date = FIRST_RELEASE
    until: date | None = None


def _nisab() -> Iterator[ZakatRule]:
    yield ZakatRule(
        "nisab",
        "The nisab of gold is 85 g: 20 dinars of 4.25 g.",
        "Sunan Abi Dawud 1573",
        {"grams": STANDARD_GRAMS["gold"]},
    )
    yield ZakatRule(
        "nisab",
        "The nisab of silver is 595 g: 200 dirhams of 2.975 g.",
        "Sahih al-Bukhari 1447",
        {"grams": STANDARD_GRAMS["silver"]},
    )
    yield ZakatRule(
        "nisab",
        "By the tola of 11.664 g the nisab is 87.48 g of gold or 612.36 g of silver.",
        "Practice in South Asia and the United Kingdom: 7.5 and 52.5 tola",
        {"gold": TOLA_GRAMS["gold"], "silver": TOLA_GRAMS["silver"]},
        SECOND_RELEASE,
    )
    yield ZakatRule(
        "nisab",
        "A price that is given for the metal of the nisab is also the price for the nisab, which is"
        " a weight.",
        "Sunan Abi Dawud 1573",
        since=SECOND_RELEASE,
    )
    yield ZakatRule("nisab", DUE_RULE, AAOIFI)


def _year() -> Iterator[ZakatRule]:
    yield ZakatRule(
        "year",
        "The rate of a lunar year is a fortieth.",
        "Sahih al-Bukhari 1454",
        {"rate": LUNAR_RATE},
    )
    yield ZakatRule(
        "year",
        "The rate of a solar year is that of a lunar one for 11 days more.",
        AAOIFI,
        {"rate": SOLAR_RATE},
    )
    yield ZakatRule(
        "year",
        "Wealth and herds must be held for a hawl, a Hijri year.",
        "Sunan Abi Dawud 1573",
    )
    yield ZakatRule(
        "year",
        "Hanafi: only the two ends of the hawl count, if something was left in between.",
        "Al-Kasani, Bada'i' as-Sana'i', Book of Zakat",
        since=SECOND_RELEASE,
    )
    yield ZakatRule(
        "year",
        "Majority: the hawl starts again when the nisab is reached again.",
        "An-Nawawi, al-Majmu', Book of Zakat",
        since=SECOND_RELEASE,
    )


def _wealth() -> Iterator[ZakatRule]:
    for text, source in FULL_VALUE_CATEGORIES.values():
        yield ZakatRule("wealth", text, source)
    yield ZakatRule("wealth", COLLECTIBLE_RULE, AAOIFI)
    yield ZakatRule("wealth", DOUBTFUL_RULE, AAOIFI)
    for source in LONG_TERM_SOURCES.values():
        yield ZakatRule("wealth", LONG_TERM_RULE, source, {"share": Decimal("0.25")})
    for metal, text in PURITY_RULES.items():
        yield ZakatRule("metals", text, METAL_SOURCES[metal])
        yield ZakatRule("metals", text, JEWELLERY_SOURCES[metal])
    yield ZakatRule("metals", JEWELLERY_RULE, JEWELLERY_SOURCE)
    yield ZakatRule("liabilities", DEDUCTED_RULE, AAOIFI)
    yield ZakatRule("liabilities", NOT_DEDUCTED_RULE, AAOIFI)


def _produce() -> Iterator[ZakatRule]:
    nisab = {"kilograms": Decimal(CROPS_NISAB_KILOGRAMS)}
    yield ZakatRule("produce", CROPS_RULE, CROPS_SOURCE, nisab | CROPS_RATES)
    yield ZakatRule("produce", SMALL_CROPS_RULE, CROPS_SOURCE, nisab)
    yield ZakatRule("produce", RIKAZ_RULE, RIKAZ_SOURCE, {"rate": RIKAZ_RATE})
    for species, text in LIVESTOCK_RULES.items():
        yield ZakatRule("livestock", text, LIVESTOCK_SOURCES[species])


def _later_rules() -> Iterator[ZakatRule]:
    """Yield the rules that were added after the first release, in the order of their numbers."""
    yield ZakatRule("wealth", BUSINESS_RULE, BUSINESS_SOURCE, since=SECOND_RELEASE)
    yield ZakatRule(
        "livestock",
        "Animals of all ages of a species are one herd, also sheep with goats and cattle with"
        " buffaloes. The sources give no table by the ages that are owned, and none is made up.",
        "Muwatta Malik, Book of Zakat, on counting lambs",
        since=SECOND_RELEASE,
    )
    yield ZakatRule(
        "fitr",
        "Zakat al-fitr is a sa' of staple food for each member of the household, before the prayer"
        " of the feast.",
        "Sahih al-Bukhari 1503",
        since=SECOND_RELEASE,
    )
    yield ZakatRule(
        "payment",
        "Zakat reaches eight kinds of recipients.",
        "At-Tawbah 60",
        since=SECOND_RELEASE,
    )
    yield ZakatRule(
        "payment",
        "Zakat may be paid before the hawl is complete.",
        "Sunan Abi Dawud 1624",
        since=SECOND_RELEASE,
    )


CATALOG: dict[int, ZakatRule] = dict(
    enumerate((*_nisab(), *_year(), *_wealth(), *_produce(), *_later_rules()), 1)
)
NUMBERS = {
    (rule.rule, rule.source): number for number, rule in CATALOG.items() if rule.until is None
}
