"""A customer rates a completed visit, once; the chef's mean counts every rating."""

import pytest

from shared.appointments import rating
from shared.appointments.rating import AlreadyRated, NotCompleted, RatingRequest
from shared.bookings.queries import BookingNotFound
from shared.kit.paging import PageQuery
from shared.lines.home_chef import queries
from shared.lines.home_chef.views import booking_view
from shared.lines.home_chef.visit import NAME
from tests.make import run_concurrently
from tests.round_trips import counted

pytestmark = pytest.mark.breaks_invariants("visits are completed by a statement")


@pytest.fixture
def rate(db, now):
    def rate(customer, booking, stars=5, comment=None):
        with db.transaction() as session:
            return rating.rate(session, NAME, customer.id, booking.id, RatingRequest(stars=stars, comment=comment), now)

    return rate


@pytest.fixture
def completed(make):
    """Return a customer and their completed booking."""

    def completed(**overrides):
        customer = make.customer()
        booking = make.booking(customer, **overrides)
        make.run(
            "update bookings set status = 'completed', payment_status = 'success', acceptance = 'accepted' where id = :id",
            id=booking.id,
        )
        return customer, booking

    return completed


def mean(make):
    [row] = make.rows("select rating_sum, rating_count, rating::float from providers")
    return row


def test_rating_is_stored_shown_and_counted(db, make, rate, completed, now):
    customer, booking = completed()
    answer = rate(customer, booking, 4, "Good dosas")
    assert answer.model_dump() == {"stars": 4, "comment": "Good dosas", "created_at": now}
    with db.reading() as session:
        [shown] = queries.list_of_customer(session, customer.id, PageQuery())[0]
        found = queries.of_customer(session, customer.id, booking.id)
    assert booking_view(shown).rating == booking_view(*found).rating == answer
    assert mean(make) == (4, 1, 4.0)
    assert make.rows("select facts from booking_events where kind = 'rated'") == [({"stars": 4},)]


def test_mean_has_two_decimals(make, rate, completed):
    for day, stars in enumerate((5, 4, 5)):
        rate(*completed(booking_date=make.day(3 + day)), stars)
    assert mean(make) == (14, 3, 4.67)


def test_visit_is_rated_once(make, rate, completed):
    customer, booking = completed()
    rate(customer, booking, 1)
    with pytest.raises(AlreadyRated):
        rate(customer, booking, 5)
    assert mean(make) == (1, 1, 1.0)


def test_unfinished_visit_cannot_be_rated(make, rate):
    customer = make.customer()
    booking = make.booking(customer)
    with pytest.raises(NotCompleted) as refused:
        rate(customer, booking)
    assert refused.value.members == {"current": "pending"}
    assert mean(make) == (0, 0, None)


def test_foreign_visit_is_not_found(make, rate, completed):
    _, booking = completed()
    with pytest.raises(BookingNotFound):
        rate(make.customer(), booking)


def test_concurrent_ratings_of_chef_all_count(make, rate, completed):
    """Fails when the mean is read before it is written: the later of two overwrites the earlier."""
    rated = iter([(*completed(booking_date=make.day(3 + day)), 1 + day % 5) for day in range(8)])
    outcomes = run_concurrently(8, lambda: rate(*next(rated)))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert mean(make) == (21, 8, 2.63)


def test_concurrent_ratings_of_visit_count_once(make, rate, completed):
    customer, booking = completed()
    outcomes = run_concurrently(2, lambda: rate(customer, booking, 3))
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [AlreadyRated]
    assert mean(make) == (3, 1, 3.0)


def test_rating_is_one_statement(rate, completed):
    customer, booking = completed()
    with counted() as seen:
        rate(customer, booking)
    assert len(seen.statements) == 1
