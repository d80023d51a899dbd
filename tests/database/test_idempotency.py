"""A request repeated under its key has one effect and the same answer each time."""

import json
from datetime import timedelta

import pytest

from shared.appointments import placement
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key, KeyReused, Replayed, fingerprint
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import NoChefFree
from tests.make import RULES, run_concurrently

ROUTE = "POST /api/v1/customer/bookings"


@pytest.fixture
def book(make, now):
    """Book under a key; the fingerprint is taken of `body`."""

    def book(customer, key="a-key", at=now, route=ROUTE, **wanted):
        request = make.request(customer, **wanted)
        body = request.model_dump(mode="json")

        def key_of(caller):
            return Key(caller.id, route, key, fingerprint(body))

        return placement.place(make.begin(customer), LINE, request, key_of, RULES, at)

    return book


def test_same_key_and_body_return_stored_answer(make, book):
    make.chef()
    customer = make.customer()
    first = book(customer)
    for _ in range(2):
        with pytest.raises(Replayed) as replayed:
            book(customer)
        assert replayed.value.status == 201
        assert replayed.value.answer == json.loads(first.model_dump_json())
    assert make.rows("select count(*) from bookings") == [(1,)]


def test_stored_answer_keeps_member_order(make, book):
    """`jsonb` would sort the members: the second answer's bytes would differ from the first's."""
    make.chef()
    customer = make.customer()
    first = book(customer)
    with pytest.raises(Replayed) as replayed:
        book(customer)
    assert list(replayed.value.answer) == list(first.model_dump())


def test_same_key_with_other_body_is_invalid(make, book):
    make.chef()
    customer = make.customer()
    book(customer)
    with pytest.raises(KeyReused) as refused:
        book(customer, guest_count=3)
    assert refused.value.status == 422
    assert make.rows("select count(*) from bookings") == [(1,)]


def test_key_is_per_user_and_route(make, book):
    for _ in range(3):
        make.chef()
    customer = make.customer()
    book(customer)
    assert book(make.customer())
    assert book(customer, route="POST /another", booking_date=make.day(4))


def test_concurrent_same_key_makes_one_booking(make, book):
    for _ in range(6):
        make.chef()
    customer = make.customer()
    outcomes = run_concurrently(6, lambda: book(customer))
    made = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    repeated = [outcome for outcome in outcomes if isinstance(outcome, Replayed)]
    assert (len(made), len(repeated)) == (1, 5)
    assert {outcome.answer["id"] for outcome in repeated} == {str(made[0].id)}
    assert make.rows("select count(*) from bookings") == [(1,)]


def test_refused_request_leaves_key_unused(make, book):
    customer = make.customer()
    with pytest.raises(NoChefFree):
        book(customer)
    make.chef()
    assert book(customer)


def test_key_expires_after_a_day(make, book, now):
    make.chef()
    customer = make.customer()
    book(customer)
    with pytest.raises(Replayed):
        book(customer, at=now + timedelta(hours=24) - timedelta(seconds=1))
    again = book(customer, at=now + timedelta(hours=24), booking_date=make.day(5))
    assert make.rows("select answer->>'id' from idempotency_keys") == [(str(again.id),)]


def test_key_and_effect_are_atomic(make, db, now):
    """A failed transaction also removes its key: no crash leaves a blocked key."""
    customer = make.customer()
    key = Key(customer.id, ROUTE, "a-key", fingerprint({}))

    def crash():
        with db.transaction() as session:
            idempotency.store(session, key, 201, {"id": 1}, now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    with db.transaction() as session:
        idempotency.replay(session, key, now)


def test_concurrent_store_returns_earlier_answer(make, db, now):
    key = Key(make.customer().id, ROUTE, "a-key", fingerprint({}))
    numbers = iter(range(8))

    def store():
        number = next(numbers)
        with db.transaction() as session:
            idempotency.store(session, key, 201, {"number": number}, now)
        return number

    outcomes = run_concurrently(8, store)
    [stored] = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert {outcome.answer["number"] for outcome in outcomes if isinstance(outcome, Replayed)} == {stored}


def test_without_key_nothing_is_stored(make, db, now):
    with db.transaction() as session:
        idempotency.replay(session, None, now)
        idempotency.store(session, None, 201, {}, now)
    assert make.rows("select count(*) from idempotency_keys") == [(0,)]


def test_fingerprint_ignores_member_order():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"b": [1, 2]}) != fingerprint({"b": [2, 1]})
