"""DATABASE_URL, as libpq and the vendors write it, read into what the connection takes."""

import ssl
from importlib import import_module
from typing import Any, Final

from sqlalchemy.engine import URL, make_url

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def arguments(url: str) -> dict[str, Any]:
    """Return the arguments of `Connection` for `postgresql://user:password@host:port/database?...`.

    `?host=/folder` names a Unix socket's folder (Cloud SQL mounts one). `sslmode=disable` is plain text, the default on
    this machine only; `verify-ca` checks the certificate but not its name; everything else, `require` too, checks both,
    because encryption to an unknown peer protects nobody. `sslrootcert` is the CA's file where the system does not
    know it. Channel binding is used whenever the server offers it, asked for or not. `?cloud_sql=project:region:instance`
    names an instance that is dialled through Google's connector, where the user is a service account without a password.
    """
    parsed = make_url(url)
    if "cloud_sql" in parsed.query:
        return _instance(parsed, str(parsed.query["cloud_sql"]))
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


def _instance(parsed: URL, name: str) -> dict[str, Any]:
    # Not spelled as an import: a function whose database is elsewhere does not ship it.
    dialled_with = import_module(f"{__package__}.cloud_sql")
    return {
        "user": parsed.username,
        "host": name,
        "database": parsed.database,
        "dial": dialled_with.Instance(name, parsed.username),
    }


def _tls(host: str, mode: Any, root: Any) -> ssl.SSLContext | bool:
    local = host.startswith("/") or host in _LOOPBACK
    if mode == "disable" or (mode is None and local):
        return False
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode != "verify-ca"
    return context
