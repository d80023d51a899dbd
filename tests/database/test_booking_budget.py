"""Statements and round trips of a booking, a quote and the lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.engine import make_url

from infra.postgres.engine import PostgresDatabase
from shared.appointments import placement, queries
from shared.idempotency.queries import Key, fingerprint
from shared.kit.paging import PageQuery
from shared.lines.home_chef import queries as visits
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingRequest, QuoteRequest
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.sign_in.tokens import Claims
from tests.make import QUOTES, RULES
from tests.postgres_server import at_port
from tests.round_trips import CountingProxy, counted

LIFETIMES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))


@pytest.fixture
def proxy(database_url) -> Iterator[CountingProxy]:
    parsed = make_url(database_url)
    with CountingProxy(str(parsed.host), int(parsed.port)) as proxy:
        yield proxy


@pytest.fixture
def wired(proxy, database_url) -> Iterator[PostgresDatabase]:
    """The database behind the proxy, with its one connection established."""
    database = PostgresDatabase(at_port(database_url, proxy.url_port), 1)
    with database.reading() as session:
        session.connection()
    yield database
    database.dispose()


@pytest.fixture
def person(db, make, now):
    """Return a customer with an active session, as a request's token names them."""
    customer = make.customer()
    [(email,)] = make.rows("select email from users where id = :id", id=customer.id)
    with db.transaction() as session:
        signed_in = sessions.begin(session, email, LIFETIMES, now)
    return customer, Claims(customer.id, signed_in.session_id, "customer")


def locking(database, claims, now):
    """Return a transaction factory like `Call.locking`: its first statement authenticates the caller and locks their
    row."""

    @contextmanager
    def begin():
        with database.transaction() as session:
            yield session, sessions.caller(session, claims, now, lock=True)

    return begin


def key_of(caller):
    return Key(caller.id, "POST /bookings", "a-key", fingerprint({}))


def test_booking_with_key_costs_four_round_trips(make, wired, proxy, person, now):
    make.chef()
    customer, claims = person
    with counted(proxy) as seen:
        placement.place(locking(wired, claims, now), LINE, make.request(customer), key_of, RULES, now)
    assert (len(seen.statements), seen.round_trips) == (3, 4)


def test_booking_by_quote_costs_one_more(make, wired, proxy, person, now):
    make.chef()
    customer, claims = person
    with locking(wired, claims, now)() as (session, caller):
        visit = QuoteRequest(**make.request(customer).model_dump(exclude={"quote_id"}))
        quote = quotes.create(session, LINE, caller.id, visit, QUOTES, now, None)
    with counted(proxy) as seen:
        placement.place(locking(wired, claims, now), LINE, BookingRequest(quote_id=quote.id), key_of, RULES, now)
    assert (len(seen.statements), seen.round_trips) == (4, 5)


def test_quote_costs_three_statements(make, wired, proxy, person, now):
    make.chef()
    customer, claims = person
    visit = QuoteRequest(**make.request(customer).model_dump(exclude={"quote_id"}))
    with counted(proxy) as seen, locking(wired, claims, now)() as (session, caller):
        quotes.create(session, LINE, caller.id, visit, QUOTES, now, key_of(caller))
    assert (len(seen.statements), seen.round_trips) == (3, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_two_statements_and_round_trips(make, wired, proxy, person, now, count):
    customer, claims = person
    for day in range(count):
        make.booking(customer, booking_date=make.day(3 + day))
    with counted(proxy) as seen, wired.reading() as session:
        caller = sessions.caller(session, claims, now)
        rows, cursor = visits.list_of_customer(session, caller.id, PageQuery())
    assert (len(rows), cursor) == (count, None)
    assert (len(seen.statements), seen.round_trips) == (2, 2)


def test_booking_detail_costs_two_statements(make, wired, proxy, person, now):
    customer, claims = person
    made = make.booking(customer)
    with counted(proxy) as seen, wired.reading() as session:
        caller = sessions.caller(session, claims, now)
        assert visits.of_customer(session, caller.id, made.id)
    assert (len(seen.statements), seen.round_trips) == (2, 2)


def test_chefs_list_and_visit_cost_two_statements_each(make, wired, proxy, person):
    customer, _ = person
    made = make.booking(customer)
    for read in (
        lambda session: queries.list_of_provider(session, made.chef_id, PageQuery(), None),
        lambda session: queries.of_provider(session, made.chef_id, made.id),
    ):
        with counted(proxy) as seen, wired.reading() as session:
            assert read(session)
        assert (len(seen.statements), seen.round_trips) == (1, 1)  # and the authentication query
