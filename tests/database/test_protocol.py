"""The sequence diagrams of infra/postgres/README.md show the messages that the connection sends and receives."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from tests.postgres_server import at_port, shared_postgres
from tests.round_trips import CountingProxy

README = (Path(__file__).parents[2] / "infra/postgres/README.md").read_text()
DIAGRAMS = dict(re.findall(r"^### \((\w)\) .*?^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
SENT = {
    "B": "Bind",
    "C": "Close",
    "D": "Describe",
    "E": "Execute",
    "P": "Parse",
    "Q": "Query",
    "S": "Sync",
}
RECEIVED = {
    "1": "ParseComplete",
    "2": "BindComplete",
    "3": "CloseComplete",
    "C": "CommandComplete",
    "D": "DataRow",
    "E": "ErrorResponse",
    "T": "RowDescription",
    "Z": "ReadyForQuery",
    "n": "NoData",
}


class RecordedConnection(Connection):
    """Records the names of messages after the handshake, in order."""

    def __init__(self, **arguments: Any) -> None:
        self.recorded: list[str] = []
        super().__init__(**arguments)

    def _connect(self) -> None:
        super()._connect()
        self.message_types = {
            code: partial(self._receive, code, handler) for code, handler in self.message_types.items()
        }

    def _round_trip(self, pipeline: Any) -> Any:
        sent, start = pipeline.messages, 0
        while start < len(sent):
            self.recorded.append(f"▶ {SENT[chr(sent[start])]}")
            start += 1 + int.from_bytes(sent[start + 1 : start + 5])
        return super()._round_trip(pipeline)

    def _receive(self, code: bytes, handler: Callable[..., None], data: bytes, context: Any) -> None:
        status = f"({data.decode()})" if code == b"Z" else ""
        self.recorded.append(f"◀ {RECEIVED[code.decode()]}{status}")
        handler(data, context)


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    with CountingProxy("127.0.0.1", make_url(shared_postgres().url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def connection(proxy: CountingProxy) -> Iterator[RecordedConnection]:
    url = at_port(shared_postgres().new_database(), proxy.url_port)
    with closing(RecordedConnection(**arguments(url))) as connection:
        yield connection


def select(connection: Connection) -> None:
    connection.cursor().execute("select %s::int", (1,))


def plain_statement(connection: Connection, _proxy: CountingProxy) -> None:
    connection.autocommit = True
    select(connection)


def transaction_with_piggyback(connection: Connection, _proxy: CountingProxy) -> None:
    connection.prepend("select $1::text", ["the caller"], lambda _: None)
    select(connection)


def prepared_statement(connection: RecordedConnection, _proxy: CountingProxy) -> None:
    connection.autocommit = True
    select(connection)
    connection.recorded.clear()
    select(connection)
    select(connection)


def dead_connection(connection: Connection, proxy: CountingProxy) -> None:
    proxy.cut()
    select(connection)


def commit(connection: RecordedConnection, _proxy: CountingProxy) -> None:
    select(connection)
    connection.recorded.clear()
    connection.commit()


SCENARIOS = {
    "a": plain_statement,
    "b": transaction_with_piggyback,
    "c": prepared_statement,
    "d": dead_connection,
    "e": commit,
}


def drawn(diagram: str) -> list[str]:
    """Return the messages of a diagram's arrows, each with its direction."""
    found = []
    for line in diagram.splitlines():
        direction = next((arrow for arrow in "▶◀" if arrow in line), None)
        names = r"\b(?:Parse|Bind|Describe|Execute|Sync|Query|Close|[A-Z][a-z]+[A-Z]\w+(?:\([ITE]\))?)(?!\w)"
        found += [f"{direction} {name}" for name in re.findall(names, line) if direction]
    return found


@pytest.mark.parametrize("letter", DIAGRAMS)
def test_a_diagram_shows_the_messages_on_the_wire(
    letter: str, connection: RecordedConnection, proxy: CountingProxy
) -> None:
    SCENARIOS[letter](connection, proxy)
    assert connection.recorded == drawn(DIAGRAMS[letter])


def test_every_scenario_has_its_diagram() -> None:
    assert set(DIAGRAMS) == set(SCENARIOS)


def test_every_test_file_of_the_readme_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)`", README)
    assert named
    assert [name for name in named if not Path(__file__).with_name(name).exists()] == []
