"""A chef's availability, against a reference that checks every minute."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.appointments.providers.calendar import Calendar, Slot, nearest_free

INDIA, AHEAD = "Asia/Kolkata", timedelta(hours=5, minutes=30)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC) - AHEAD
MINUTE, HALF_HOUR = timedelta(minutes=1), timedelta(minutes=30)

# Edges to generate often: midnight, the last minute, the half hours around.
MINUTES = st.sampled_from((0, 1, 30, 479, 480, 720, 1_200, 1_290, 1_380, 1_410, 1_439, 1_440)) | st.integers(0, 1_440)
SLOTS = st.builds(
    lambda day, ends: Slot(day, min(ends), max(ends)),
    st.integers(0, 6),
    st.tuples(MINUTES, MINUTES).filter(lambda ends: ends[0] != ends[1]),
)
WHOLE_DAYS = st.builds(Slot, st.integers(0, 6), st.just(0), st.just(1_440))
WEEKS = st.lists(SLOTS | WHOLE_DAYS, max_size=12)
DAYS_OFF = st.frozensets(st.builds(lambda day: date(2026, 11, 22) + timedelta(days=day), st.integers(0, 8)), max_size=2)
STARTS = st.builds(lambda step: MONDAY + step * HALF_HOUR, st.integers(-24, 8 * 48))
BUSY = st.builds(lambda start, length: (start, start + length * MINUTE), STARTS, st.integers(1, 540))
CALENDARS = st.builds(
    Calendar,
    zone=st.just(INDIA),
    week=WEEKS,
    days_off=DAYS_OFF,
    busy=st.lists(BUSY, max_size=4),
    gap=st.sampled_from((timedelta(), HALF_HOUR, 45 * MINUTE)),
)
EVERY_DAY = [Slot(day, 0, 1_440) for day in range(7)]


def works_at(calendar, moment):
    """Return whether a weekly slot covers the minute from this instant, on no day off."""
    there = moment + AHEAD
    minute = there.hour * 60 + there.minute
    return there.date() not in calendar.days_off and any(
        slot.weekday == there.weekday() and slot.starts <= minute < slot.ends for slot in calendar.week
    )


def is_free(calendar, start, end):
    visit = range(int((end - start) / MINUTE))
    travel = range(int((end + calendar.gap - start) / MINUTE))
    return all(works_at(calendar, start + step * MINUTE) for step in visit) and not any(
        begins <= start + step * MINUTE < ends for step in travel for begins, ends in calendar.busy
    )


@settings(max_examples=250)
@given(CALENDARS, STARTS, st.integers(1, 8))
@example(Calendar(INDIA, EVERY_DAY, frozenset(), [], HALF_HOUR), MONDAY + 7 * timedelta(days=1) - HALF_HOUR, 8)
@example(Calendar(INDIA, [Slot(6, 600, 1_440), Slot(0, 0, 120)], frozenset(), [], HALF_HOUR), MONDAY - HALF_HOUR, 2)
@example(Calendar(INDIA, EVERY_DAY, frozenset({date(2026, 11, 24)}), [], HALF_HOUR), MONDAY + 44 * HALF_HOUR, 2)
@example(Calendar(INDIA, EVERY_DAY, frozenset(), [(MONDAY, MONDAY + HALF_HOUR)], HALF_HOUR), MONDAY + HALF_HOUR, 1)
def test_a_chef_is_free_exactly_when_each_minute_of_the_visit_is(calendar, start, hours):
    end = start + timedelta(hours=hours)
    assert calendar.is_free(start, end) == is_free(calendar, start, end)


@settings(max_examples=60)
@given(CALENDARS, STARTS, st.integers(1, 3), st.integers(0, 96), st.integers(1, 4))
def test_the_nearest_times_are_the_first_free_ones_in_order_of_their_distance(calendar, wanted, hours, before, count):
    length, earliest, latest = timedelta(hours=hours), wanted - before * HALF_HOUR, wanted + 30 * HALF_HOUR
    found = nearest_free(calendar, wanted, length, earliest, latest, count)

    two_days = [wanted + step * HALF_HOUR for step in range(-96, 97) if step]
    by_distance = sorted(two_days, key=lambda start: (abs(start - wanted), start))
    bookable = (start for start in by_distance if earliest <= start <= latest)
    expected = [start for start in bookable if calendar.is_free(start, start + length)]
    assert found == expected[:count]
