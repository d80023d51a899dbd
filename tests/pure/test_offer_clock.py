"""When an offer lapses and until when a confirmed visit may be paid (docs/product.md#offers, docs/product.md#unpaid-bookings)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.appointments.models import Appointment
from shared.appointments.offers import offer_ends, pay_by_once_confirmed
from shared.lines.home_chef.line import LINE

POLICY = LINE.policy
INDIA, AHEAD = "Asia/Kolkata", timedelta(hours=5, minutes=30)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(hour, minute=0, second=0, day=20):
    """The instant of a wall clock in India in November."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - AHEAD


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        (at(8), at(10)),
        (at(12, 34, 56), at(14, 34, 56)),
        (at(20), at(22)),  # the last two hours of a day are two hours
        (at(20, 1), at(8, 1, day=21)),
        (at(21), at(9, day=21)),
        (at(21, 59, 59), at(9, 59, 59, day=21)),
        (at(22), at(10, day=21)),
        (at(23, 30), at(10, day=21)),
        (at(0), at(10)),
        (at(5, 29), at(10)),  # the day in UTC is still yesterday
        (at(5, 31), at(10)),
        (at(7, 59, 59), at(10)),
    ],
)
def test_two_hours_are_counted_between_eight_and_twenty_two_at_the_place(now, ends):
    assert offer_ends(POLICY, now + 3 * DAY, INDIA, now) == ends


@pytest.mark.parametrize("now", [at(12), at(3), at(21, 55), at(22, 5)])
def test_on_short_notice_an_offer_is_a_quarter_of_an_hour_at_any_hour(now):
    assert offer_ends(POLICY, now + 6 * HOUR - timedelta(seconds=1), INDIA, now) == now + 15 * MINUTE
    assert offer_ends(POLICY, now + 2 * HOUR, INDIA, now) == now + 15 * MINUTE


def test_six_hours_ahead_is_not_short_notice():
    assert offer_ends(POLICY, at(12) + 6 * HOUR, INDIA, at(12)) == at(14)


def test_the_hours_are_those_of_the_place():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert offer_ends(POLICY, noon + DAY, "America/New_York", noon) == datetime(2026, 11, 20, 15, tzinfo=UTC)


@settings(max_examples=60)
@given(st.integers(0, 3 * 1_440))
def test_an_offer_has_had_its_two_hours_of_daytime_at_the_very_minute_it_lapses(minute):
    """The reference counts minutes, one by one."""
    now = moment = at(0) + minute * MINUTE
    left = 120
    while left:
        left -= 8 <= (moment + AHEAD).hour < 22
        moment += MINUTE
    assert offer_ends(POLICY, now + 5 * DAY, INDIA, now) == moment


@pytest.mark.parametrize(
    ("ahead", "pay_within"),
    [
        (30 * DAY, 24 * HOUR),
        (26 * HOUR, 24 * HOUR),
        (25 * HOUR, 23 * HOUR),
        (6 * HOUR, 4 * HOUR),
        (2 * HOUR + 31 * MINUTE, 31 * MINUTE),
        (2 * HOUR + 30 * MINUTE, 30 * MINUTE),
        (2 * HOUR, 30 * MINUTE),
        (10 * MINUTE, 30 * MINUTE),
    ],
)
def test_a_confirmed_visit_is_paid_in_a_day_or_two_hours_before_it_but_never_in_under_half_an_hour(ahead, pay_within):
    now = at(12)
    assert pay_by_once_confirmed(POLICY, Appointment(starts_at=now + ahead), now) == now + pay_within
