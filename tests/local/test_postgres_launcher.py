import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from pg8000.exceptions import DatabaseError

from infra.local import postgres as launcher
from infra.local.postgres import Postgres
from tests.postgres_server import plain_connection

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def started_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("before")
    with Postgres(folder, durable=False) as postgres:
        query(postgres.url, "create table kept as select 42 as value")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(tmp_path: Path, started_before: Path) -> Iterator[Path]:
    """An initialized data folder below one that only its owner can enter (pytest's own), like a clone in a home directory."""
    assert tmp_path.parent.stat().st_mode & 0o077 == 0
    yield shutil.copytree(started_before, tmp_path / "postgres")
    shutil.rmtree(tmp_path)


def query(url: str, statement: str) -> list[list[object]]:
    with closing(plain_connection(url)) as connection:
        return connection.run(statement) or []


def server_of(postgres: Postgres) -> psutil.Process:
    assert postgres._process is not None
    return psutil.Process(postgres._process.pid)


def kill(postgres: Postgres) -> None:
    server = server_of(postgres)
    server.kill()
    server.wait(10)


def kept(url: str) -> object:
    return query(url, "select value from kept")[0][0]


def test_data_and_url_persist_and_the_server_does_not(data: Path) -> None:
    with Postgres(data, durable=False) as first:
        assert kept(first.url) == 42
    assert not first.running
    with Postgres(data, first.port, durable=False) as again:
        assert again.url == first.url
        assert kept(again.url) == 42


def test_it_is_as_strict_as_the_cloud(data: Path) -> None:
    with Postgres(data) as postgres:
        shown = query(
            postgres.url,
            "select usesuper, current_setting('fsync'), current_setting('server_encoding'), current_setting('timezone'),"
            " current_setting('listen_addresses') from pg_user where usename = current_user",
        )
        assert shown == [[False, "on", "UTF8", "UTC", "127.0.0.1"]]
        query(postgres.url, "create extension btree_gist")
        with pytest.raises(DatabaseError) as caught:
            query(re.sub(r":[^:@]*@", ":wrong@", postgres.url), "select 1")
        assert caught.value.args[0]["C"] == "28P01"


def test_nobody_else_can_read_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "made/for/it"
    with Postgres(data, durable=False):
        assert [path.stat().st_mode & 0o077 for path in (data, data / "password", data / "cluster")] == [0, 0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_where_namespaces_are_denied_root_runs_it_as_nobody_from_a_copy(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_namespaces_allowed", lambda: False)
    with Postgres(data, durable=False) as by_copy:
        assert kept(by_copy.url) == 42
        assert server_of(by_copy).uids().effective == 65534
        copy = Path(server_of(by_copy).exe())
        assert copy.is_relative_to(tempfile.gettempdir())
        kill(by_copy)
        by_copy.start()
        assert kept(by_copy.url) == 42
    assert not copy.exists()
    monkeypatch.undo()
    with Postgres(data, durable=False) as by_namespace:
        assert kept(by_namespace.url) == 42


def test_it_starts_after_it_was_killed(data: Path) -> None:
    with Postgres(data, durable=False) as postgres:
        kill(postgres)
        assert (data / "cluster/postmaster.pid").exists()
        postgres.start()
        assert kept(postgres.url) == 42


def test_it_starts_when_the_number_of_a_killed_server_is_somebody_elses_now(data: Path) -> None:
    with Postgres(data, durable=False) as postgres, subprocess.Popen(["sleep", "60"]) as other:
        kill(postgres)
        lock = data / "cluster/postmaster.pid"
        lock.write_text(re.sub(r"^\d+", str(other.pid), lock.read_text()))
        postgres.start()
        assert other.poll() is None
        other.kill()


def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    (data / "unfinished/base").mkdir(parents=True)
    (data / "unfinished/PG_VERSION").write_text("18\n")
    with Postgres(data, durable=False) as postgres:
        assert query(postgres.url, "select 1") == [[1]]


def test_a_folder_is_served_once_at_a_time(data: Path) -> None:
    with Postgres(data, durable=False) as first:
        with pytest.raises(RuntimeError, match="another launcher"):
            Postgres(data, durable=False).start()
        assert query(first.url, "select 1") == [[1]]


def test_a_taken_port_is_said_in_postgres_own_words_and_nothing_is_left_running(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        postgres = Postgres(data, taken.getsockname()[1], durable=False)
        with pytest.raises(RuntimeError, match="Address already in use"):
            postgres.start()
    assert not postgres.running
    postgres.start()
    postgres.stop()


# as a program


def launched(data: Path, *before: str) -> tuple[subprocess.Popen[str], str]:
    """Run the module and wait for its one line; return the process and the line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [*before, sys.executable, "-m", "infra.local.postgres", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"postgres ready on 127.0.0.1:{port}\n"
    return process, Postgres(data, port).url


def unserved(url: str) -> bool:
    port = int(re.findall(r":(\d+)/", url)[0])
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_serves_until_it_is_told_to_stop_whoever_is_connected(data: Path, number: signal.Signals) -> None:
    process, url = launched(data)
    with process, closing(plain_connection(url)) as connection:
        assert connection.run("select 1") == [[1]]
        process.send_signal(number)
        assert process.stdout is not None
        assert (process.wait(15), process.stdout.read()) == (0, "")
        assert unserved(url)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="a process cannot be tied to its parent here")
def test_a_killed_program_takes_its_server_along(data: Path) -> None:
    process, url = launched(data)
    with process:
        server = psutil.Process(process.pid).children()[0]
        process.kill()
    psutil.wait_procs([server], timeout=10)
    assert unserved(url)
    with Postgres(data, durable=False) as postgres:
        assert query(postgres.url, "select 1") == [[1]]


@pytest.mark.skipif(not launcher._namespaces_allowed(), reason="nobody else to be")
def test_an_ordinary_user_needs_nothing_special(data: Path) -> None:
    process, url = launched(data, "unshare", "--user", "--map-user=1000", "--map-group=1000")
    with process:
        assert query(url, "select 1") == [[1]]
        process.terminate()
        assert process.wait(15) == 0
