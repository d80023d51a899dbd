"""SQLAlchemy's pg8000 dialect without the questions whose answers are known: connecting costs no statement."""

import re
from typing import Any, Final, Literal

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

DRIVER: Final = "postgresql+one_flush"
Isolation = Literal["AUTOCOMMIT", "READ COMMITTED"]

registry.register("postgresql.one_flush", __name__, "OneFlushDialect")


class OneFlushDialect(PGDialect_pg8000):
    """For `infra.postgres.connection.Connection`, which begins, reconnects and times out by itself."""

    driver = "one_flush"
    supports_statement_cache = True
    use_insertmanyvalues_wo_returning = True  # rows flushed together are one INSERT, not one round trip each

    def get_isolation_level_values(self, dbapi_connection: Any) -> tuple[Isolation, ...]:  # noqa: ARG002
        return ("AUTOCOMMIT", "READ COMMITTED")

    def get_isolation_level(self, dbapi_connection: Any) -> Isolation:
        return "AUTOCOMMIT" if dbapi_connection.autocommit else "READ COMMITTED"

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Choose between the two, at no cost: BEGIN names its isolation level, so the session needs none."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:  # noqa: ARG002
        """Say no: a lost connection heals itself, and one slow answer must not empty the pool of all the others."""
        return False

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", _reported(connection, "server_version").split()[0]))

    def _get_default_schema_name(self, connection: Any) -> str:  # noqa: ARG002
        return "public"

    def _set_backslash_escapes(self, connection: Any) -> None:
        self._backslash_escapes = _reported(connection, "standard_conforming_strings") == "off"


def _reported(connection: Any, parameter: str) -> str:
    """Return what the server (or a pooler in its place) said of itself when the connection was made."""
    return str(connection.connection.driver_connection.parameter_statuses[parameter])
