"""The local Redis, as a test starts it and as `make dev` does."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from infra.local.redis import Redis, _free_port
from infra.local.resp import RedisConnection, RedisDown
from infra.redis import UpstashRedis
from shared.kit.store import StoreUnavailable
from tests.waiting import started, until


@contextmanager
def running(redis: Redis) -> Iterator[RedisConnection]:
    redis.start()
    connection = RedisConnection(redis.port)
    try:
        yield connection
    finally:
        connection.close()
        redis.stop()


def answers(port: int) -> bool:
    connection = RedisConnection(port)
    try:
        return connection.execute([[b"PING"]]) == [b"PONG"]
    except RedisDown:
        return False
    finally:
        connection.close()


def test_keys_survive_a_restart_when_there_is_a_folder_for_them(tmp_path: Path) -> None:
    with running(Redis(tmp_path / "redis")) as first:
        first.execute([[b"SET", b"kept", "né".encode()]])
    with running(Redis(tmp_path / "redis")) as second:
        assert second.execute([[b"GET", b"kept"]]) == ["né".encode()]


def test_without_a_folder_nothing_is_kept() -> None:
    redis = Redis(None)
    with running(redis) as first:
        first.execute([[b"SET", b"k", b"v"]])
    with running(redis) as second:
        assert second.execute([[b"GET", b"k"]]) == [None]


def test_it_listens_on_the_loopback_address_only() -> None:
    with running(Redis(None)) as connection:
        assert connection.execute([[b"CONFIG", b"GET", b"bind"]]) == [[b"bind", b"127.0.0.1"]]


def test_a_port_in_use_is_said_with_the_servers_own_words() -> None:
    redis = Redis(None)
    with running(redis), pytest.raises(RuntimeError, match="already in use"):
        Redis(None, redis.port).start()


def test_stopping_twice_is_stopping_once() -> None:
    redis = Redis(None)
    redis.start()
    redis.stop()
    redis.stop()
    assert not answers(redis.port)


def test_a_connection_finds_its_way_back_after_a_restart() -> None:
    redis = Redis(None)
    redis.start()
    connection = RedisConnection(redis.port)
    try:
        connection.execute([[b"PING"]])
        redis.stop()
        with pytest.raises(RedisDown):
            connection.execute([[b"PING"]])
        redis.start()
        assert connection.execute([[b"PING"]]) == [b"PONG"]
        redis.stop()
        redis.start()
        assert connection.execute([[b"PING"]]) == [b"PONG"]
    finally:
        connection.close()
        redis.stop()


def test_as_a_process_it_ends_cleanly_at_sigterm_and_has_saved(tmp_path: Path) -> None:
    port = _free_port()
    words = [sys.executable, "-m", "infra.local.redis", "--port", str(port), "--data", str(tmp_path)]
    with started(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: answers(port))
        connection = RedisConnection(port)
        connection.execute([[b"SET", b"k", b"v"]])
        connection.close()
        process.terminate()
        assert process.wait(10) == 0
    with running(Redis(tmp_path)) as again:
        assert again.execute([[b"GET", b"k"]]) == [b"v"]


def test_the_bridge_as_a_process_says_that_redis_is_missing_and_ends_cleanly_beside_a_resting_client() -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "infra.local.upstash", "--port", str(port), "--redis-port", str(_free_port())]
    with started([*words, "--token", "hush"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: health(url) == 503)
        client = UpstashRedis(url, "hush")
        with pytest.raises(StoreUnavailable):
            client.command("SET", "hidden", "value")
        process.terminate()
        output, complained = process.communicate(timeout=10)
        client.close()
    assert process.returncode == 0
    assert output + complained == b""


def health(url: str) -> int | None:
    try:
        return requests.get(f"{url}/health", timeout=2).status_code
    except requests.RequestException:
        return None
