"""The hawl: the lunar year for which wealth and herds must be held."""

from dataclasses import dataclass
from datetime import date

from ...documents.rules.hijri import HijriDateOutOfRange, one_year_after
from ...errors import ValidationFailed
from ...messages import IN_FUTURE, Fault, Rule
from .terms import School

START, INTERRUPTION, RESUMPTION = "hawlStartedOn", "hawlInterruptedOn", "hawlResumedOn"
START_IN_FUTURE = Fault("A hawl cannot start in the future.", Rule.IN_FUTURE)


@dataclass(frozen=True)
class Hawl:
    """A hawl as the request has it: the days on which wealth reached and fell below the nisab.

    Sources: AAOIFI Shari'ah Standard 35; on interruptions al-Kasani, Bada'i' as-Sana'i', Book of
    Zakat (Hanafi: only the two ends of the year count), and an-Nawawi, al-Majmu', Book of Zakat
    (majority: the nisab is needed all year).
    """

    started_on: date | None = None
    interrupted_on: date | None = None  # when the wealth fell below the nisab
    resumed_on: date | None = None  # when it reached the nisab again; None: on the same day

    def completes_on(self, school: School, latest: date, adjustment: int = 0) -> date | None:
        """Return the day on which a Hijri year has passed; None if no start is given.

        Raises ValidationFailed if a day is after ``latest``, the latest date that it is now
        anywhere on earth, before the day that it follows, or outside the calendar's range.
        """
        self._require_order(latest)
        if self.started_on is None:
            return None
        completes_on = _one_year_after(START, self.started_on, adjustment)
        if school == "hanafi" or not self.is_interrupted(completes_on):
            return completes_on
        name = RESUMPTION if self.resumed_on else INTERRUPTION
        return _one_year_after(name, self.restarted_on or self.started_on, adjustment)

    @property
    def restarted_on(self) -> date | None:
        """The day on which the majority starts the hawl again."""
        return self.resumed_on or self.interrupted_on

    def is_interrupted(self, completes_on: date) -> bool:
        """Return whether the interruption was before the year that ends on ``completes_on``."""
        return self.interrupted_on is not None and self.interrupted_on < completes_on

    def _require_order(self, latest: date) -> None:
        days = {
            START: self.started_on,
            INTERRUPTION: self.interrupted_on,
            RESUMPTION: self.resumed_on,
        }
        before: tuple[str, date | None] | None = None
        for name, day in days.items():
            if day is not None:
                _require_day(name, day, latest, before)
            before = name, day


def hawl_is_complete(completes_on: date | None, today: date) -> bool:
    """Return True from the day of completion on, and if no hawl is given."""
    return completes_on is None or completes_on <= today


def _require_day(
    name: str, day: date, latest: date, before: tuple[str, date | None] | None
) -> None:
    """Check a day against ``latest`` and the day ``before`` it. Raises ValidationFailed."""
    if day > latest:
        raise ValidationFailed.at([name], START_IN_FUTURE if name == START else IN_FUTURE)
    if before is None:
        return
    earlier_name, earlier = before
    if earlier is None:
        fault = Fault("Must be sent together with {field}.", Rule.REQUIRED, field=earlier_name)
        raise ValidationFailed.at([name], fault)
    if day < earlier:
        fault = Fault("Must not be before {field}.", Rule.TOO_EARLY, field=earlier_name)
        raise ValidationFailed.at([name], fault)


def _one_year_after(name: str, day: date, adjustment: int) -> date:
    try:
        return one_year_after(day, adjustment)
    except HijriDateOutOfRange as error:
        raise HijriDateOutOfRange.at([name], error.reason) from None
