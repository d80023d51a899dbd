"""A rate card is a dated row: its stored amounts are charged, and missing ones have defaults."""

import json
from datetime import time
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lines.home_chef.rate_card import CANCELLATION_TERMS, RateCard

FIRST_ROW = import_module("infra.migrations.versions.0003_home_chef").TARIFF
NUMBERS = st.integers(0, 1_000_000)
HALF_HOURS = st.builds(time, st.integers(0, 23), st.sampled_from((0, 30)))
RATE_CARDS = st.builds(
    RateCard,
    peak_from=HALF_HOURS,
    peak_until=HALF_HOURS,
    **{name: NUMBERS for name in RateCard.__dataclass_fields__ if not name.startswith("peak_") or name == "peak_bp"},
)


@given(RATE_CARDS)
def test_a_rate_card_comes_back_from_its_row_as_it_was(card):
    assert RateCard.from_row(json.loads(json.dumps(card.to_row()))) == card


def test_the_first_row_is_the_rate_card_of_the_product():
    assert RateCard.from_row(FIRST_ROW["rates"]) == RateCard()
    assert FIRST_ROW["rates"] == RateCard().to_row()


def test_the_first_row_of_the_database_has_the_cancellation_terms_of_the_product():
    assert FIRST_ROW["cancellation"] == CANCELLATION_TERMS.to_row()
    assert [(tier.from_hours, tier.refund_bp) for tier in CANCELLATION_TERMS.tiers] == [
        (24, 10_000),
        (4, 5_000),
    ]


@pytest.mark.parametrize("missing", RateCard.__dataclass_fields__)
def test_a_row_written_before_a_number_existed_has_its_default(missing):
    row = {name: value for name, value in RateCard().to_row().items() if name != missing}
    assert RateCard.from_row(row) == RateCard()


def test_a_row_may_hold_a_number_this_code_does_not_know():
    assert RateCard.from_row({"gap_minutes": 45, "festival_bp": 1_000}) == RateCard(gap_minutes=45)
