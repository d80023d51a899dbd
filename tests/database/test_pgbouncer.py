"""Our connection behind PgBouncer in transaction mode, like Neon's pooled host."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pg8000.legacy import Connection as PlainConnection
from pg8000.legacy import Error
from sqlalchemy import text
from sqlalchemy.engine import make_url

from infra.local.postgres import _NAMESPACE, ROLE
from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from infra.postgres.engine import PostgresDatabase
from tests.postgres_server import at_port, shared_postgres

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer on PATH")

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server_port} pool_size=3
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
auth_type = scram-sha-256
auth_file = {folder}/users
"""
THREADS = 12
STATEMENTS = 50


@pytest.fixture(scope="module")
def pooled_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url, folder = shared_postgres().new_database(), tmp_path_factory.mktemp("pgbouncer")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    parsed = make_url(url)
    (folder / "users").write_text(f'"{ROLE}" "{parsed.password}"\n')
    (folder / "ini").write_text(CONFIGURATION.format(server_port=parsed.port, port=port, folder=folder))
    with pgbouncer(folder, port):
        yield at_port(url, port)


class pgbouncer:  # noqa: N801 - named like its program
    def __init__(self, folder: Path, port: int) -> None:
        prefix = _NAMESPACE if os.geteuid() == 0 else ()  # it refuses to run as root, like Postgres
        self.process = subprocess.Popen([*prefix, str(PROGRAM), "-q", str(folder / "ini")])
        self.port = port

    def __enter__(self) -> None:
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)


def right_answers(connect: Callable[[], Any]) -> int:
    """Run autocommit statements on more threads than server connections; returns the number of correct results."""

    def count_right(thread: int) -> int:
        right = 0
        connection = connect()
        for number in range(STATEMENTS):
            try:
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute("select %s::text, %s::int", (f"thread {thread}", number))
                right += cursor.fetchone() == [f"thread {thread}", number]
            except (Error, OSError):
                with suppress(Error, OSError):
                    connection.close()
                connection = connect()
        connection.close()
        return right

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(count_right, range(THREADS)))


def test_autocommit_is_correct_unlike_plain_pg8000s(pooled_url: str) -> None:
    """Plain pg8000 fails by chance, so a few attempts may be needed."""
    plain = partial(PlainConnection, **arguments(pooled_url), timeout=5)
    assert any(right_answers(plain) < THREADS * STATEMENTS for _ in range(5))
    assert right_answers(partial(Connection, **arguments(pooled_url))) == THREADS * STATEMENTS


def test_transactions_and_reads_are_correct_across_threads(pooled_url: str) -> None:
    db = PostgresDatabase(pooled_url, pool_size=THREADS)
    with db.transaction() as session:
        session.execute(text("create table counter (value int)"))
        session.execute(text("insert into counter values (:zero)"), {"zero": 0})

    def use(number: int) -> bool:
        with db.transaction() as session:
            session.execute(text("update counter set value = value + :one"), {"one": 1})
        with db.reading() as session:
            return session.scalar(text("select cast(:number as int)"), {"number": number}) == number

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(use, range(240)))
    with db.reading() as session:
        assert session.scalar(text("select value from counter")) == 240
    db.dispose()
