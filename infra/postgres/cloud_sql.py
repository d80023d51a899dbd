"""Opens a TLS socket to a Cloud SQL instance through Google's connector, with IAM database authentication.

`address` imports this module only for a `cloud_sql` URL, because the connector is half of a cold start. The connector
runs an event loop in a thread, which does not survive a fork, so the first connection creates it. Certificates are
fetched when a connection needs one ("lazy"), because an idle instance has no CPU for a refresh in the background.

The connector would open pg8000's own connection. Here it returns the socket, and `Connection` keeps its timeouts,
pipelining and reconnect.
"""

import asyncio
import socket
import ssl
import threading
from functools import cache
from typing import Any, Final

from google.cloud.sql.connector import Connector
from google.cloud.sql.connector import pg8000 as driver

CERTIFICATE_SECONDS: Final = 10.0  # the first connection generates a key pair and calls the SQL Admin API twice
_connector_lock: Final = threading.Lock()


def _return_socket(ip_address: str, sock: ssl.SSLSocket, **kwargs: Any) -> Any:  # noqa: ARG001
    return sock


driver.connect = _return_socket


class Instance:
    """Dials `project:region:instance` as `user`, a service account's address without `.gserviceaccount.com`."""

    def __init__(self, name: str, user: str) -> None:
        self._name, self._user = name, user

    def __call__(self, connect_timeout: float, read_timeout: float | None) -> socket.socket:
        """Return a TLS socket whose client certificate identifies the account; timeouts are seconds. Raises OSError."""
        with _connector_lock:
            connector, loop = _connector()
        connecting = connector.connect_async(self._name, "pg8000", user=self._user)
        future = asyncio.run_coroutine_threadsafe(connecting, loop)
        try:
            connection: socket.socket = future.result(connect_timeout + CERTIFICATE_SECONDS)
        except OSError:
            future.cancel()
            raise
        except Exception as error:
            raise ConnectionError(f"no way to {self._name}: {type(error).__name__}") from error
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(read_timeout)
        return connection


@cache
def _connector() -> tuple[Connector, asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="cloud-sql", daemon=True).start()

    async def create() -> Connector:
        return Connector(ip_type="private", enable_iam_auth=True, refresh_strategy="lazy", loop=loop)

    return asyncio.run_coroutine_threadsafe(create(), loop).result(CERTIFICATE_SECONDS), loop
