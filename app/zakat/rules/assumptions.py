"""What a calculation assumed, in sentences, and by which school."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from ...messages import Message
from .hawl import Hawl
from .nisab import Metal, Standard
from .terms import Item, School, Terms
from .thresholds import Nisab

WITHOUT_HAWL = {"crops", "rikaz"}

METALS: dict[Metal, Message] = {"gold": Message("gold"), "silver": Message("silver")}
STANDARDS: dict[Standard, dict[Metal, Message]] = {
    "standard": {
        "gold": Message("20 dinars, Sunan Abi Dawud 1573"),
        "silver": Message("200 dirhams, Sahih al-Bukhari 1447"),
    },
    "tola": {
        "gold": Message("7.5 tola, as in South Asia and the United Kingdom"),
        "silver": Message("52.5 tola, as in South Asia and the United Kingdom"),
    },
}
FULL_YEAR = Message(
    "The wealth is assumed to have been above the nisab for a whole year: no start of the hawl was"
    " given."
)
JEWELLERY_EXCLUDED = Message(
    "Jewellery for personal use does not count, as most Malikis, Shafi'is and Hanbalis hold; the"
    " Hanafi school counts it."
)
JEWELLERY_INCLUDED = Message("Jewellery for personal use counts, as the Hanafi school holds.")
YEARS = {
    "lunar": Message("The rate is a fortieth, that of a lunar year (Sahih al-Bukhari 1454)."),
    "solar": Message(
        "The rate is 2.577%, that of a solar year, which is 11 days longer than a lunar one"
        " (AAOIFI 35)."
    ),
}
RATES = Message("Other currencies are converted at the rates of the request.")


class Settings(Protocol):
    """What the sentences depend on, besides the items."""

    @property
    def terms(self) -> Terms: ...
    @property
    def nisab_standard(self) -> Standard: ...
    @property
    def year_basis(self) -> str: ...
    @property
    def hawl(self) -> Hawl: ...
    @property
    def today(self) -> date: ...
    @property
    def is_past(self) -> bool: ...


def list_assumptions(
    assets: Sequence[Item], settings: Settings, rates: Mapping[str, Decimal], nisab: Nisab | None
) -> list[Message]:
    """List what was assumed. ``rates`` are those that were needed."""
    return [
        *(_about_nisab(nisab, settings.nisab_standard) if nisab else ()),
        *(_about_day(settings.today) if settings.is_past else ()),
        *([YEARS[settings.year_basis]] if nisab else ()),
        *_about_hawl(assets, settings.hawl, settings.terms.school),
        *_about_items(assets, settings),
        *([RATES] if rates else ()),
    ]


def _about_nisab(nisab: Nisab, standard: Standard) -> Iterator[Message]:
    metal = METALS[nisab.metal]
    yield Message(
        "The nisab is {grams} g of {metal} ({standard}).",
        grams=nisab.grams,
        metal=metal,
        standard=STANDARDS[standard][nisab.metal],
    )
    if nisab.has_own_price:
        yield Message("The price of {metal} for the nisab is that of the request.", metal=metal)


def _about_day(day: date) -> Iterator[Message]:
    yield Message("Prices are those in effect at the end of {day}.", day=day)


def _about_hawl(assets: Sequence[Item], hawl: Hawl, school: School) -> Iterator[Message]:
    if hawl.started_on is None and any(a["category"] not in WITHOUT_HAWL for a in assets):
        yield FULL_YEAR
    day = hawl.interrupted_on
    if day is None:
        return
    if school == "hanafi":
        yield Message(
            "The wealth fell below the nisab on {day}. In the Hanafi school only the two ends of"
            " the year count, and something is assumed to have been left in between.",
            day=day,
        )
    elif hawl.resumed_on:
        yield Message(
            "The wealth fell below the nisab on {day}. The majority starts the hawl again on the"
            " day on which the nisab is reached again, {restart}.",
            day=day,
            restart=hawl.resumed_on,
        )
    else:
        yield Message(
            "The wealth fell below the nisab on {day}. The majority starts the hawl again on the"
            " day on which the nisab is reached again, assumed to be the same day.",
            day=day,
        )


def _about_items(assets: Sequence[Item], settings: Settings) -> Iterator[Message]:
    if any(asset.get("personal_use") for asset in assets):
        is_hanafi = settings.terms.school == "hanafi"
        yield JEWELLERY_INCLUDED if is_hanafi else JEWELLERY_EXCLUDED
