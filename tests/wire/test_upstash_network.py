"""Our Redis client against a network that misbehaves."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

import infra.redis
from infra.redis import UpstashRedis
from shared.kit.store import StoreUnavailable


@contextmanager
def listening(serve: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """Yield a server that passes each connection, numbered from 1, to `serve` in its own thread."""
    threads: list[threading.Thread] = []
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    taken.append(listener.accept()[0])
                    threads.append(threading.Thread(target=guarded, args=(taken[-1], len(taken))))
                    threads[-1].start()

        def guarded(connection: socket.socket, number: int) -> None:
            with connection, suppress(OSError):
                serve(connection, number)

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in taken:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def request_on(connection: socket.socket) -> bytes:
    """Return one whole request; empty when the client has closed."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65536)
        if not more:
            return b""
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def always(answer: bytes) -> Callable[[socket.socket, int], None]:
    def serve(connection: socket.socket, _number: int) -> None:
        while request_on(connection):
            connection.sendall(answer)

    return serve


def swallow(connection: socket.socket, _number: int) -> None:
    """Read everything and never respond."""
    while connection.recv(65536):
        pass


def answered(status: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status.encode(), headers, len(body), body)


OK = answered("200 OK", b'{"result": 1}')


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    """The official client has no timeout: it would wait here for ever."""
    with listening(swallow) as url:
        client = UpstashRedis(url, "t", timeout=(0.2, 0.2))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            client.command("PING")
        assert time.monotonic() - began < 0.8
        assert caught.value.reason == "ReadTimeout"
        client.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(StoreUnavailable):
        UpstashRedis(f"http://127.0.0.1:{port}", "t").command("PING")


@pytest.mark.parametrize(
    "answer",
    [
        answered("500 Internal Server Error", b'{"error": "ERR internal"}'),
        answered("502 Bad Gateway", b"<html>bad gateway</html>"),
        answered("429 Too Many Requests", b'{"error": "slow down"}'),
        answered("200 OK", b"<html>a proxy's page</html>"),
        answered("200 OK", b'{"surprise": 1}'),
        answered("302 Found", headers=b"Location: http://127.0.0.1:1/\r\n"),
        answered("400 Bad Request", b'{"error": "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001."}'),
        answered("400 Bad Request", b'{"error": "ERR DB capacity quota exceeded"}'),
        answered("400 Bad Request", b'{"error": "LOADING Redis is loading the dataset in memory"}'),
    ],
    ids=["500", "502", "429", "200-html", "200-other", "302", "quota", "capacity", "loading"],
)
def test_an_answer_that_is_none_is_unavailable(answer: bytes) -> None:
    with listening(always(answer)) as url:
        client = UpstashRedis(url, "t")
        with pytest.raises(StoreUnavailable):
            client.command("PING")
        client.close()


def test_a_pipeline_with_missing_answers_is_unavailable() -> None:
    with listening(always(answered("200 OK", b'[{"result": 1}]'))) as url:
        client = UpstashRedis(url, "t")
        with pytest.raises(StoreUnavailable):
            client.pipeline([["INCR", "a"], ["INCR", "b"]])
        client.close()


def test_nothing_is_sent_twice_when_the_connection_dies_before_the_answer() -> None:
    seen: list[bytes] = []

    def hang_up(connection: socket.socket, _number: int) -> None:
        seen.append(request_on(connection))

    with listening(hang_up) as url:
        client = UpstashRedis(url, "t")
        with pytest.raises(StoreUnavailable):
            client.command("INCR", "n")
        client.close()
    assert len(seen) == 1


def test_one_connection_serves_many_calls() -> None:
    numbers: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        while request_on(connection):
            numbers.append(number)
            connection.sendall(OK)

    with listening(serve) as url:
        client = UpstashRedis(url, "t")
        for _ in range(3):
            client.command("PING")
        client.close()
    assert numbers == [1, 1, 1]


def test_an_idle_connection_closed_by_the_server_fails_no_call() -> None:
    def answer_once(connection: socket.socket, _number: int) -> None:
        if request_on(connection):
            connection.sendall(OK)

    with listening(answer_once) as url:
        client = UpstashRedis(url, "t")
        for _ in range(3):
            assert client.command("PING") == 1
            time.sleep(0.05)
        client.close()


def test_a_silently_dead_idle_connection_fails_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit too high (the first half) the first sign-in after a quiet minute gets no answer."""

    def only_the_first_time(connection: socket.socket, number: int) -> None:
        if request_on(connection):
            connection.sendall(OK)
            swallow(connection, number)

    with listening(only_the_first_time) as url:
        client = UpstashRedis(url, "t", timeout=(0.2, 0.2))
        assert client.command("PING") == 1
        with pytest.raises(StoreUnavailable):
            client.command("PING")
        monkeypatch.setattr(infra.redis, "IDLE_SECONDS", 0.05)
        for _ in range(3):
            time.sleep(0.06)
            assert client.command("PING") == 1
        client.close()
