"""Parses DATABASE_URL, as libpq and the database vendors write it, into arguments of `Connection`."""

import ssl
from importlib import import_module
from typing import Any, Final

from sqlalchemy.engine import URL, make_url

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def arguments(url: str) -> dict[str, Any]:
    """Return the arguments of `Connection` for `postgresql://user:password@host:port/database?...`.

    `host=/folder` is the folder of a Unix socket. `cloud_sql=project:region:instance` connects through Google's
    connector, as a service account without a password.

    `sslmode=disable` means plain text, and only this machine defaults to it. `verify-ca` checks the certificate but not
    the host name. Every other mode checks both, `require` too, because encryption to an unverified server stops no
    interception. `sslrootcert` is a CA file. Channel binding is used whenever the server offers it.
    """
    parsed = make_url(url)
    if "cloud_sql" in parsed.query:
        return _cloud_sql(parsed, str(parsed.query["cloud_sql"]))
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


def _cloud_sql(parsed: URL, instance: str) -> dict[str, Any]:
    # An import statement would ship the connector with every function, also where the database is not Cloud SQL.
    connector = import_module(f"{__package__}.cloud_sql")
    return {
        "user": parsed.username,
        "host": instance,
        "database": parsed.database,
        "dial": connector.Instance(instance, parsed.username),
    }


def _tls(host: str, mode: Any, root: Any) -> ssl.SSLContext | bool:
    is_local = host.startswith("/") or host in _LOOPBACK
    if mode == "disable" or (mode is None and is_local):
        return False
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode != "verify-ca"
    return context
