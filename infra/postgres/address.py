"""DATABASE_URL, as libpq and the vendors write it, read into what the connection takes."""

import ssl
from typing import Any, Final

from sqlalchemy.engine import make_url

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def arguments(url: str) -> dict[str, Any]:
    """Return the arguments of `Connection` for `postgresql://user:password@host:port/database?...`.

    `?host=/folder` names a Unix socket's folder (Cloud SQL mounts one). `sslmode=disable` is plain text, the default on
    this machine only; `verify-ca` checks the certificate but not its name; everything else, `require` too, checks both,
    because encryption to an unknown peer protects nobody. `sslrootcert` is the CA's file where the system does not
    know it. Channel binding is used whenever the server offers it, asked for or not.
    """
    parsed = make_url(url)
    host = str(parsed.query.get("host", parsed.host or "127.0.0.1"))
    return {
        "user": parsed.username,
        "password": parsed.password,
        "host": host,
        "port": parsed.port or 5432,
        "database": parsed.database,
        "application_name": parsed.query.get("application_name"),
        "ssl_context": _tls(host, parsed.query.get("sslmode"), parsed.query.get("sslrootcert")),
    }


def _tls(host: str, mode: Any, root: Any) -> ssl.SSLContext | bool:
    local = host.startswith("/") or host in _LOOPBACK
    if mode == "disable" or (mode is None and local):
        return False
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode != "verify-ca"
    return context
