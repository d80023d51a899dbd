"""The price of a visit, against the worked examples and an independent reference (docs/product.md#price)."""

from datetime import time
from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import pytest

from shared.lines.home_chef.pricing import Breakdown, earning, quote
from shared.lines.home_chef.rate_card import RateCard

CARD = RateCard()
RATES, HOURS = range(100, 5_001), range(1, 9)
LUNCH, EVE_OF_PEAK, PEAK, LAST_OF_PEAK, AFTER_PEAK = time(12), time(17, 30), time(18), time(20, 30), time(21)
PAISA = Decimal("0.01")

LINES = (
    "base",
    "guest_surcharge",
    "peak_premium",
    "subtotal",
    "platform_fee",
    "gst_service",
    "gst_fee",
    "gst",
    "total",
)
# rate, hours, guests, start, and every line in paise
GOLDEN = {
    "basic lunch": (399, 2, 4, time(12), (79_800, 0, 0, 79_800, 3_990, 3_990, 200, 4_190, 87_980)),
    "dinner party": (399, 3, 8, time(19), (119_700, 58_800, 35_700, 214_200, 10_710, 10_710, 536, 11_246, 236_156)),
    "small dinner": (399, 2, 2, time(20), (79_800, 0, 15_960, 95_760, 4_788, 4_788, 239, 5_027, 105_575)),
    "big gathering": (599, 4, 15, time(13), (239_600, 215_600, 0, 455_200, 22_760, 22_760, 1_138, 23_898, 501_858)),
    "half-even would say 116.86": (106, 1, 4, time(12), (10_600, 0, 0, 10_600, 530, 530, 27, 557, 11_687)),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_worked_example_comes_out_line_by_line(name):
    rate, hours, guests, starts, lines = GOLDEN[name]
    breakdown = quote(rate * 100, hours, guests, starts, CARD)
    assert tuple(getattr(breakdown, line) for line in LINES) == lines


def reference(rate, hours, guests, starts):
    """The price in rupees from the product's sentences: decimals, each line quantised, GST as one line of the sum."""

    def line(amount):
        return amount.quantize(PAISA, ROUND_HALF_UP)

    before_peak = Decimal(rate * hours + (max(guests, 4) - 4) * 49 * hours)
    peak = Decimal("1.20") if 18 <= starts.hour < 21 else Decimal(1)
    subtotal = line(before_peak * peak)
    fee = line(subtotal * Decimal("0.05"))
    gst = line((subtotal + fee) * Decimal("0.05"))
    return subtotal, fee, gst, subtotal + fee + gst


@pytest.mark.parametrize(
    ("guests", "starts"), [(4, LUNCH), (5, EVE_OF_PEAK), (4, PEAK), (20, LAST_OF_PEAK), (5, AFTER_PEAK)]
)
def test_every_rate_and_length_costs_what_the_reference_says(guests, starts):
    for rate, hours in product(RATES, HOURS):
        price = quote(rate * 100, hours, guests, starts, CARD)
        ours = (price.subtotal, price.platform_fee, price.gst, price.total)
        theirs = tuple(int(amount * 100) for amount in reference(rate, hours, guests, starts))
        assert ours == theirs, (rate, hours)


def test_every_party_and_half_hour_costs_what_the_reference_says():
    starts = [time(hour, minute) for hour in range(24) for minute in (0, 30)]
    for rate, hours, guests, at in product((100, 399, 5_000), HOURS, range(1, 21), starts):
        price = quote(rate * 100, hours, guests, at, CARD)
        assert price.total == int(reference(rate, hours, guests, at)[3] * 100), (rate, hours, guests, at)


@pytest.mark.parametrize(
    ("starts", "premium"),
    [(time(17, 59), 0), (time(18), 15_960), (time(20, 30), 15_960), (time(20, 59), 15_960), (time(21), 0)],
)
def test_the_peak_begins_at_six_and_is_over_at_nine(starts, premium):
    assert quote(399_00, 2, 2, starts, CARD).peak_premium == premium


@pytest.mark.parametrize(("guests", "surcharge"), [(1, 0), (4, 0), (5, 9_800), (6, 19_600), (20, 156_800)])
def test_the_fifth_guest_is_the_first_who_costs_more(guests, surcharge):
    assert quote(399_00, 2, guests, LUNCH, CARD).guest_surcharge == surcharge


def test_the_total_is_the_sum_of_the_lines_and_the_two_halves_of_the_tax_are_the_tax():
    for rate in RATES:
        price = quote(rate * 100, 3, 7, PEAK, CARD)
        assert price.total == sum(price.to_row().values())
        assert (price.cgst, price.sgst) == (price.gst // 2, price.gst - price.gst // 2)


def test_an_odd_paisa_of_the_tax_goes_to_the_state():
    price = quote(106_00, 1, 4, LUNCH, CARD)
    assert (price.gst, price.cgst, price.sgst) == (557, 278, 279)


def test_a_stored_breakdown_comes_back_as_it_was():
    price = quote(399_00, 3, 8, time(19), CARD)
    assert Breakdown(**price.to_row()) == price


def test_every_number_of_the_rate_card_is_used():
    odd = RateCard(
        included_guests=2,
        guest_surcharge=1_000,
        peak_from=time(6),
        peak_until=time(7),
        peak_bp=10_000,
        platform_fee_bp=1_000,
        gst_service_bp=1_800,
        gst_fee_bp=2_800,
    )
    price = quote(100_00, 1, 3, time(6), odd)
    assert price == Breakdown(
        base=10_000, guest_surcharge=1_000, peak_premium=11_000, platform_fee=2_200, gst_service=3_960, gst_fee=616
    )


def test_the_chef_earns_the_whole_subtotal_less_the_commission():
    assert earning(95_760, CARD) == 95_760
    assert earning(95_760, RateCard(commission_bp=1_000)) == 86_184
    assert earning(105, RateCard(commission_bp=1_000)) == 94  # the commission of 10.5 paise is 11
