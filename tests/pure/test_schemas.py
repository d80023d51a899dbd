"""The field types of requests: strict, bounded, exact."""

import json
from datetime import time
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from shared.kit.schemas import Body, Query, Rupees, RupeesIn, Text, TimeSlot, View, Whole


class Sample(Body):
    count: Annotated[int, Field(ge=1, le=8), Whole] = 2
    text: Text(2, 5) | None = None
    at: TimeSlot | None = None
    amount: RupeesIn | None = None


def read(**fields):
    return Sample.model_validate_json(json.dumps(fields))


def refused(raw):
    with pytest.raises(ValidationError) as refusal:
        Sample.model_validate_json(raw)
    return [".".join(map(str, error["loc"])) for error in refusal.value.errors()]


@pytest.mark.parametrize("written", ["5", "5.0", "5e0", "50e-1"])
def test_a_whole_number_may_be_written_as_any_json_number(written):
    found = Sample.model_validate_json(f'{{"count":{written}}}').count
    assert found == 5
    assert type(found) is int


@pytest.mark.parametrize(
    "written", ['"5"', "true", "false", "null", "5.5", "[5]", "{}", "1e400", "-1", "0", "9", "1e300"]
)
def test_what_is_no_whole_number_in_range_is_refused(written):
    assert refused(f'{{"count":{written}}}') == ["count"]


def test_nan_is_no_number():
    assert refused('{"count":NaN}') == ["count"]


def test_a_text_is_trimmed_before_it_is_measured():
    assert read(text="  abc \n").text == "abc"
    assert read(text=" " * 99 + "ab").text == "ab"


@pytest.mark.parametrize("text", ["", "a", " a ", "      ", "abcdef", "a\x00b", "\x00\x00", 5, True, ["ab"]])
def test_a_text_that_is_too_short_too_long_or_no_text_is_refused(text):
    """Postgres stores no NUL: without the rule it is an internal error."""
    assert refused(json.dumps({"text": text})) == ["text"]


@pytest.mark.parametrize("text", ["नमस्ते"[:5], "👨‍🍳ok", "a\nb", "<b>"])
def test_a_text_is_of_any_language(text):
    assert read(text=text).text == text


def test_half_a_surrogate_pair_is_not_taken():
    """It cannot be written as UTF-8, and so neither stored nor logged."""
    refused('{"text":"ab\\ud800"}')
    refused(b'{"text":"ab\xed\xa0\x80"}')
    with pytest.raises(ValidationError):
        Sample.model_validate({"text": "ab\ud800"})


@pytest.mark.parametrize("unknown", ["price", "Count", "count ", "", "__class__"])
def test_an_unknown_field_is_refused_by_its_name(unknown):
    assert refused(json.dumps({unknown: 1})) == [unknown]


def test_an_unknown_query_parameter_is_refused_and_a_known_one_is_read_from_text():
    class Filter(Query):
        limit: int = 20

    assert Filter.model_validate({"limit": "7"}).limit == 7
    with pytest.raises(ValidationError):
        Filter.model_validate({"offset": "7"})


@pytest.mark.parametrize("raw", ["null", "[]", '"x"', "7", "true"])
def test_a_body_is_an_object(raw):
    assert refused(raw) == [""]


@pytest.mark.parametrize("raw", ["", "{", "{'count':1}", '{"count":1,}', '{"count":1}x', "[" * 100_000])
def test_a_body_that_is_no_json_is_refused_and_not_a_failure(raw):
    assert refused(raw) == [""]


@pytest.mark.parametrize("slot", ["00:00", "09:30", "19:00", "23:30"])
def test_a_time_slot_is_on_the_half_hour_and_is_answered_as_it_was_sent(slot):
    sample = read(at=slot)
    assert sample.at == time.fromisoformat(slot)
    assert sample.model_dump(mode="json")["at"] == slot


@pytest.mark.parametrize(
    "slot",
    [
        "24:00",
        "19:15",
        "9:30",
        "19:00:00",
        "19:00Z",
        "19:00+05:30",
        "1900",
        "19.00",
        "",
        " 19:00",
        "19:00\n",
        "١٩:٠٠",
        19,
        68_400,
    ],
)
def test_any_other_time_is_refused(slot):
    assert refused(json.dumps({"at": slot})) == ["at"]


@pytest.mark.parametrize(
    ("rupees", "paise"),
    [
        ("0", 0),
        ("0.01", 1),
        ("0.1", 10),
        ("8.35", 835),
        ("2361.56", 236_156),
        ("1e2", 10_000),
        ("1E-2", 1),
        ("1e10", 10**12),
    ],
)
def test_an_amount_arrives_in_rupees_and_is_kept_in_paise(rupees, paise):
    """8.35 × 100 is 834.999… in floats."""
    assert Sample.model_validate_json(f'{{"amount":{rupees}}}').amount == paise


@pytest.mark.parametrize(
    "rupees",
    ["0.001", "1.005", "2361.561", "-0.01", "-1", "10000000000.01", "1e300", "1e400", "NaN", '"5"', "true", "[]", "{}"],
)
def test_an_amount_with_a_third_place_out_of_range_or_no_number_is_refused(rupees):
    assert refused(f'{{"amount":{rupees}}}') == ["amount"]


@given(st.integers(0, 10**12))
def test_every_amount_goes_out_and_comes_in_again_as_it_was(paise):
    class Price(View):
        total: Rupees

    sent = Price(total=paise).model_dump_json()
    assert json.loads(sent, parse_float=Decimal, parse_int=Decimal)["total"] == Decimal(paise).scaleb(-2)
    assert TypeAdapter(RupeesIn).validate_json(sent.partition(":")[2][:-1]) == paise


def test_an_amount_leaves_as_the_number_a_person_would_write():
    class Price(View):
        total: Rupees

    shown = [Price(total=paise).model_dump_json() for paise in (236_156, 87_980, 10_000)]
    assert shown == ['{"total":2361.56}', '{"total":879.8}', '{"total":100.0}']


def test_what_was_read_cannot_be_changed():
    with pytest.raises(ValidationError):
        read(count=2).count = 3
