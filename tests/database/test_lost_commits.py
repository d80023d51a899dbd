"""The server commits and its answer is lost: the retry finds the effect and does not repeat it."""

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from functions.wiring import line
from infra.postgres.engine import PostgresDatabase
from shared.appointments import placement
from shared.idempotency.queries import Key, Replayed, fingerprint
from shared.kit.database import DatabaseUnavailable
from shared.lines.home_chef.line import LINE
from shared.payments import status_polling
from tests.make import RULES, always, begin_as
from tests.postgres_server import at_port
from tests.round_trips import CountingProxy

COMMIT = b"commit\0"  # and not the `read committed` of every BEGIN


@pytest.fixture
def proxy(database_url: str) -> Iterator[CountingProxy]:
    parsed = make_url(database_url)
    with CountingProxy(str(parsed.host), int(parsed.port or 0)) as proxy:
        yield proxy


@pytest.fixture
def wired(proxy: CountingProxy, database_url: str) -> Iterator[PostgresDatabase]:
    """The database on a connection that loses answers."""
    database = PostgresDatabase(at_port(database_url, proxy.url_port), 1)
    yield database
    database.dispose()


def test_booking_with_lost_commit_answer_is_found_by_key(make, wired, proxy, now):
    """Fails when the key is not stored with the booking: the retry is refused as overlapping the first."""
    make.chef()
    customer = make.customer()
    request = make.request(customer)

    def key_of(caller):
        return Key(caller.id, "POST /bookings", "tap", fingerprint(request.model_dump(mode="json")))

    def book():
        return placement.place(begin_as(wired, customer), LINE, request, key_of, RULES, now)

    proxy.lose_answers(to=COMMIT)
    with pytest.raises(DatabaseUnavailable):
        book()
    with pytest.raises(Replayed) as replayed:
        book()
    assert make.rows("select id::text from bookings") == [(replayed.value.answer["id"],)]


def test_settlement_with_lost_commit_answer_is_not_repeated(make, wired, proxy, gateway, phonepe, now):
    """Fails when a success is applied to a succeeded attempt (`ATTEMPT.allows` unchecked)."""
    customer = make.customer()
    booking = make.booking(customer)
    txn = make.page(gateway, customer, booking.id).merchant_txn_id
    phonepe.settle(txn, "pay")
    proxy.lose_answers(to=COMMIT)
    with pytest.raises(DatabaseUnavailable):
        status_polling.poll_by_our_id(wired, always(gateway), line, txn, now)
    assert status_polling.poll_by_our_id(wired, always(gateway), line, txn, now) == "succeeded"
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
    assert make.rows("select count(*) from ledger_transactions") == [(1,)]
    notifications = make.rows("select kind from notifications order by 1")
    assert notifications == [("booked",), ("confirmed",), ("visit_to_answer",)]
    events = make.rows("select kind from booking_events where kind in ('payment_succeeded', 'confirmed') order by 1")
    assert events == [("confirmed",), ("payment_succeeded",)]
