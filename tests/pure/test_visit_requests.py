"""The request bodies of customers and chefs: the documented fields, a visit or its quote, and no price."""

import json
from datetime import date, time
from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.lines.home_chef.schemas import BookingRequest, ChefProfileChange, QuoteRequest, StatusChange
from shared.lines.home_chef.visit import VisitRequest
from shared.places.schemas import AddressChange, AddressRequest, ServiceabilityRequest
from shared.users.schemas import ProfileChange

HOME, QUOTE, CHEF = (UUID(int=number) for number in (1, 2, 3))
VISIT = {"address_id": str(HOME), "booking_date": "2026-11-23", "time_slot": "19:00"}
ADDRESS = {"full_address": "12 Hill Road", "city": "Mumbai", "pincode": "400050"}


def read(model, **fields):
    return model.model_validate_json(json.dumps(fields))


def refused(model, **fields):
    with pytest.raises(ValidationError) as refusal:
        read(model, **fields)
    return [".".join(map(str, error["loc"])) for error in refusal.value.errors()]


def test_a_visit_has_two_hours_and_two_guests_unless_it_says_otherwise():
    for model in (QuoteRequest, BookingRequest):
        visit = read(model, **VISIT)
        assert (visit.address_id, visit.booking_date, visit.time_slot) == (HOME, date(2026, 11, 23), time(19))
        assert (visit.duration_hours, visit.guest_count, visit.special_requests, visit.chef_id) == (2, 2, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration_hours", 0),
        ("duration_hours", 9),
        ("duration_hours", 1.5),
        ("duration_hours", "2"),
        ("guest_count", 0),
        ("guest_count", 21),
        ("guest_count", True),
        ("guest_count", None),
        ("time_slot", "19:15"),
        ("booking_date", "23-11-2026"),
        ("booking_date", "2026-11-23T00:00:00"),
        ("booking_date", "2026-02-30"),
        ("booking_date", 20_261_123),
        ("booking_date", "0001-01-01"),
        ("booking_date", "9999-12-31"),
        ("address_id", "home"),
        ("address_id", 1),
        ("chef_id", "any"),
        ("special_requests", ""),
        ("special_requests", "x" * 1_001),
        ("special_requests", "no\x00nuts"),
        ("total", 1),
        ("price", 1),
        ("breakdown", {}),
        ("customer_id", str(CHEF)),
    ],
)
def test_a_field_that_is_out_of_bounds_or_not_documented_is_refused_by_name(field, value):
    for model in (QuoteRequest, BookingRequest):
        assert refused(model, **(VISIT | {field: value})) == [field]


@pytest.mark.parametrize("day", ["2000-01-01", "2999-12-31"])
@pytest.mark.parametrize("at", ["00:00", "23:30"])
def test_the_instants_of_every_day_that_is_taken_can_be_counted(day, at):
    """Without the bounds 0001-01-01 and 9999-12-31 overflow: an internal error instead of a refusal."""
    wanted = VisitRequest.of(
        read(QuoteRequest, **(VISIT | {"booking_date": day, "time_slot": at, "duration_hours": 8}))
    )
    assert (wanted.ends_at - wanted.starts_at).total_seconds() == 8 * 3_600


@pytest.mark.parametrize("missing", VISIT)
def test_a_visit_without_where_or_when_is_refused_naming_what_is_missing(missing):
    rest = {name: value for name, value in VISIT.items() if name != missing}
    assert refused(QuoteRequest, **rest) == [missing]
    with pytest.raises(ValidationError, match=f"missing: {missing} "):
        read(BookingRequest, **rest)


def test_a_quote_names_the_visit_by_itself():
    booking = read(BookingRequest, quote_id=str(QUOTE))
    assert booking.quote_id == QUOTE
    assert booking.address_id is None


@pytest.mark.parametrize("field", [*VISIT, "duration_hours", "guest_count", "special_requests", "chef_id"])
def test_a_quote_beside_any_field_of_a_visit_is_refused_even_where_it_says_the_default(field):
    values = VISIT | {"duration_hours": 2, "guest_count": 2, "special_requests": None, "chef_id": None}
    with pytest.raises(ValidationError, match="send quote_id alone"):
        read(BookingRequest, quote_id=str(QUOTE), **{field: values[field]})


def test_neither_a_quote_nor_a_visit_is_refused():
    for empty in ({}, {"quote_id": None}):
        with pytest.raises(ValidationError, match="missing: address_id, booking_date, time_slot"):
            read(BookingRequest, **empty)


def test_a_booking_hands_its_visit_on_field_by_field():
    fields = VISIT | {"duration_hours": 3, "guest_count": 8, "special_requests": "No nuts", "chef_id": str(CHEF)}
    assert read(BookingRequest, **fields).visit() == read(QuoteRequest, **fields)


@pytest.mark.parametrize(("rate", "paise"), [(100, 10_000), (399, 39_900), (399.0, 39_900), (5_000, 500_000)])
def test_a_chefs_rate_is_whole_rupees(rate, paise):
    assert read(ChefProfileChange, hourly_rate=rate).rate == paise


@pytest.mark.parametrize("rate", [99, 5_001, 399.5, "399", True, None, -399, 0, 1e300])
def test_any_other_rate_is_refused(rate):
    assert refused(ChefProfileChange, hourly_rate=rate) == ["hourly_rate"]


@pytest.mark.parametrize("field", ["email", "is_verified", "rating", "total_bookings", "role"])
def test_nobody_changes_what_is_not_theirs_to_change(field):
    assert refused(ChefProfileChange, **{field: "x"}) == [field]
    assert refused(ProfileChange, **{field: "x"}) == [field]


def test_a_status_is_one_of_the_five_and_not_the_line_s_own_word():
    assert refused(StatusChange, status="paid") == ["status"]
    assert refused(StatusChange, status="Confirmed") == ["status"]


@pytest.mark.parametrize("model", [AddressRequest, AddressChange, ServiceabilityRequest])
def test_coordinates_come_together(model):
    rest = {"city": "Mumbai"} if model is ServiceabilityRequest else ADDRESS
    assert read(model, **rest, latitude=19, longitude=72.8).latitude == 19.0
    assert read(model, **rest, latitude=None, longitude=None).latitude is None
    for half in ({"latitude": 19.0}, {"longitude": 72.8}, {"latitude": 19.0, "longitude": None}, {"latitude": None}):
        with pytest.raises(ValidationError, match="together"):
            read(model, **rest, **half)


@pytest.mark.parametrize(
    ("field", "value"),
    [("latitude", 90.1), ("latitude", "19"), ("longitude", -180.1), ("longitude", 1e400), ("latitude", True)],
)
def test_coordinates_are_on_the_globe(field, value):
    assert field in refused(AddressRequest, **(ADDRESS | {"latitude": 1.0, "longitude": 1.0} | {field: value}))


@pytest.mark.parametrize("pincode", ["040050", "40005", "4000500", "40005a", 400_050, "400050\n", "४०००५०", ""])
def test_a_pincode_has_six_digits_and_no_leading_zero(pincode):
    assert refused(AddressRequest, **(ADDRESS | {"pincode": pincode})) == ["pincode"]
