"""One-time codes in a real Redis through the real client: exact limits, five tries, no readable secret."""

from collections.abc import Iterator

import pytest

from infra.local.resp import RedisConnection
from infra.redis import UpstashRedis
from shared.kit.settings import Keys
from shared.kit.store import StoreUnavailable
from shared.sign_in.limits import Client
from shared.sign_in.otp import OneTimeCodes, OtpInvalid, OtpLimited
from tests.make import run_concurrently
from tests.redis_server import RedisServer

EMAIL, OTHER = "meera@test.example", "ravi@test.example"
HOME, OFFICE, IPV6 = Client.at("203.0.113.7"), Client.at("198.51.100.9"), Client.at("2001:db8:1:2::3")
DAY, HOUR = 86_400, 3_600


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(server) -> Iterator["RedisInspector"]:
    server.flush()
    inspector = RedisInspector(server.redis.port)
    yield inspector
    inspector.close()


@pytest.fixture
def store(server: RedisServer, redis: "RedisInspector") -> Iterator[UpstashRedis]:  # noqa: ARG001 - emptied before use
    store = UpstashRedis(server.url, server.token, (1.0, 10.0))
    yield store
    store.close()


@pytest.fixture
def codes(store) -> OneTimeCodes:
    return OneTimeCodes(store, Keys({"1": "a-key-of-the-tests"}), 300, 300)


class RedisInspector:
    """Redis with an administrator's access."""

    def __init__(self, port: int) -> None:
        self._connection = RedisConnection(port)
        self.close = self._connection.close

    def execute(self, *parts: str | int | bytes):
        [answer] = self._connection.execute(
            [[str(part).encode() if not isinstance(part, bytes) else part for part in parts]]
        )
        return answer

    def names(self, pattern: str = "*") -> list[str]:
        return sorted(key.decode() for key in self.execute("KEYS", pattern))

    def lives(self) -> dict[str, int]:
        """Return the remaining seconds of each kind of key, rounded up."""
        return {key.split(":")[1]: -(-self.execute("PTTL", key) // 1000) for key in self.names()}

    def pass_time(self, pattern: str) -> None:
        """Expire the keys with these names."""
        for key in self.names(pattern):
            self.execute("DEL", key)

    def dump(self) -> str:
        values = []
        for key in self.names():
            kind = self.execute("TYPE", key)
            values.append((key, self.execute("HGETALL", key) if kind == b"hash" else self.execute("GET", key)))
        return repr(values)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def verify(codes, code, identifier=EMAIL, client=HOME, *, known=False):
    try:
        codes.verify(identifier, code, client, known=known)
    except OtpInvalid:
        return "invalid"
    return "accepted"


def sends(codes, redis, count):
    """Send that many codes, half a minute apart."""
    for _ in range(count):
        codes.issue(EMAIL, HOME, known=False)
        redis.pass_time("otp:send30:*")


def test_code_has_six_digits_and_works_once(codes, redis):
    code = codes.issue(EMAIL, HOME, known=False)
    assert len(code) == sum(map(str.isdecimal, code)) == 6
    assert [verify(codes, code), verify(codes, code)] == ["accepted", "invalid"]
    assert redis.names("otp:failed-day:*") == []


def test_code_is_valid_only_for_its_identifier(codes):
    code = codes.issue(EMAIL, HOME, known=False)
    assert verify(codes, code, OTHER) == "invalid"
    assert verify(codes, code, client=OFFICE) == "accepted"  # the mail may be read on another network


def test_code_expires_after_five_minutes(codes, redis):
    code = codes.issue(EMAIL, HOME, known=False)
    assert redis.lives()["code"] == 300
    redis.pass_time("otp:code:*")
    assert verify(codes, code) == "invalid"


def test_new_code_invalidates_previous(codes, redis):
    first = codes.issue(EMAIL, HOME, known=False)
    redis.pass_time("otp:send30:*")
    second = codes.issue(EMAIL, HOME, known=False)
    assert first == second or verify(codes, first) == "invalid"
    assert verify(codes, second) == "accepted"


def test_correct_code_is_refused_after_five_tries(codes):
    code = codes.issue(EMAIL, HOME, known=False)
    assert [verify(codes, wrong(code)) for _ in range(5)] == ["invalid"] * 5
    assert verify(codes, code) == "invalid"


def test_fifth_try_may_succeed(codes):
    code = codes.issue(EMAIL, HOME, known=False)
    assert [verify(codes, wrong(code)) for _ in range(4)] == ["invalid"] * 4
    assert verify(codes, code) == "accepted"


def test_fifty_concurrent_wrong_codes_count_five_tries(codes, redis):
    code = codes.issue(EMAIL, HOME, known=False)
    outcomes = run_concurrently(50, lambda: verify(codes, wrong(code)))
    assert set(outcomes) == {"invalid"}
    [key] = redis.names("otp:code:*")
    assert redis.execute("HGET", key, "tries") == b"5"
    [failed] = redis.names("otp:failed-day:*")
    assert redis.execute("GET", failed) == b"5"
    assert verify(codes, code) == "invalid"


def test_concurrent_correct_codes_succeed_once(codes):
    code = codes.issue(EMAIL, HOME, known=False)
    outcomes = run_concurrently(10, lambda: verify(codes, code))
    assert sorted(outcomes) == ["accepted"] + ["invalid"] * 9


def test_concurrent_sends_send_one_code(codes):
    outcomes = run_concurrently(10, lambda: codes.issue(EMAIL, HOME, known=False))
    refused = [outcome for outcome in outcomes if isinstance(outcome, OtpLimited)]
    assert len(refused) == 9
    [code] = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert verify(codes, code) == "accepted"


def test_one_code_per_thirty_seconds(codes, redis):
    codes.issue(EMAIL, HOME, known=False)
    assert redis.lives()["send30"] == 30
    with pytest.raises(OtpLimited) as refused:
        codes.issue(EMAIL, HOME, known=False)
    assert (refused.value.status, refused.value.code) == (429, "otp_limited")
    assert 28 <= refused.value.retry_after <= 30
    assert codes.issue(OTHER, HOME, known=False)
    assert codes.issue(EMAIL, OFFICE, known=False)


def test_refused_send_keeps_existing_code(codes):
    code = codes.issue(EMAIL, HOME, known=False)
    with pytest.raises(OtpLimited):
        codes.issue(EMAIL, HOME, known=False)
    assert verify(codes, code) == "accepted"


def test_five_codes_per_five_minutes(codes, redis):
    sends(codes, redis, 5)
    assert redis.lives()["send300"] == 300
    with pytest.raises(OtpLimited) as refused:
        codes.issue(EMAIL, HOME, known=False)
    assert 290 <= refused.value.retry_after <= 300
    redis.pass_time("otp:send300:*")
    assert codes.issue(EMAIL, HOME, known=False)


@pytest.mark.parametrize("known", [False, True])
def test_daily_send_limit_does_not_apply_to_known_device(codes, redis, known):
    for number in range(30):
        client = Client.at(f"192.0.2.{number}")
        codes.issue(EMAIL, client, known=False)
    assert redis.lives()["send-day"] == DAY
    if known:
        assert codes.issue(EMAIL, HOME, known=True)
    else:
        with pytest.raises(OtpLimited) as refused:
            codes.issue(EMAIL, HOME, known=False)
        assert refused.value.retry_after > 86_000


@pytest.mark.parametrize("known", [False, True])
def test_daily_failure_lock_does_not_apply_to_known_device(codes, redis, known):
    for number in range(6):
        code = codes.issue(EMAIL, Client.at(f"192.0.2.{number}"), known=False)
        for _ in range(5):
            assert verify(codes, wrong(code), client=OFFICE) == "invalid"
    assert redis.lives()["failed-day"] == DAY
    code = codes.issue(EMAIL, HOME, known=known)
    if known:
        assert verify(codes, code, known=True) == "accepted"
    else:
        with pytest.raises(OtpLimited):
            codes.verify(EMAIL, code, HOME, known=False)


@pytest.mark.parametrize(("client", "count"), [(HOME, 300), (IPV6, 20)], ids=["IPv4", "IPv6"])
def test_network_has_hourly_send_limit(codes, redis, client, count):
    codes.issue(EMAIL, client, known=False)
    [key] = redis.names("otp:send-ip:*")
    assert redis.lives()["send-ip"] == HOUR
    redis.execute("SET", key, count - 1, "KEEPTTL")
    assert codes.issue("one@test.example", client, known=False)
    with pytest.raises(OtpLimited):
        codes.issue("two@test.example", client, known=True)
    assert codes.issue("two@test.example", OFFICE, known=False)


@pytest.mark.parametrize(("client", "count"), [(HOME, 900), (IPV6, 60)], ids=["IPv4", "IPv6"])
def test_network_has_hourly_limit_on_all_tries(codes, redis, client, count):
    code = codes.issue(EMAIL, client, known=False)
    verify(codes, wrong(code), client=client)
    [key] = redis.names("otp:verify-ip:*")
    assert redis.lives()["verify-ip"] == HOUR
    redis.execute("SET", key, count - 1, "KEEPTTL")
    assert verify(codes, code, client=client) == "accepted"
    with pytest.raises(OtpLimited):
        codes.verify(EMAIL, code, client, known=True)


def test_ipv6_household_is_one_network_mapped_ipv4_is_ipv4(codes):
    codes.issue(EMAIL, IPV6, known=False)
    with pytest.raises(OtpLimited):
        codes.issue(EMAIL, Client.at("2001:db8:1:2:ffff::1"), known=False)
    assert codes.issue(EMAIL, Client.at("2001:db8:1:3::3"), known=False)
    codes.issue(EMAIL, HOME, known=False)
    with pytest.raises(OtpLimited):
        codes.issue(EMAIL, Client.at("::ffff:203.0.113.7"), known=False)


def test_counter_never_outlives_its_window(codes, redis):
    """A window begins with the first use: a counter extended by each use would never expire."""
    sends(codes, redis, 2)
    assert [redis.execute("PTTL", key) > 0 for key in redis.names()] == [True] * len(redis.names())
    [key] = redis.names("otp:send300:*")
    redis.execute("PEXPIRE", key, 100_000)
    codes.issue(EMAIL, HOME, known=False)
    assert redis.execute("PTTL", key) <= 100_000


def test_store_has_no_plain_code_address_or_key(codes, redis):
    """Fails with a plain network address in a counter's name: it would reveal where a person signs in."""
    code = codes.issue(EMAIL, HOME, known=False)
    codes.issue(OTHER, IPV6, known=False)
    verify(codes, wrong(code))
    dump = redis.dump()
    for secret in (code, wrong(code), EMAIL, "meera", "a-key-of-the-tests", HOME.network, IPV6.network):
        assert secret not in dump


def test_code_and_limits_survive_key_rotation(store, codes):
    code = codes.issue(EMAIL, HOME, known=False)
    rotated = OneTimeCodes(store, Keys({"2": "a-new-key", "1": "a-key-of-the-tests"}), 300, 300)
    with pytest.raises(OtpLimited):
        rotated.issue(EMAIL, HOME, known=False)
    assert verify(rotated, code) == "accepted"


def test_global_rate_logs_alarm_once_a_minute(store, redis, caplog):
    codes = OneTimeCodes(store, Keys({"1": "a-key"}), 300, 3)
    for number in range(5):
        codes.issue(f"person{number}@test.example", HOME, known=False)
    alarms = [record for record in caplog.records if getattr(record, "fields", {}).get("alarm") == "otp_rate"]
    assert len(alarms) == 1
    assert redis.lives()["rate"] == 60


def test_without_store_no_code_is_sent_or_accepted():
    with RedisServer() as server:
        url, token = server.url, server.token
    store = UpstashRedis(url, token)
    codes = OneTimeCodes(store, Keys({"1": "a-key"}), 300, 300)
    with pytest.raises(StoreUnavailable) as refused:
        codes.issue(EMAIL, HOME, known=False)
    assert refused.value.status == 503
    with pytest.raises(StoreUnavailable):
        codes.verify(EMAIL, "123456", HOME, known=True)
    store.close()
