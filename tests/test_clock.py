"""Days of the institution's time zone, and the dates that it is anywhere on earth."""

from datetime import UTC, date, datetime

import pytest

from app import clock

NEW_YEAR = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("zone", "last_second"),
    [
        ("UTC", "2025-12-31T23:59:59"),
        ("Asia/Riyadh", "2025-12-31T20:59:59"),
        ("America/Los_Angeles", "2026-01-01T07:59:59"),
        ("Pacific/Kiritimati", "2025-12-31T09:59:59"),
        ("Pacific/Pago_Pago", "2026-01-01T10:59:59"),
    ],
)
def test_a_day_begins_at_midnight_in_the_time_zone(
    app, set_clock, set_time_zone, zone, last_second
):
    set_time_zone(zone)
    with app.app_context():
        set_clock(last_second)
        assert clock.today() == date(2025, 12, 31)
        assert clock.now() < clock.start_of_day(NEW_YEAR)
        set_clock(f"{clock.start_of_day(NEW_YEAR):%Y-%m-%dT%H:%M:%S}")
        assert clock.today() == NEW_YEAR
        assert (clock.now() - datetime.fromisoformat(f"{last_second}Z")).total_seconds() == 1


def test_a_day_without_a_midnight_begins_when_the_clocks_are_changed(app, set_time_zone):
    set_time_zone("America/Santiago")  # from 23:59:59 to 01:00:00
    with app.app_context():
        assert clock.start_of_day(date(2025, 9, 7)) == datetime(2025, 9, 7, 4, tzinfo=UTC)
        assert clock.end_of_day(date(2025, 9, 6)) == datetime(2025, 9, 7, 4, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_day_of_the_calendar_have_a_beginning_and_an_end(
    app, set_time_zone, zone
):
    set_time_zone(zone)
    with app.app_context():
        for day in (date.min, date.max):
            assert clock.start_of_day(day) <= clock.end_of_day(day)


@pytest.mark.parametrize(
    ("moment", "earliest", "latest"),
    [
        ("2026-01-28T09:59:59", 27, 28),
        ("2026-01-28T10:00:00", 27, 29),
        ("2026-01-28T11:59:59", 27, 29),
        ("2026-01-28T12:00:00", 28, 29),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_today_is_up_to_three_dates_on_earth(  # noqa: PLR0917
    app, set_clock, set_time_zone, zone, moment, earliest, latest
):
    set_time_zone(zone)
    set_clock(moment)
    with app.app_context():
        days = clock.earliest_today(), clock.today(), clock.latest_today()
        assert (days[0].day, days[2].day) == (earliest, latest)
        assert [*days] == sorted(days)
