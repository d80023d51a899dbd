"""SQLAlchemy's pg8000 dialect without its start-up queries: a new connection runs no statement of SQLAlchemy's."""

import re
from typing import Any, Final, Literal

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

DRIVER: Final = "postgresql+pipelined"
IsolationLevel = Literal["AUTOCOMMIT", "READ COMMITTED"]

registry.register("postgresql.pipelined", __name__, "PipelinedDialect")


class PipelinedDialect(PGDialect_pg8000):
    """The dialect of `infra.postgres.connection.Connection`, which sends BEGIN, reconnects and times out by itself."""

    driver = "pipelined"
    supports_statement_cache = True
    use_insertmanyvalues_wo_returning = True  # rows flushed together are one INSERT, not one round trip each

    def get_isolation_level_values(self, dbapi_connection: Any) -> tuple[IsolationLevel, ...]:  # noqa: ARG002
        return ("AUTOCOMMIT", "READ COMMITTED")

    def get_isolation_level(self, dbapi_connection: Any) -> IsolationLevel:
        return "AUTOCOMMIT" if dbapi_connection.autocommit else "READ COMMITTED"

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Set autocommit on the client only; BEGIN names its isolation level, so the server needs no statement."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:  # noqa: ARG002
        """Return False: `Connection` reconnects by itself, and True would make SQLAlchemy discard the whole pool."""
        return False

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return tuple(
            int(part) for part in re.findall(r"\d+", _parameter_status(connection, "server_version").split()[0])
        )

    def _get_default_schema_name(self, connection: Any) -> str:  # noqa: ARG002
        return "public"

    def _set_backslash_escapes(self, connection: Any) -> None:
        self._backslash_escapes = _parameter_status(connection, "standard_conforming_strings") == "off"


def _parameter_status(connection: Any, name: str) -> str:
    """Return a setting from the ParameterStatus messages that the server, or its pooler, sent during the handshake."""
    return str(connection.connection.driver_connection.parameter_statuses[name])
