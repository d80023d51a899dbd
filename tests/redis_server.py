"""A Redis behind Upstash's REST API, on free ports, for tests."""

from typing import Self

from infra.local.redis import Redis
from infra.local.resp import RedisConnection
from infra.local.upstash import UpstashBridge


class RedisServer:
    """A Redis that starts when constructed; clients connect with `url` and `token`."""

    def __init__(self, token: str = "a-token-of-the-tests") -> None:
        self.token = token
        self.redis = Redis(data=None)
        self.redis.start()
        self._bridge = UpstashBridge(self.redis.port, token)
        self._bridge.start()
        self.url = self._bridge.url

    def flush(self) -> None:
        """Delete every key."""
        connection = RedisConnection(self.redis.port)
        connection.execute([[b"FLUSHALL"]])
        connection.close()

    def stop(self) -> None:
        self._bridge.stop()
        self.redis.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
