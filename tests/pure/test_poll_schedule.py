"""The poll schedule of unfinished payments: frequent at first, then rare, then none."""

from datetime import UTC, datetime, timedelta

from shared.payments.poll_schedule import STEPS, next_poll

STARTED = datetime(2026, 11, 20, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_the_poll_schedule_is_the_one_of_the_gateways_checklist():
    """docs/product.md#polling-schedule: 30 s, 1, 2, 4, 8, 15, 22 min; 1, 3, 6, 12 h; daily to day 7."""
    minutes = [MINUTE / 2, *(step * MINUTE for step in (1, 2, 4, 8, 15, 22))]
    rest = [*(step * HOUR for step in (1, 3, 6, 12)), *(step * DAY for step in range(1, 8))]
    assert list(STEPS) == minutes + rest


def test_each_step_is_later_than_the_one_before():
    """Fails when a poll's own instant counts as the next one: the row would stay due for ever."""
    at, polls = STARTED, []
    while (following := next_poll(STARTED, at)) is not None:
        polls.append(following - STARTED)
        at = following
    assert polls == list(STEPS)


def test_after_the_last_step_it_is_for_a_person():
    assert next_poll(STARTED, STARTED + 7 * DAY - MINUTE) == STARTED + 7 * DAY
    assert next_poll(STARTED, STARTED + 7 * DAY) is None


def test_steps_that_were_slept_through_are_not_made_up_for():
    """After an outage of half a day there is one status request and then the next poll, not eleven requests in eleven minutes."""
    assert next_poll(STARTED, STARTED + 13 * HOUR) == STARTED + DAY
