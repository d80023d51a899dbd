"""The client address of a request, and the limits of sign-in codes per client (docs/product.md#limits)."""

import pytest

from shared.sign_in.limits import Client, Limit, send_limits, verify_limits

HOME, FLAT = Client.at("203.0.113.7"), Client.at("2001:db8:1:2:aaaa::1")


@pytest.mark.parametrize(
    "address", ["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "0:0:0:0:0:ffff:cb00:7107"]
)
def test_an_ipv4_address_is_itself_also_when_it_comes_mapped(address):
    assert Client.at(address) == Client("203.0.113.7", is_ipv6=False)


@pytest.mark.parametrize(
    "address",
    ["2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:0DB8:0001:0002:0:0:0:1", "2001:db8:1:2::7%eth0"],
)
def test_all_addresses_of_one_ipv6_household_are_one_client(address):
    assert Client.at(address) == FLAT
    assert FLAT.is_ipv6


def test_the_next_household_is_another_client():
    assert Client.at("2001:db8:1:3::1") != FLAT
    assert Client.at("203.0.113.8") != HOME


@pytest.mark.parametrize(
    "garbage", ["", "unknown", "203.0.113", "203.0.113.7:443", "[2001:db8::1]", "203.0.113.256", "1e3", "a" * 999, "é"]
)
def test_what_is_no_address_shares_one_bucket_and_breaks_nothing(garbage):
    assert Client.at(garbage) == Client("unknown", is_ipv6=False)


def test_no_two_kinds_of_client_share_a_counter():
    assert len({Client.at(address).network for address in ("0.0.0.1", "::1", "0:0:0:1::", "x")}) == 4


def limits(found):
    return [(limit.count, limit.seconds) for limit in found]


def test_codes_are_sent_once_in_30_s_and_five_times_in_5_min_and_within_the_ceilings():
    assert limits(send_limits("n", HOME, known=False)) == [(1, 30), (5, 300), (300, 3_600), (30, 86_400)]
    assert limits(send_limits("n", FLAT, known=False)) == [(1, 30), (5, 300), (20, 3_600), (30, 86_400)]


def test_codes_are_tried_within_the_ceilings():
    assert limits(verify_limits("n", HOME, known=False)) == [(900, 3_600), (30, 86_400)]
    assert limits(verify_limits("n", FLAT, known=False)) == [(60, 3_600), (30, 86_400)]


def test_the_days_ceiling_does_not_bind_who_is_known():
    """A stranger may exhaust it, and must not lock its owner out."""
    assert limits(send_limits("n", HOME, known=True)) == [(1, 30), (5, 300), (300, 3_600)]
    assert limits(verify_limits("n", HOME, known=True)) == [(900, 3_600)]


def shared_by(make, *calls):
    return set.intersection(*({limit.key for limit in make(*call, known=False)} for call in calls))


def test_short_limits_are_per_identifier_and_client_and_the_others_per_one_of_them():
    """Otherwise an attacker elsewhere could block a user's sign-in codes."""
    elsewhere = shared_by(send_limits, ("n", HOME), ("n", FLAT))
    assert {key.split(":")[1] for key in elsewhere} == {"send-day"}
    other_identifier = shared_by(send_limits, ("n", HOME), ("m", HOME))
    assert {key.split(":")[1] for key in other_identifier} == {"send-ip"}
    assert {key.split(":")[1] for key in shared_by(verify_limits, ("n", HOME), ("n", FLAT))} == {"failed-day"}
    assert {key.split(":")[1] for key in shared_by(verify_limits, ("n", HOME), ("m", HOME))} == {"verify-ip"}


def test_sending_and_trying_are_counted_apart():
    send, verify = send_limits("n", HOME, known=False), verify_limits("n", HOME, known=False)
    keys = [limit.key for limit in (*send, *verify)]
    assert len(set(keys)) == len(keys)
    assert all(isinstance(limit, Limit) for limit in (*send, *verify))
