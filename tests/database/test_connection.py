import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pg8000.legacy import Connection as PlainConnection
from pg8000.legacy import Error, InterfaceError, ProgrammingError
from sqlalchemy.engine import make_url

from infra.local.postgres import ROLE, Postgres
from infra.postgres.address import arguments
from infra.postgres.connection import AnswerTimedOut, Connection, ConnectionLost
from tests.postgres_server import at_port, plain_connection, shared_postgres
from tests.round_trips import CountingProxy


@pytest.fixture(scope="module")
def url() -> str:
    url = shared_postgres().new_database()
    with closing(plain_connection(url)) as connection:
        connection.run("create table note (text text not null)")
    return url


@pytest.fixture
def proxy(url: str) -> Iterator[CountingProxy]:
    with CountingProxy("127.0.0.1", make_url(url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def connection(url: str, proxy: CountingProxy) -> Iterator[Connection]:
    with closing(connect(at_port(url, proxy.url_port))) as connection:
        yield connection


def connect(url: str, **settings: Any) -> Connection:
    return Connection(**arguments(url), **settings)


def query(connection: Any, statement: str, *values: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return cursor.fetchone()[0] if cursor.description else cursor.rowcount


def notes(url: str) -> list[str]:
    with closing(plain_connection(url)) as connection:
        return [text for (text,) in connection.run("select text from note order by text")]


# round trips


def trips_of(proxy: CountingProxy, *steps: Any) -> list[int]:
    taken = []
    for step in steps:
        before = proxy.count
        step()
        taken.append(proxy.count - before)
    return taken


def test_pipelined_begin_and_statement_are_one_round_trip(connection: Connection, proxy: CountingProxy) -> None:
    assert trips_of(
        proxy,
        lambda: query(connection, "select %s::int", 1),
        lambda: query(connection, "select %s::int", 2),
        connection.commit,
        lambda: query(connection, "select %s::int", 3),
        connection.rollback,
    ) == [1, 1, 1, 1, 1]


def test_statement_without_parameters_pipelines_begin_too(connection: Connection, proxy: CountingProxy) -> None:
    assert trips_of(
        proxy,
        lambda: query(connection, "insert into note values ('undone')"),
        lambda: query(connection, "select 1"),
        connection.rollback,
        lambda: query(connection, "select count(*) from note where text = 'undone'"),
        connection.rollback,
    ) == [1, 1, 1, 1, 1]


def test_empty_commit_and_rollback_cost_nothing(connection: Connection, proxy: CountingProxy) -> None:
    assert trips_of(proxy, connection.commit, connection.rollback) == [0, 0]


def test_autocommit_read_is_one_round_trip(connection: Connection, proxy: CountingProxy) -> None:
    connection.autocommit = True
    assert trips_of(
        proxy,
        lambda: query(connection, "select %s::int", 1),
        lambda: query(connection, "select 1"),
        connection.commit,
        connection.rollback,
    ) == [1, 1, 0, 0]


def test_connecting_costs_only_the_handshake(url: str, proxy: CountingProxy) -> None:
    """SCRAM takes three round trips; plain pg8000 sends SSLRequest first, even to the same machine."""
    with closing(connect(at_port(url, proxy.url_port))):
        assert proxy.count == 3


def test_plain_driver_needs_seven_round_trips_ours_two(url: str, proxy: CountingProxy) -> None:
    """The reason for the subclass: drop it when a newer pg8000 needs fewer round trips."""
    with closing(PlainConnection(**arguments(at_port(url, proxy.url_port)))) as plain:
        assert sum(trips_of(proxy, lambda: query(plain, "select %s::int", 1), plain.commit)) == 7


# a lost connection


@pytest.mark.parametrize(("statement", "values"), [("select %s::int", (42,)), ("select 42", ())])
@pytest.mark.parametrize("autocommit", [True, False])
def test_first_statement_on_dead_connection_reconnects_once(
    connection: Connection, proxy: CountingProxy, statement: str, values: tuple[int, ...], autocommit: bool
) -> None:
    connection.autocommit = autocommit
    proxy.cut()
    assert query(connection, statement, *values) == 42
    assert (proxy.accepted, connection.autocommit) == (2, autocommit)


def test_transaction_on_dead_connection_is_complete(url: str, connection: Connection, proxy: CountingProxy) -> None:
    proxy.cut()
    query(connection, "insert into note values (%s)", "first")
    query(connection, "insert into note values (%s)", "second")
    connection.commit()
    assert {"first", "second"} <= set(notes(url))


def test_first_statement_with_lost_answer_is_not_repeated(
    url: str, connection: Connection, proxy: CountingProxy
) -> None:
    proxy.lose_answers(to=b"insert")
    query(connection, "insert into note values (%s)", "once")
    connection.commit()
    assert notes(url).count("once") == 1


def test_statement_has_no_third_try(connection: Connection, proxy: CountingProxy) -> None:
    proxy.lose_answers(to=b"select", times=5)
    with pytest.raises(ConnectionLost):
        query(connection, "select %s::int", 42)
    assert (proxy.accepted, proxy.losses) == (2, 3)


def test_connection_lost_in_transaction_is_not_renewed(connection: Connection, proxy: CountingProxy) -> None:
    query(connection, "insert into note values (%s)", "half")
    proxy.cut()
    for step in (lambda: query(connection, "insert into note values (%s)", "other half"), connection.commit):
        with pytest.raises(ConnectionLost):
            step()
    assert proxy.accepted == 1
    connection.rollback()
    assert query(connection, "select count(*) from note where text like %s", "%half") == 0
    assert proxy.accepted == 2


def test_unreachable_transaction_fails_until_rollback(connection: Connection, proxy: CountingProxy) -> None:
    proxy.cut()
    for _ in ("the socket breaks", "the socket is already closed"):
        proxy.refuse()
        with pytest.raises(ConnectionLost):
            query(connection, "insert into note values (%s)", "never")
        proxy.accept()
        with pytest.raises(ConnectionLost):
            query(connection, "insert into note values (%s)", "nor this")
        connection.rollback()
    assert query(connection, "select count(*) from note where text in ('never', 'nor this')") == 0


def test_unanswered_commit_is_not_repeated(url: str, connection: Connection, proxy: CountingProxy) -> None:
    query(connection, "insert into note values (%s)", "unknown")
    proxy.lose_answers(to=b"commit")
    with pytest.raises(ConnectionLost):
        connection.commit()
    assert notes(url).count("unknown") == 1


def test_rollback_on_lost_connection_succeeds(url: str, connection: Connection, proxy: CountingProxy) -> None:
    query(connection, "insert into note values (%s)", "rolled back")
    proxy.cut()
    connection.rollback()
    assert "rolled back" not in notes(url)


def test_connection_ended_by_administrator_is_renewed(url: str, connection: Connection) -> None:
    ended = query(connection, "select pg_backend_pid()")
    connection.rollback()
    with closing(plain_connection(url)) as administrator:
        administrator.run("select pg_terminate_backend(:pid, 5000)", pid=ended)
    assert query(connection, "select pg_backend_pid()") != ended


def test_restarted_server_is_reconnected_silently(tmp_path: Path) -> None:
    with Postgres(tmp_path, durable=False) as server, closing(connect(server.url)) as connection:
        server.restart()
        assert query(connection, "select %s::int", 1) == 1


def test_adapters_survive_a_new_connection(connection: Connection, proxy: CountingProxy) -> None:
    connection.register_in_adapter(3802, lambda text: ("jsonb", text))
    for _ in range(2):
        proxy.cut()
        assert query(connection, "select '[]'::jsonb") == ("jsonb", "[]")
        connection.rollback()


# timeouts


def test_slow_answer_times_out_and_is_not_requested_again(url: str, proxy: CountingProxy) -> None:
    with closing(connect(at_port(url, proxy.url_port), read_timeout=0.2)) as connection:
        connection.autocommit = True
        with pytest.raises(AnswerTimedOut):
            query(connection, "select pg_sleep(%s)", 1)
        assert proxy.accepted == 1
        assert query(connection, "select %s::int", 5) == 5


def test_accepting_but_silent_server_times_out(url: str, proxy: CountingProxy) -> None:
    proxy.delay = 60
    started = time.monotonic()
    with pytest.raises(ConnectionLost):
        connect(at_port(url, proxy.url_port), read_timeout=0.1)
    assert time.monotonic() - started < 2


def test_refused_connection_names_its_address(url: str, proxy: CountingProxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionLost, match=rf"127\.0\.0\.1:{proxy.url_port}"):
        connect(at_port(url, proxy.url_port))


def test_wrong_password_is_not_a_lost_connection(url: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        connect(make_url(url).set(password="wrong").render_as_string(hide_password=False))
    assert caught.value.args[0]["C"] == "28P01"


def test_a_statement_timeout_is_sent_at_connect(url: str) -> None:
    with closing(connect(url, startup_params={"statement_timeout": "50"})) as connection:
        with pytest.raises(ProgrammingError) as caught:
            query(connection, "select pg_sleep(%s)", 5)
        assert caught.value.args[0]["C"] == "57014"
        connection.rollback()
        assert query(connection, "select %s::int", 1) == 1


# safety


def test_an_interrupted_statement_leaves_no_unread_response(url: str) -> None:
    """Fails when a request that times out while reading leaves its rows on the socket."""

    def interrupt(_data: bytes, _context: Any) -> None:
        raise KeyboardInterrupt

    with closing(connect(url)) as connection:
        connection.message_types[b"D"] = interrupt
        with pytest.raises(KeyboardInterrupt):
            query(connection, "select %s::text", "somebody else's")
        connection.rollback()
        assert query(connection, "select %s::text", "mine") == "mine"


@pytest.mark.parametrize("autocommit", [True, False])
def test_closed_connection_stays_closed(url: str, autocommit: bool) -> None:
    connection = connect(url)
    connection.autocommit = autocommit
    connection.close()
    connection.close()
    connection.rollback()
    with pytest.raises(InterfaceError):
        query(connection, "select %s::int", 1)


def test_errors_never_show_the_password(url: str, proxy: CountingProxy) -> None:
    proxy.refuse()
    with pytest.raises(Error) as caught:
        connect(at_port(url, proxy.url_port))
    assert str(make_url(url).password) not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_unix_socket_works(url: str) -> None:
    parsed = make_url(url)
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,  # a socket's path has a length limit
        CountingProxy("127.0.0.1", parsed.port or 0, socket_folder=Path(folder)),
        closing(connect(f"postgresql://{ROLE}:{parsed.password}@/{parsed.database}?host={folder}")) as connection,
    ):
        assert query(connection, "select %s::int", 1) == 1
