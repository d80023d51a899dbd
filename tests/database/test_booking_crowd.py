"""Concurrent bookings: the loser of a race gets the next free chef, and no visit is stored partly."""

from datetime import time

import pytest

from shared.kit.errors import Refusal
from shared.lines.home_chef.visit import ChefUnavailable, NoChefFree
from tests.make import run_concurrently


@pytest.fixture
def crowd(make):
    """Let that many customers book the same hour at once; returns each result."""

    def crowd(count, **wanted):
        people = iter([make.customer() for _ in range(count)])
        return run_concurrently(count, lambda: make.booking(next(people), **wanted))

    return crowd


def split(outcomes):
    booked = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(outcome, Refusal) for outcome in refused), refused
    return booked, refused


def test_loser_gets_next_free_chef_at_that_chefs_price(make, crowd):
    """Fails when a slot taken meanwhile ends the request: all but one would be refused."""
    rates = {make.chef(rate * 100).id: rate * 100 for rate in range(300, 306)}
    booked, refused = split(crowd(6))
    assert refused == []
    assert {booking.chef_id for booking in booked} == rates.keys()
    assert all(booking.breakdown.base == 2 * rates[booking.chef_id] for booking in booked)


def test_customer_is_refused_only_when_no_chef_is_free(make, crowd):
    for _ in range(3):
        make.chef()
    booked, refused = split(crowd(7))
    assert len({booking.chef_id for booking in booked}) == len(booked) == 3
    assert {type(refusal) for refusal in refused} == {NoChefFree}
    assert make.rows(
        """select (select count(*) from bookings), (select count(*) from appointments),
      (select count(*) from payments), (select count(*) from offers), (select count(*) from booking_events)"""
    ) == [(3, 3, 3, 3, 3)]


def test_named_chef_has_one_winner_losers_get_free_times(make, crowd):
    make.chef(100_00)
    chef = make.chef(500_00)
    booked, refused = split(crowd(7, chef_id=chef.id))
    assert [booking.chef_id for booking in booked] == [chef.id]
    assert {type(refusal) for refusal in refused} == {ChefUnavailable}
    assert all(len(refusal.members["nearest"]) == 3 for refusal in refused)


def test_overlapping_visits_get_same_refusal(make):
    make.chef()
    hours = iter([time(12), time(12, 30), time(11), time(11, 30), time(10, 30)])  # all overlap each other, gap included
    people = iter([make.customer() for _ in range(5)])
    booked, refused = split(run_concurrently(5, lambda: make.booking(next(people), time_slot=next(hours))))
    assert len(booked) == 1
    assert {type(refusal) for refusal in refused} == {NoChefFree}
