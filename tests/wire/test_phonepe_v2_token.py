"""The access token of PhonePe v2: fetched once, shared through a real Redis, used until it expires."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from infra.phonepe.v2 import token as token_module
from infra.phonepe.v2.token import Credentials, CredentialsRefused, Token, Tokens
from infra.redis import UpstashRedis
from shared.payments.gateway import GatewayUnavailable
from tests.make import run_concurrently
from tests.phonepe_server import CREDENTIALS
from tests.redis_server import RedisServer

LIFE = 3_600


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def clock():
    """The instances' clock, which a test advances."""
    return [time.time()]


@pytest.fixture
def instance(server, phonepe, clock):
    """Return another instance's token cache; without `redis` it reaches none."""
    server.flush()
    with ExitStack() as stack:

        def make(*, redis=True, secret=CREDENTIALS[2]):
            store = stack.enter_context(
                closing(UpstashRedis(server.url if redis else "http://127.0.0.1:9", server.token))
            )
            return Tokens(phonepe.url, Credentials(*CREDENTIALS[:2], secret), store, lambda: clock[0])

        yield make


@pytest.fixture
def no_more(phonepe):
    """Make the token endpoint fail from now on."""
    return lambda: phonepe.fault("token.http_500", times=99)


def test_a_token_is_fetched_once_and_shared_with_every_instance(instance, no_more):
    value = instance().current().value
    no_more()
    assert [instance().current().value for _ in range(3)] == [value] * 3


def test_many_who_need_the_first_token_at_once_fetch_one(instance, phonepe):
    """Fails without the claim in Redis: each instance would fetch a token of its own."""
    crowd = iter([instance() for _ in range(4)] * 2)
    phonepe.fault("token.timeout", value=0.3)
    assert len({each.value for each in run_concurrently(8, lambda: next(crowd).current())}) == 1


def test_at_half_of_its_life_it_is_renewed(instance, clock):
    tokens = instance()
    first = tokens.current()
    clock[0] += LIFE / 2 - 5
    assert tokens.current() == first
    clock[0] += 10
    assert tokens.current().value != first.value
    assert instance().current() == tokens.current()


def test_while_the_token_endpoint_is_silent_the_old_token_is_used_until_its_end(instance, clock, no_more, phonepe):
    tokens = instance()
    first = tokens.current()
    no_more()
    clock[0] += LIFE / 2 + 5
    assert (tokens.current(), instance().current()) == (first, first)
    clock[0] = first.ends_at - 1
    assert tokens.current() == first
    clock[0] = first.ends_at
    with pytest.raises(GatewayUnavailable):
        tokens.current()
    phonepe.no_faults()
    phonepe.fault("token.short", value=2 * LIFE)  # an hour has not passed at the stand-in
    assert tokens.current().value != first.value


def test_without_redis_each_process_keeps_its_own(instance, no_more):
    one, other = instance(redis=False), instance(redis=False)
    assert one.current().value != other.current().value
    no_more()
    assert one.current() == one.current()


def test_a_rejected_token_is_replaced_and_whoever_has_another_already_is_asked_first(instance, no_more):
    one, other = instance(), instance()
    rejected = one.current()
    assert other.current() == rejected
    fresh = one.current(rejected)
    assert fresh.value != rejected.value
    no_more()
    assert other.current(rejected) == fresh
    with pytest.raises(GatewayUnavailable):
        one.current(fresh)


def test_an_instance_that_died_while_fetching_delays_others(instance, monkeypatch):
    monkeypatch.setattr(token_module, "WAIT_SECONDS", 0.3)
    tokens = instance()
    assert tokens._claim()
    assert instance().current().value


def test_wrong_credentials_are_reported(instance):
    with pytest.raises(CredentialsRefused) as refused:
        instance(secret="not-ours").current()
    assert refused.value.reason == "INVALID_CLIENT"


@pytest.mark.parametrize("written", ["", "x", "[]", "{}", '{"value": "v", "renew_at": null, "ends_at": 1}', None])
def test_what_is_no_token_in_redis_counts_as_none(written):
    assert Token.read(written) is None


def test_it_lies_in_redis_under_a_name_that_tells_nothing_and_goes_with_its_end(instance, server):
    instance().current()
    with closing(UpstashRedis(server.url, server.token)) as redis:
        [key] = redis.command("KEYS", "*")
        assert CREDENTIALS[0] not in key
        assert LIFE - 60 < redis.command("TTL", key) <= LIFE
