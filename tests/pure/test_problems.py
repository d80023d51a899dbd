"""Refusals become problem documents: they name the fields, and contain no internals."""

import json
from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from functions.web import problems
from shared.kit.errors import DependencyDown, Invalid, Refusal, Unauthorized
from shared.kit.schemas import Body, Query
from shared.lines.home_chef.schemas import BookingRequest


class Line(Body):
    count: int


class Order(Body):
    day: date
    lines: list[Line]


class Filter(Query):
    limit: int = 20


def invalid(model: type[BaseModel], raw: str, prefix=None):
    with pytest.raises(ValidationError) as error:
        model.model_validate_json(raw)
    return problems.invalid(error.value, prefix)


def fields(refusal):
    return [error["field"] for error in refusal.members["errors"]]


def test_every_wrong_field_is_named_by_its_path_also_inside_a_list():
    refusal = invalid(Order, '{"day":"x","lines":[{"count":1},{"count":"x","more":1}],"price":5}')
    assert fields(refusal) == ["day", "lines.1.count", "lines.1.more", "price"]
    assert (refusal.status, refusal.code) == (422, "invalid")
    assert refusal.detail == "Not valid: day, lines.1.count, lines.1.more, price."


def test_what_is_wrong_with_the_body_as_a_whole_is_of_the_body():
    refusal = invalid(BookingRequest, "{}")
    assert fields(refusal) == ["body"]
    assert refusal.members["errors"][0]["message"].endswith(
        "missing: address_id, booking_date, time_slot (or quote_id)"
    )
    assert fields(invalid(Order, "[]")) == ["body"]


def test_a_query_parameter_is_told_from_a_field():
    assert fields(invalid(Filter, '{"limit":"x"}', "query")) == ["query.limit"]
    assert fields(invalid(Filter, "[]", "query")) == ["query"]


def test_a_refusal_does_not_echo_input():
    refusal = invalid(Order, '{"day":"secret-word","lines":"secret-word"}')
    assert "secret-word" not in json.dumps(refusal.members) + refusal.detail


@pytest.mark.parametrize("raw", ["", "{", '{"day":', "not json", '{"day":"\\ud800"}'])
def test_a_body_that_is_no_json_is_said_to_be_none(raw):
    refusal = invalid(Order, raw)
    assert (refusal.status, refusal.code) == (400, "malformed_json")


def answered(raised):
    return problems.response_to(raised)


def test_a_refusal_is_a_problem_document_with_its_members():
    class Busy(Refusal):
        code, title = "busy", "Busy"

    answer = answered(Busy("He cooks elsewhere.", nearest=["12:00"]))
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Busy",
        "status": 409,
        "detail": "He cooks elsewhere.",
        "code": "busy",
        "nearest": ["12:00"],
    }


def test_a_refusal_says_when_to_come_back_and_how_to_sign_in():
    assert answered(DependencyDown("Later.", retry_after=7)).headers["Retry-After"] == "7"
    assert answered(Unauthorized("Who?")).headers["WWW-Authenticate"] == "Bearer"
    assert answered(Invalid("city", "is unknown")).get_json()["errors"] == [{"field": "city", "message": "is unknown"}]


def test_an_unexpected_error_reveals_nothing():
    answer = answered(RuntimeError("postgresql://booking:hunter2@db/booking"))
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.get_data(as_text=True)
    assert "RuntimeError" not in answer.get_data(as_text=True)
