"""Two hundred customers and one slot, through the router, the real server and the real database.

Each test was seen to fail without its protection. Without the exclusion constraint (`alter table bookings drop
constraint ex_bookings_provider_busy`) one chef gets 200 visits. Without the chef's row lock (`for no key update` in the
WRITE) losers of the race deadlock.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import text

from infra.local.demo import demo_id
from infra.postgres.engine import PostgresDatabase
from shared.bookings.models import SLOT_TAKEN
from tests.races.crowd import Member, at_once, crowd, leave
from tests.system import System, start_system

CROWD = 200


@pytest.fixture(scope="module")
def members(system: System):
    made = crowd(system, CROWD)
    yield made
    leave(made)


def booking_body(member, **overrides):
    return {"address_id": member.address_id, "time_slot": "12:00", **overrides}


def test_one_of_two_hundred_customers_gets_named_chef(members, system):
    named = {"booking_date": system.day(), "chef_id": str(demo_id("asha@sizzle.example"))}
    answers = at_once([partial(member.post, "/customer/bookings", booking_body(member, **named)) for member in members])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CROWD - 1}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["code"] for refusal in refusals} == {"chef_unavailable"}
    assert all(len(refusal["nearest"]) == 3 for refusal in refusals)


def test_two_of_two_hundred_customers_get_one_of_two_chefs(members, system):
    when = system.day()
    answers = at_once(
        [partial(member.post, "/customer/bookings", booking_body(member, booking_date=when)) for member in members]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 2, 409: CROWD - 2}
    won = {answer.json()["chef_id"] for answer in answers if answer.status_code == 201}
    assert won == {str(demo_id("asha@sizzle.example")), str(demo_id("ravi@sizzle.example"))}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"no_chef_free"}


def test_same_crowd_overbooks_without_constraint(tmp_path):
    """Counterpart of the first test: the constraint prevents overbooking, not the check before it."""
    with start_system(tmp_path) as unprotected:
        database = PostgresDatabase(unprotected.env["DATABASE_URL"], 1)
        with database.transaction() as session:
            session.execute(text("create index on bookings using gist (provider_id, busy_period)"))
            session.execute(text(f"alter table bookings drop constraint {SLOT_TAKEN}"))
        database.dispose()
        members = crowd(unprotected, CROWD)
        assert any(visits_of_one_chef(unprotected, members) > 1 for _ in range(5))  # a single try may miss the race
        leave(members)


def visits_of_one_chef(system: System, members: Sequence[Member]) -> int:
    """Let all members book one chef at one time, on an unused day; returns the number of visits."""
    named = {"booking_date": system.day(), "chef_id": str(demo_id("asha@sizzle.example"))}
    answers = at_once([partial(member.post, "/customer/bookings", booking_body(member, **named)) for member in members])
    return Counter(answer.status_code for answer in answers)[201]


def test_double_tap_with_key_is_one_booking(members, system):
    member, when = members[0], system.day()
    body = booking_body(member, booking_date=when)
    taps = [partial(member.post, "/customer/bookings", body, Idempotency_Key="tap") for _ in range(8)]

    answers = at_once(taps)

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.text for answer in answers}) == 1
    listed = member.http.get(member.api + "/customer/bookings", timeout=30).json()["items"]
    assert [item["booking_date"] for item in listed].count(when) == 1


def test_double_tap_without_key_is_one_booking_and_conflict(members, system):
    member = members[1]
    body = booking_body(member, booking_date=system.day())

    answers = at_once([partial(member.post, "/customer/bookings", body) for _ in range(2)])

    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (201, 409)
    assert (lost.json()["code"], lost.json()["ref"]) == ("overlapping_booking", won.json()["ref"])
