"""A Cloud SQL instance by its private address, through Google's connector: the function's account is the database user.

Imported only where DATABASE_URL names an instance: the connector, with what it brings, is half of a cold start. It keeps
an event loop in a thread, which no fork survives, so it is made by the first connection; it asks for a certificate when
a connection needs one ("lazy"), because between requests an instance has no CPU to renew one. The connector would open
the driver's own connection; from here it gives the socket, so that `Connection` waits, times out and reconnects as ever.
"""

import asyncio
import socket
import ssl
import threading
from functools import cache
from typing import Any, Final

from google.cloud.sql.connector import Connector
from google.cloud.sql.connector import pg8000 as driver

ASKING_SECONDS: Final = 10.0  # the first connection makes a key pair and asks the SQL Admin API twice
_making: Final = threading.Lock()


def _only_the_socket(ip_address: str, sock: ssl.SSLSocket, **kwargs: Any) -> Any:  # noqa: ARG001
    return sock


driver.connect = _only_the_socket


class Instance:
    """Dials `project:region:instance` as `user`, an account's address without its `.gserviceaccount.com`."""

    def __init__(self, name: str, user: str) -> None:
        self._name, self._user = name, user

    def __call__(self, connect_timeout: float, read_timeout: float | None) -> socket.socket:
        """Return a socket inside TLS, which the server knows the account by. Raises OSError."""
        with _making:
            connector, loop = _connector()
        asking = connector.connect_async(self._name, "pg8000", user=self._user)
        waiting = asyncio.run_coroutine_threadsafe(asking, loop)
        try:
            connection: socket.socket = waiting.result(connect_timeout + ASKING_SECONDS)
        except OSError:
            waiting.cancel()
            raise
        except Exception as trouble:
            raise ConnectionError(f"no way to {self._name}: {type(trouble).__name__}") from trouble
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(read_timeout)
        return connection


@cache
def _connector() -> tuple[Connector, asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="cloud-sql", daemon=True).start()

    async def make() -> Connector:
        return Connector(ip_type="private", enable_iam_auth=True, refresh_strategy="lazy", loop=loop)

    return asyncio.run_coroutine_threadsafe(make(), loop).result(ASKING_SECONDS), loop
