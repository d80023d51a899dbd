"""Instants are UTC; days and times of day are those of Mumbai."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.kit.clock import instant, local, minutes

INDIA = "Asia/Kolkata"
AHEAD = timedelta(hours=5, minutes=30)
DAYS = st.dates(date(2000, 1, 1), date(2999, 12, 31))


@given(DAYS, st.times())
def test_a_wall_clock_in_india_is_five_and_a_half_hours_ahead_the_whole_year(day, at):
    at = at.replace(fold=0)
    moment = instant(day, at, INDIA)
    assert moment.tzinfo is UTC
    assert moment.replace(tzinfo=None) == datetime.combine(day, at) - AHEAD


@given(DAYS, st.times())
def test_an_instant_and_its_wall_clock_are_each_others_way_back(day, at):
    at = at.replace(fold=0)
    there = local(instant(day, at, INDIA), INDIA)
    assert (there.date(), there.time()) == (day, at)


def test_the_day_in_india_begins_while_it_is_yesterday_in_utc():
    assert local(datetime(2026, 11, 20, 18, 29, tzinfo=UTC), INDIA).date() == date(2026, 11, 20)
    assert local(datetime(2026, 11, 20, 18, 30, tzinfo=UTC), INDIA).date() == date(2026, 11, 21)
    assert instant(date(2026, 11, 21), time(0), INDIA) == datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


def test_minutes_are_minutes():
    assert minutes(90) == timedelta(hours=1, minutes=30)
