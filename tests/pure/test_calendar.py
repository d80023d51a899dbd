"""Examples of a chef's availability: weekly slots, days off and busy periods."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.appointments.providers.calendar import Calendar, Slot, days_touched, nearest_free

INDIA = "Asia/Kolkata"
GAP = timedelta(minutes=30)
MONDAY = date(2026, 11, 23)
WORKDAY = [Slot(day, 480, 1_320) for day in range(7)]  # 08:00 to 22:00


def at(hour, minute=0, day=0):
    """Return the instant of a wall-clock time in India in the week of MONDAY."""
    midnight = datetime.combine(MONDAY + timedelta(days=day), datetime.min.time(), UTC) - timedelta(hours=5, minutes=30)
    return midnight + timedelta(hours=hour, minutes=minute)


def calendar(week=WORKDAY, days_off=(), busy=()):
    return Calendar(INDIA, week, frozenset(days_off), busy, GAP)


def free(starts, hours, **known):
    return calendar(**known).is_free(starts, starts + timedelta(hours=hours))


@pytest.mark.parametrize(("hour", "hours", "is_free"), [(8, 2, True), (20, 2, True), (7, 2, False), (21, 2, False)])
def test_a_visit_lies_wholly_in_a_slot_whose_end_is_its_last_minute(hour, hours, is_free):
    assert free(at(hour), hours) is is_free


def test_a_minute_too_long_is_too_long():
    starts = at(20)
    assert not calendar().is_free(starts, starts + timedelta(hours=2, minutes=1))
    assert not free(at(7, 59), 1)


def test_a_chef_without_a_week_is_never_free():
    assert not free(at(12), 1, week=[])


def test_the_day_of_the_week_is_that_of_the_place():
    """03:00 in India on Tuesday is Monday evening in UTC."""
    assert free(at(3, day=1), 1, week=[Slot(1, 120, 300)])
    assert not free(at(3, day=1), 1, week=[Slot(0, 120, 1_440)])


def test_slots_that_meet_are_one_and_a_minute_between_them_parts_them():
    assert free(at(11), 2, week=[Slot(0, 480, 720), Slot(0, 720, 960)])
    assert free(at(11), 2, week=[Slot(0, 720, 960), Slot(0, 480, 720)])
    assert not free(at(11), 2, week=[Slot(0, 480, 719), Slot(0, 720, 960)])


def test_a_slot_up_to_24_00_meets_the_next_day_at_midnight():
    week = [Slot(0, 1_200, 1_440), Slot(1, 0, 180)]
    assert free(at(22), 2, week=week)
    assert free(at(22), 5, week=week)
    assert free(at(24), 3, week=week)
    assert not free(at(22), 6, week=week)
    assert not free(at(23), 2, week=[Slot(0, 1_200, 1_439), Slot(1, 0, 180)])
    assert not free(at(23), 2, week=[Slot(0, 1_200, 1_440), Slot(1, 1, 180)])


def test_sunday_night_meets_monday_morning():
    week = [Slot(6, 1_200, 1_440), Slot(0, 0, 120)]
    assert free(at(23, day=6), 2, week=week)
    assert free(at(23, day=-1), 3, week=week)
    assert free(at(0), 2, week=week)
    assert not free(at(23, day=6), 4, week=week)


def test_who_works_day_and_night_is_free_at_any_minute_of_the_week():
    always = [Slot(day, 0, 1_440) for day in range(7)]
    assert all(free(at(0, 30 * step), 8, week=always) for step in range(7 * 48))


def test_a_day_off_says_no_whatever_the_week_says():
    assert not free(at(12), 2, days_off=[MONDAY])
    assert free(at(12), 2, days_off=[MONDAY + timedelta(days=1)])


def test_a_visit_that_ends_at_midnight_does_not_touch_the_day_off_that_begins_then():
    always = [Slot(day, 0, 1_440) for day in range(7)]
    tuesday = MONDAY + timedelta(days=1)
    assert free(at(22), 2, week=always, days_off=[tuesday])
    assert not free(at(22), 3, week=always, days_off=[tuesday])
    assert not free(at(24), 1, week=always, days_off=[tuesday])
    assert not free(at(22), 3, week=always, days_off=[MONDAY])


def test_the_days_a_visit_touches_are_local_days():
    assert days_touched(at(22), at(24), INDIA) == [MONDAY]
    assert days_touched(at(22), at(25), INDIA) == [MONDAY, MONDAY + timedelta(days=1)]
    assert days_touched(at(0), at(8), INDIA) == [MONDAY]


def test_a_busy_period_is_half_open_and_includes_its_gap():
    """A visit from 12:00 to 14:00 blocks the chef until 14:30, and an earlier visit must leave the gap as well."""
    busy = [(at(12), at(14, 30))]
    assert free(at(14, 30), 2, busy=busy)
    assert not free(at(14), 2, busy=busy)
    assert free(at(9, 30), 2, busy=busy)
    assert not free(at(10), 2, busy=busy)
    assert not free(at(12, 30), 1, busy=busy)
    assert not free(at(11), 4, busy=busy)


def test_a_busy_period_may_cross_midnight():
    always = [Slot(day, 0, 1_440) for day in range(7)]
    busy = [(at(23), at(25, 30))]
    assert not free(at(1, day=1), 1, week=always, busy=busy)
    assert free(at(1, 30, day=1), 1, week=always, busy=busy)


def near(wanted, length=2, earliest=None, latest=None, count=3, **known):
    span = timedelta(hours=length)
    earliest, latest = earliest or at(0, day=-30), latest or at(0, day=30)
    return nearest_free(calendar(**known), wanted, span, earliest, latest, count)


def test_the_nearest_times_come_nearest_first_and_the_earlier_of_two_equally_near():
    assert near(at(14), busy=[(at(14), at(16, 30))]) == [at(11, 30), at(16, 30), at(11)]
    assert near(at(12)) == [at(11, 30), at(12, 30), at(11)]


def test_the_nearest_times_are_within_what_may_be_booked():
    assert near(at(12), earliest=at(12, 30)) == [at(12, 30), at(13), at(13, 30)]
    assert near(at(12), latest=at(11)) == [at(11), at(10, 30), at(10)]
    assert near(at(12), earliest=at(12, 30), latest=at(12, 30)) == [at(12, 30)]


def test_the_nearest_times_cross_to_another_day_when_this_one_is_taken():
    assert near(at(12), days_off=[MONDAY], count=2) == [at(20, day=-1), at(19, 30, day=-1)]
    assert near(at(21, 30), count=1) == [at(20)]


def test_nothing_near_is_nothing():
    assert near(at(12), week=[]) == []
