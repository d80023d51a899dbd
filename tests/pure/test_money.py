"""Money is int paise, rounded half-up, and no paisa appears or is lost."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.money import apportion, format_rupees, half_up, paise, rupees, share

AMOUNTS = st.integers(0, 10**13)
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**9), min_size=1).filter(
    lambda weights: sum(weights.values()) > 0
)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(0, 1, 0), (1, 2, 1), (3, 2, 2), (5, 2, 3), (49, 100, 0), (50, 100, 1), (149, 100, 1), (150, 100, 2), (7, 3, 2)],
)
def test_a_half_goes_up_also_where_bankers_would_go_to_the_even_one(numerator, denominator, rounded):
    assert half_up(numerator, denominator) == rounded


@given(AMOUNTS, st.integers(1, 10**6))
def test_half_up_is_what_decimal_calls_half_up(numerator, denominator):
    exact = Decimal(numerator) / Decimal(denominator)
    assert half_up(numerator, denominator) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (1, 0), (1, -2)])
def test_half_up_takes_no_negative_amount(numerator, denominator):
    with pytest.raises(ValueError, match="not negative"):
        half_up(numerator, denominator)


@pytest.mark.parametrize(
    ("amount", "basis_points", "part"), [(530, 500, 27), (10_600, 500, 530), (1, 5_000, 1), (1, 4_999, 0), (7, 0, 0)]
)
def test_a_share_is_counted_in_hundredths_of_a_percent(amount, basis_points, part):
    assert share(amount, basis_points) == part


@given(AMOUNTS, WEIGHTS)
def test_the_parts_of_an_amount_sum_to_it_and_each_is_within_a_paisa_of_its_due(total, weights):
    parts = apportion(total, weights)
    assert sum(parts.values()) == total
    assert parts.keys() == weights.keys()
    whole = sum(weights.values())
    for name, weight in weights.items():
        assert total * weight // whole <= parts[name] <= total * weight // whole + 1


@given(AMOUNTS, WEIGHTS)
def test_who_has_no_weight_gets_nothing(total, weights):
    assert apportion(total, weights | {"nobody": 0})["nobody"] == 0


def test_the_paisa_that_is_left_goes_to_the_largest_remainder_and_a_tie_to_the_first():
    assert apportion(100, {"a": 1, "b": 2}) == {"a": 33, "b": 67}
    assert apportion(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert apportion(1, {"z": 1, "a": 1}) == {"z": 1, "a": 0}


@pytest.mark.parametrize(("total", "weights"), [(-1, {"a": 1}), (1, {}), (1, {"a": 0})])
def test_nothing_is_split_over_nobody(total, weights):
    with pytest.raises(ValueError, match="split over weights"):
        apportion(total, weights)


@given(st.integers(-(10**15), 10**15))
def test_rupees_and_paise_are_each_others_way_back(amount):
    assert paise(rupees(amount)) == amount
    assert rupees(amount).as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("text", "amount"), [("0", 0), ("0.01", 1), ("8.35", 835), ("2361.56", 236_156), ("1E2", 10_000)]
)
def test_rupees_are_read_to_the_paisa(text, amount):
    """8.35 × 100 is 834.999… in floats, which is how paise get lost."""
    assert paise(Decimal(text)) == amount


@pytest.mark.parametrize("text", ["0.001", "1.005", "2361.561"])
def test_a_third_place_is_refused_not_rounded(text):
    with pytest.raises(ValueError, match="two places"):
        paise(Decimal(text))


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (99_999, "₹999.99"),
        (100_000, "₹1,000.00"),
        (236_156, "₹2,361.56"),
        (99_999_99, "₹99,999.99"),
        (1_00_000_00, "₹1,00,000.00"),
        (1_00_00_000_00, "₹1,00,00,000.00"),
        (12_34_56_78_901_23, "₹12,34,56,78,901.23"),
        (-5, "-₹0.05"),
        (-100_000, "-₹1,000.00"),
    ],
)
def test_an_amount_is_written_as_it_is_read_in_india(amount, words):
    assert format_rupees(amount) == words


@given(st.integers(-(10**15), 10**15))
def test_the_written_amount_loses_nothing(amount):
    assert Decimal(format_rupees(amount).replace("₹", "").replace(",", "")) == rupees(amount)
