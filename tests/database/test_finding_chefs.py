"""The search for chefs: availability, ranking, times and public profiles."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.appointments.request import NotServiceable
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.kit.paging import pack
from shared.lines.home_chef import browsing
from shared.lines.home_chef.browsing import Rank
from shared.lines.home_chef.schemas import FreeChefsQuery, FreeTimesQuery
from shared.lines.home_chef.visit import ChefNotFound
from tests.round_trips import counted

ALL_DAY = [(day, 0, 1440) for day in range(7)]


@pytest.fixture
def found(db, make, customer, now):
    def found(**overrides):
        place = {} if "city" in overrides else {"address_id": customer.address_id}
        wanted = {**place, "booking_date": make.day(3), "time_slot": time(12), **overrides}
        with db.reading() as session:
            return browsing.free_chefs(session, customer.id, FreeChefsQuery(**wanted), now)

    return found


@pytest.fixture
def times(db, make, customer, now):
    def times(at=now, **overrides):
        wanted = {"address_id": customer.address_id, "booking_date": make.day(3), **overrides}
        with db.reading() as session:
            return browsing.free_times(session, customer.id, FreeTimesQuery(**wanted), at).time_slots

    return times


def ids(page):
    return [item.id for item in page.items]


def half_hours(first, last):
    """Return the half hours from the first to the last, both included; arguments in hours."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    steps = range(int(first * 2), int(last * 2) + 1)
    return [(start + step * timedelta(minutes=30)).time() for step in steps]


def rated(stars, count):
    return {"rating": stars / count, "rating_sum": stars, "rating_count": count}


def test_chefs_are_ranked_by_weighted_rating(make, found):
    """Fails with the plain mean, which ranks a single five-star rating first and unrated chefs last."""
    proven = make.chef(**rated(480, 100))
    single_rating = make.chef(**rated(5, 1))
    new = make.chef()
    poor = make.chef(**rated(6, 2))
    weak = make.chef(**rated(350, 100))
    assert ids(found()) == [proven.id, single_rating.id, new.id, poor.id, weak.id]


def test_equal_chefs_are_ordered_by_price_then_id(make, found):
    dear = make.chef(rate=500_00)
    cheap = sorted((make.chef(rate=300_00) for _ in range(3)), key=lambda chef: chef.id)
    assert ids(found()) == [*(chef.id for chef in cheap), dear.id]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_declines_do_not_affect_ranking(make, found):
    often, never = sorted((make.chef() for _ in range(2)), key=lambda chef: chef.id)
    for day in (4, 5, 6):
        make.booking(make.customer(), booking_date=make.day(day), chef_id=often.id)
    make.run("update offers set state = 'declined', answered_at = now()")
    assert ids(found()) == [often.id, never.id]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_chef_is_shown_with_final_price_without_private_data(make, found, customer):
    chef = make.chef(rate=450_00, bio="Grills", specialties=["Goan"], experience_years=7, **rated(9, 2))
    make.run("update users set name = 'Asha Devi Nair', phone = '+919800000000' where id = :id", id=chef.id)
    [item] = found(guest_count=8, time_slot=time(19), duration_hours=3).items
    assert (item.name, item.bio, item.specialties, item.experience_years) == ("Asha N.", "Grills", ["Goan"], 7)
    assert (item.rating, item.rating_count, item.total_bookings, item.hourly_rate) == (4.5, 2, 0, 450_00)
    booked = make.booking(customer, guest_count=8, time_slot=time(19), duration_hours=3, chef_id=chef.id)
    assert item.total == booked.total
    assert not {"email", "phone"} & item.model_dump().keys()
    assert "test.example" not in item.model_dump_json()


@pytest.mark.parametrize(
    "unfit", [{"is_verified": False}, {"is_available": False}, {"service_city": "Pune"}, {"week": [(0, 480, 600)]}]
)
def test_unbookable_chefs_are_not_shown(make, found, times, unfit):
    make.chef(**unfit)
    assert found().items == []
    assert times() == [] or "week" in unfit


def test_deactivated_busy_or_absent_chefs_are_not_shown(make, found):
    deactivated, busy, off, free = (make.chef() for _ in range(4))
    make.run("update users set is_active = false where id = :id", id=deactivated.id)
    make.booking(make.customer(), time_slot=time(10), chef_id=busy.id)
    take_off(make, off, make.day(3))
    assert ids(found()) == [free.id]


def take_off(make, chef, day):
    make.run(
        "insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :chef, :day)",
        chef=chef.id,
        day=day,
    )


def test_pages_continue_while_chefs_are_added(make, found):
    """Fails with an offset: a better chef added meanwhile moves one from the first page onto the second."""
    shown = [make.chef(rate=rate * 100_00) for rate in (3, 3, 4, 5)]
    first = found(limit=2)
    make.chef(**rated(500, 100))
    second = found(limit=2, cursor=first.next_cursor)
    assert sorted(ids(first)) == sorted(chef.id for chef in shown[:2])
    assert ids(second) == [shown[2].id, shown[3].id]
    assert second.next_cursor is None


@pytest.mark.parametrize(
    "key",
    [(1, 2), (1, 2, "x"), ("1", 2, str(new_id())), (True, 2, str(new_id())), (2**63, 1, str(new_id())), (-1, 1, "")],
)
def test_invalid_cursor_is_refused(found, key):
    """Fails with a database error for a number out of range."""
    with pytest.raises(Invalid, match=r"query\.cursor"):
        found(cursor=pack(*key))


def test_cursor_round_trips():
    rank = Rank(4_300_000, 399_00, new_id())
    assert Rank.decode(rank.encode()) == rank


@pytest.mark.parametrize("count", [1, 4])
def test_search_costs_one_statement(make, found, times, count):
    for _ in range(count):
        make.chef()
    for search in (found, times):
        with counted() as seen:
            assert search()
        assert len(seen.statements) == 1


def test_city_can_be_searched_without_address(make, found):
    chef = make.chef()
    assert ids(found(city="mumbai")) == [chef.id]
    with pytest.raises(NotServiceable):
        found(city="Nagpur")


def test_city_served_by_pincode_requires_pincode(make, found):
    make.chef(service_city="Nashik")
    make.run(
        "insert into locations (id, city, state, pincode) values (gen_random_uuid(), 'Nashik', 'Maharashtra', '422001')"
    )
    assert len(found(city="Nashik", pincode="422001").items) == 1
    for elsewhere in ({}, {"pincode": "422002"}):
        with pytest.raises(NotServiceable):
            found(city="Nashik", **elsewhere)


def test_foreign_address_or_unserved_place_is_refused(make, found, times):
    for search in (found, times):
        for unknown in (make.customer().address_id, new_id()):
            with pytest.raises(Invalid, match=r"query\.address_id"):
                search(address_id=unknown)
    make.run("update addresses set latitude = 18.5, longitude = 73.8")
    for search in (found, times):
        with pytest.raises(NotServiceable) as refused:
            search()
        assert refused.value.members == {"rule": "area"}


def test_visit_too_soon_or_far_is_refused_by_field(make, found):
    with pytest.raises(Invalid, match=r"query\.time_slot"):
        found(booking_date=make.day(0), time_slot=time(12))
    with pytest.raises(Invalid, match=r"query\.booking_date"):
        found(booking_date=make.day(61))


def test_day_times_fit_visit_and_travel(make, times):
    chef = make.chef(week=[(day, 480, 1320) for day in range(7)])
    assert times(duration_hours=3) == half_hours(8, 19)
    make.booking(make.customer(), time_slot=time(13), chef_id=chef.id)  # until 15:00, and half an hour of travel
    assert times(duration_hours=3) == [*half_hours(8, 9.5), *half_hours(15.5, 19)]


def test_any_chefs_times_are_the_union_of_all(make, times):
    early = make.chef(week=[(day, 480, 720) for day in range(7)])
    late = make.chef(week=[(day, 900, 1080) for day in range(7)])
    assert times(chef_id=early.id) == half_hours(8, 10)
    assert times(chef_id=late.id) == half_hours(15, 16)
    assert times() == [*half_hours(8, 10), *half_hours(15, 16)]
    assert times(chef_id=new_id()) == []


def test_visit_may_pass_midnight_unless_day_off(make, times):
    chef = make.chef(week=[(day, 1320, 1440) for day in range(7)] + [(day, 0, 60) for day in range(7)])
    assert times() == half_hours(22, 23)
    take_off(make, chef, make.day(4))
    assert times() == [time(22)]


def test_times_are_two_hours_to_sixty_days_ahead(make, times, now):
    make.chef(week=ALL_DAY)
    assert times(booking_date=make.day(0))[0] == time(12, 30)  # it is 10:30 in Mumbai
    assert times(booking_date=make.day(0), at=now + timedelta(seconds=1))[0] == time(13)
    assert times(booking_date=make.day(60))[-1] == time(10, 30)
    assert times(booking_date=make.day(61)) == times(booking_date=make.day(-1)) == []


def public(db, chef_id):
    with db.reading() as session:
        return browsing.public_chef(session, chef_id)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_profile_shows_week_ratings_and_first_names(db, make):
    chef = make.chef(week=[(6, 480, 1440), (0, 0, 60)], **rated(9, 2))
    guest = make.customer(name="Meera Devi Shah")
    for stars, at in ((4, datetime(2026, 11, 1, tzinfo=UTC)), (5, datetime(2026, 11, 30, 19, tzinfo=UTC))):
        rate(make, chef, guest, stars, at)
    with counted() as seen:
        page = public(db, chef.id)
    assert len(seen.statements) == 1
    assert [(one.day_of_week, one.start_time, one.end_time) for one in page.availability] == [
        ("mon", "00:00", "01:00"),
        ("sun", "08:00", "24:00"),
    ]
    assert [(one.stars, one.comment, one.month, one.customer_name) for one in page.ratings] == [
        (5, "5 stars", "2026-12", "Meera"),
        (4, "4 stars", "2026-11", "Meera"),
    ]
    assert (page.rating, page.rating_count) == (4.5, 2)
    body = page.model_dump_json()
    assert not [secret for secret in ("Shah", "Devi", "test.example", "Hill Road", str(guest.id)) if secret in body]


def rate(make, chef, guest, stars, at):
    booking = new_id()
    make.run(
        "insert into bookings (id, line, ref, customer_id, provider_id, status, payment_status, acceptance, city, total,"
        " breakdown) values (:id, 'home_chef', :ref, :guest, :chef, 'completed', 'success', 'accepted', 'Mumbai', 1, '{}')",
        id=booking,
        ref=f"SZ-{booking}",
        guest=guest.id,
        chef=chef.id,
    )
    make.run(
        "insert into ratings (booking_id, provider_id, stars, comment, created_at)"
        " values (:booking, :chef, cast(:stars as int), :stars || ' stars', :at)",
        booking=booking,
        chef=chef.id,
        stars=str(stars),
        at=at,
    )


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_profile_shows_ten_own_ratings(db, make):
    chef, other, guest = make.chef(), make.chef(), make.customer()
    for day in range(1, 13):
        rate(make, chef, guest, 3, datetime(2026, 10, day, tzinfo=UTC))
    rate(make, other, guest, 1, datetime(2026, 11, 1, tzinfo=UTC))
    assert [one.stars for one in public(db, chef.id).ratings] == [3] * 10


def test_paused_chef_has_profile_unverified_has_none(db, make):
    assert public(db, make.chef(is_available=False).id).ratings == []
    deactivated = make.chef()
    make.run("update users set is_active = false where id = :id", id=deactivated.id)
    for user_id in (deactivated.id, make.chef(is_verified=False).id, make.customer().id, new_id()):
        with pytest.raises(ChefNotFound):
            public(db, user_id)


@pytest.mark.parametrize(
    "place", [{}, {"address_id": new_id(), "city": "Mumbai"}, {"address_id": new_id(), "pincode": "400050"}]
)
def test_search_needs_exactly_one_place(place):
    with pytest.raises(ValueError, match="address"):
        FreeChefsQuery(booking_date=date(2026, 11, 23), time_slot=time(12), **place)
