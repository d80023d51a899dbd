"""The benchmark's delayed connection: answers arrive late by the given delay, in order, and not later."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.round_trips import CountingProxy


def echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        while received := connection.recv(100):
            connection.sendall(received)


@pytest.fixture
def line() -> Iterator[CountingProxy]:
    """Yield a delayed connection to an echo server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        echo_server = threading.Thread(target=echo, args=(server,))
        echo_server.start()
        with CountingProxy(*server.getsockname()[:2]) as line:
            yield line
        echo_server.join(5)


@pytest.fixture
def caller(line: CountingProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", line.url_port), 5) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield caller


def took(caller: socket.socket, times: int) -> float:
    """Return the shortest of so many round trips in seconds: other load only makes them longer."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        caller.sendall(b"x")
        caller.recv(1)
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.mark.parametrize("delay", [0.001, 0.005])
def test_answer_is_delayed_by_given_time(line: CountingProxy, caller: socket.socket, delay: float) -> None:
    """Fails for 1.2 ms, which epoll rounds to 2: it waits for whole milliseconds."""
    at_once = took(caller, 20)
    line.delay = delay
    assert delay <= took(caller, 20) - at_once + 0.0001 < delay + 0.0006


def test_delayed_answers_overlap(line: CountingProxy, caller: socket.socket) -> None:
    line.delay = 0.02
    began, sent = time.perf_counter(), bytes(range(50))
    for each in sent:
        caller.sendall(bytes([each]))
        time.sleep(0.0005)
    received = b""
    while len(received) < len(sent):
        received += caller.recv(100)
    assert received == sent
    assert time.perf_counter() - began < 0.02 * 10
