"""A tariff is a dated row: what is stored is what is charged, and what is not stored has its default."""

import json
from datetime import time
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lines.home_chef.tariff import CANCELLATION_TERMS, Tariff

FIRST_ROW = import_module("infra.migrations.versions.0002_home_chef").TARIFF
NUMBERS = st.integers(0, 1_000_000)
HALF_HOURS = st.builds(time, st.integers(0, 23), st.sampled_from((0, 30)))
TARIFFS = st.builds(
    Tariff,
    peak_from=HALF_HOURS,
    peak_until=HALF_HOURS,
    **{name: NUMBERS for name in Tariff.__dataclass_fields__ if not name.startswith("peak_") or name == "peak_bp"},
)


@given(TARIFFS)
def test_a_tariff_comes_back_from_its_row_as_it_was(tariff):
    assert Tariff.from_row(json.loads(json.dumps(tariff.to_row()))) == tariff


def test_the_first_row_of_the_database_is_the_tariff_of_the_product():
    assert Tariff.from_row(FIRST_ROW["rates"]) == Tariff()
    assert FIRST_ROW["rates"] == Tariff().to_row()


def test_the_first_row_of_the_database_has_the_cancellation_terms_of_the_product():
    assert FIRST_ROW["cancellation"] == CANCELLATION_TERMS
    assert [(tier["from_hours"], tier["refund_bp"]) for tier in CANCELLATION_TERMS["tiers"]] == [
        (24, 10_000),
        (4, 5_000),
    ]


@pytest.mark.parametrize("missing", Tariff.__dataclass_fields__)
def test_a_row_written_before_a_number_existed_has_its_default(missing):
    row = {name: value for name, value in Tariff().to_row().items() if name != missing}
    assert Tariff.from_row(row) == Tariff()


def test_a_row_may_hold_a_number_this_code_does_not_know():
    assert Tariff.from_row({"gap_minutes": 45, "festival_bp": 1_000}) == Tariff(gap_minutes=45)
