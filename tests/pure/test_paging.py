"""Cursors decode to the encoded position; anything else is refused as an invalid query parameter."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import column

from shared.kit.errors import Invalid
from shared.kit.paging import PageQuery, Position, after, page_of

AT, ID = datetime(2026, 11, 20, 5, 0, 0, 123_456, tzinfo=UTC), UUID("11111111-1111-4111-8111-111111111111")
SECONDS = st.floats(-(10**10), 10**10)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
MOMENTS = st.builds(lambda seconds, zone: (AT + timedelta(seconds=seconds)).astimezone(zone), SECONDS, ZONES)


def written(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(MOMENTS, st.uuids())
def test_a_cursor_comes_back_to_the_microsecond_and_fits_the_query(at, row_id):
    cursor = Position(at, row_id).encode()
    assert Position.decode(cursor) == Position(at, row_id)
    assert PageQuery(cursor=cursor).cursor == cursor
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "\ud800",
        "not a cursor",
        written(b"\xff\xfe"),
        written(b"["),
        written(None),
        written(7),
        written("ab"),
        written([]),
        written({"at": 1, "id": 2}),
        written([AT.isoformat()]),
        written([AT.isoformat(), str(ID), "more"]),
        written([AT.isoformat(), 7]),
        written([AT.isoformat(), None]),
        written([AT.isoformat(), {}]),
        written([AT.isoformat(), "7"]),
        written([7, str(ID)]),
        written([None, str(ID)]),
        written(["yesterday", str(ID)]),
        written(["2026-11-20T05:00:00", str(ID)]),  # no zone: not a moment
        written(["0001-01-01T00:00:00+14:00", str(ID)]),  # before the first moment there is
        written(["9999-12-31T23:59:59-14:00", str(ID)]),
        written(b"[" * 140),
        written(b"[" * 9_000),
    ],
)
def test_what_is_no_cursor_is_refused_naming_the_parameter(cursor):
    with pytest.raises(Invalid) as refused:
        Position.decode(cursor)
    assert refused.value.members == {"errors": [{"field": "query.cursor", "message": "is not a cursor of this list"}]}


@given(st.text(max_size=200))
def test_no_text_makes_reading_a_cursor_fail_otherwise(text):
    with pytest.raises(Invalid):
        Position.decode(text)


@given(st.binary(max_size=140))
def test_no_bytes_make_reading_a_cursor_fail_otherwise(raw):
    with pytest.raises(Invalid):
        Position.decode(written(raw))


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"limit": "-1"}, {"page": "2"}])
def test_a_page_has_one_to_a_hundred_rows_and_knows_no_other_parameter(query):
    with pytest.raises(ValidationError):
        PageQuery.model_validate(query)


def test_a_page_has_twenty_rows_unless_asked_for_others_and_a_cursor_is_short():
    assert PageQuery.model_validate({}).limit == 20
    assert PageQuery.model_validate({"limit": "100"}).limit == 100
    with pytest.raises(ValidationError):
        PageQuery.model_validate({"cursor": "x" * 201})


def test_the_first_page_has_no_condition_and_the_next_begins_behind_the_cursor():
    assert after(PageQuery(), column("at"), column("id")) == []
    (condition,) = after(PageQuery(cursor=Position(AT, ID).encode()), column("at"), column("id"))
    assert str(condition) == "(at, id) < (:param_1, :param_2)"
    with pytest.raises(Invalid):
        after(PageQuery(cursor="x"), column("at"), column("id"))


@pytest.mark.parametrize(("found", "shown", "more"), [(0, 0, False), (2, 2, False), (3, 3, False), (4, 3, True)])
def test_a_page_names_the_next_one_only_where_there_is_one(found, shown, more):
    rows = [Position(AT - timedelta(minutes=minute), uuid4()) for minute in range(found)]
    page, cursor = page_of(rows, 3, lambda row: row)
    assert page == rows[:shown]
    assert cursor == (rows[2].encode() if more else None)
