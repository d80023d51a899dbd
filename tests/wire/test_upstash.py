"""Our Redis client, compared with the official one over the same REST API."""

from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import upstash_redis
from upstash_redis.errors import UpstashError

from infra.outside import CalledInsideTransaction, transaction_open
from infra.redis import UpstashRedis
from shared.kit.store import StoreError, StoreUnavailable
from tests.redis_server import RedisServer

COUNT = "local n = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], ARGV[1]) return n"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def redis(server: RedisServer) -> Iterator[RedisServer]:
    server.flush()
    return server


@pytest.fixture
def ours(redis: RedisServer) -> Iterator[UpstashRedis]:
    client = UpstashRedis(redis.url, redis.token)
    yield client
    client.close()


@pytest.fixture
def theirs(redis: RedisServer) -> Iterator[upstash_redis.Redis]:
    with upstash_redis.Redis(redis.url, redis.token, rest_retries=0) as client:
        yield client


COMMANDS = [
    ["GET", "nothing"],
    ["SET", "k", "v", "EX", 10],
    ["GET", "k"],
    ["TTL", "k"],
    ["SET", "k", "other", "NX"],
    ["SET", "greeting", 'Grüße, आशा 🍛 "quoted" \\ \n line'],
    ["GET", "greeting"],
    ["SET", "literal", "OK"],
    ["GET", "literal"],
    ["SET", "empty", ""],
    ["GET", "empty"],
    ["HSET", "h", "a", 1, "b", "zwei"],
    ["HGETALL", "h"],
    ["MGET", "k", "nothing", "literal"],
    ["ZADD", "z", 1.5, "m"],
    ["ZSCORE", "z", "m"],
    ["INCRBY", "n", 9007199254740993],
    ["LRANGE", "nothing", 0, -1],
    ["EVAL", "return {1, 'two', false, {'three'}}", 0],
]


def test_both_clients_get_the_same_answers_to_the_same_commands(
    redis: RedisServer, ours: UpstashRedis, theirs: upstash_redis.Redis
) -> None:
    # Beneath `execute`, which would turn some answers into other types.
    official = [theirs._http.execute(theirs._url, theirs._headers, command) for command in COMMANDS]
    redis.flush()
    assert [ours.command(*command) for command in COMMANDS] == official


def test_both_clients_run_scripts_that_count_and_expire(ours: UpstashRedis, theirs: upstash_redis.Redis) -> None:
    assert theirs.eval(COUNT, keys=["c"], args=["60000"]) == 1
    assert ours.eval(COUNT, ["c"], [60000]) == 2
    assert 59000 < ours.command("PTTL", "c") <= 60000


def test_parallel_callers_of_one_client_are_counted_one_by_one(ours: UpstashRedis) -> None:
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: ours.eval(COUNT, ["c"], [60000]), range(64)))
    assert sorted(counted) == list(range(1, 65))


def test_scripts_with_the_flag_only_upstash_knows_run_here_too(theirs: upstash_redis.Redis) -> None:
    flagged = f"#!lua flags=allow-key-locking\n{COUNT}"
    assert theirs.eval(flagged, keys=["c"], args=["1000"]) == 1
    sha = theirs.script_load(flagged)
    assert theirs.evalsha(sha, keys=["c"], args=["1000"]) == 2


def test_a_pipeline_answers_in_order_and_one_failure_hides_no_other_answer(
    ours: UpstashRedis, theirs: upstash_redis.Redis
) -> None:
    pipeline = theirs.pipeline()
    pipeline.set("a", "1")
    pipeline.get("a")
    assert pipeline.exec() == [True, "1"]
    stored, failed, counted = ours.pipeline([["SET", "a", "x"], ["INCR", "a"], ["INCR", "b"]])
    assert (stored, counted) == ("OK", 1)
    assert isinstance(failed, StoreError)


def test_a_transaction_runs_whole_or_not_at_all(ours: UpstashRedis, theirs: upstash_redis.Redis) -> None:
    transaction = theirs.multi()
    transaction.incr("a")
    transaction.incr("a")
    assert transaction.exec() == [1, 2]
    refused = rest(ours, "/multi-exec", [["INCR", "a"], ["NOSUCH"]])
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("ERR unknown command 'NOSUCH'")
    assert ours.command("GET", "a") == "2"
    assert rest(ours, "/multi-exec", [["SET", "s", "x"], ["INCR", "s"], ["INCR", "a"]]).json() == [
        {"result": "OK"},
        {"error": "ERR value is not an integer or out of range"},
        {"result": 3},
    ]


def test_a_wrong_command_is_an_error_to_both_clients(ours: UpstashRedis, theirs: upstash_redis.Redis) -> None:
    with pytest.raises(UpstashError, match="wrong number of arguments"):
        theirs.execute(["GET"])
    with pytest.raises(StoreError, match="wrong number of arguments"):
        ours.command("GET")
    ours.command("SET", "k", "text")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        ours.command("LPUSH", "k", "x")


def test_what_redis_quotes_of_a_command_stays_out_of_the_error(ours: UpstashRedis) -> None:
    with pytest.raises(StoreError) as caught:
        ours.command("NOSUCH", "123456-the-code")
    assert "unknown command" in str(caught.value)
    assert "123456" not in str(caught.value)


def rest(client: UpstashRedis, path: str, body: object = None, method: str = "POST", **options: object):
    headers = {"Authorization": f"Bearer {client._token}"} | options.pop("headers", {})
    return requests.request(method, client._url + path, json=body, headers=headers, timeout=5, **options)


def test_commands_can_be_paths_whose_last_argument_is_the_body(ours: UpstashRedis) -> None:
    assert rest(ours, "/set/k/a%2Fb%20c/EX/100", method="GET").json() == {"result": "OK"}
    assert rest(ours, "/get/k", method="GET").json() == {"result": "a/b c"}
    assert rest(ours, "/set/k?EX=100&NX", data="ignored").json() == {"result": None}
    assert rest(ours, "/set/j?EX=100", data=b'{"a": 1}').json() == {"result": "OK"}
    assert rest(ours, "/get/j", method="POST").json() == {"result": '{"a": 1}'}
    assert 90 < rest(ours, "/ttl/j", method="GET").json()["result"] <= 100
    assert rest(ours, "/get/j", method="HEAD").text == ""


def test_base64_answers_carry_any_bytes_and_leave_ok_alone(ours: UpstashRedis) -> None:
    encoded = {"Upstash-Encoding": "base64"}
    raw = bytes(range(256))
    assert rest(ours, "/set/raw", data=raw, headers=encoded).json() == {"result": "OK"}
    assert rest(ours, "/get/raw", method="GET", headers=encoded).json() == {"result": b64encode(raw).decode()}
    nested = rest(ours, "", ["EVAL", "return {1, 'two', false}", 0], headers=encoded).json()
    assert nested == {"result": [1, b64encode(b"two").decode(), None]}
    assert "\N{REPLACEMENT CHARACTER}" in rest(ours, "/get/raw", method="GET").json()["result"]


def test_requests_without_the_token_are_refused(redis: RedisServer) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = requests.post(redis.url, json=["GET", "k"], headers=headers, timeout=5)
        assert refused.status_code == 401
        assert "WRONGPASS" in refused.json()["error"]
    by_query = requests.get(f"{redis.url}/set/k/v?_token={redis.token}", timeout=5)
    assert by_query.json() == {"result": "OK"}


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b"[]", b'["GET", null]', b'["GET", ["k"]]', b'["MULTI"]'])
def test_what_is_no_command_is_refused_as_a_bad_request(ours: UpstashRedis, body: bytes) -> None:
    refused = rest(ours, "/", data=body)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("ERR ")
    assert rest(ours, "/", method="DELETE").status_code == 405


def test_health_says_whether_redis_answers() -> None:
    with RedisServer() as server:
        assert requests.get(f"{server.url}/health", timeout=5).status_code == 200
        server.redis.stop()
        assert requests.get(f"{server.url}/health", timeout=5).status_code == 503


def test_a_redis_that_is_down_is_unavailable_and_serves_again_once_it_is_back() -> None:
    with RedisServer() as server:
        client = UpstashRedis(server.url, server.token)
        assert client.command("PING") == "PONG"
        server.redis.stop()
        with pytest.raises(StoreUnavailable):
            client.command("PING")
        server.redis.start()
        assert client.command("PING") == "PONG"
        client.close()


def test_a_wrong_token_is_unavailable_and_never_logged(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    client = UpstashRedis(redis.url, "a-wrong-token")
    with pytest.raises(StoreUnavailable) as caught:
        client.command("GET", "a-key")
    client.close()
    output = f"{caught.value!r} {caught.value} {caught.value.reason} {caplog.text} {caplog.records[0].__dict__}"
    assert caught.value.reason == "HTTP 401"
    assert "a-wrong-token" not in output
    assert "a-key" not in output
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_no_file_or_variable_of_the_machine_replaces_the_token_or_sees_it(
    ours: UpstashRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ours.command("PING") == "PONG"


def test_it_is_never_asked_inside_a_database_transaction(ours: UpstashRedis) -> None:
    with transaction_open(), pytest.raises(CalledInsideTransaction, match="inside a database transaction"):
        ours.command("PING")
    assert ours.command("PING") == "PONG"
