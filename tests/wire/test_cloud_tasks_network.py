"""Our Cloud Tasks client against a network that misbehaves."""

import json
import logging
import os
import socket
import socketserver
import threading
import time
import traceback
from contextlib import contextmanager

import pytest

import infra.cloud_tasks
from shared.outbox.queue import QueueUnavailable
from tests.waiting import until
from tests.wire.cloud_tasks_clients import GoogleTokenServer, a_task, our_clients


@pytest.fixture
def ours():
    with our_clients("http://worker.test") as make:
        yield make


@pytest.fixture
def metadata():
    with GoogleTokenServer() as server:
        yield server


CREATED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def raw_server(talk):
    """Serve connections with `talk(read_request, send, number)`, `number` counting connections from 1."""
    count = iter(range(1, 100))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            def read_request():
                length = 0
                while (line := self.rfile.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                return self.rfile.read(length)

            talk(read_request, self.request.sendall, next(count))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_):
            """Ignored, because these tests disconnect before the response."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def answering(status, body):
    def talk(read_request, send, _):
        read_request()
        payload = json.dumps(body).encode()
        send(b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(payload), payload))

    return talk


def google_error(code, status):
    return {"error": {"code": code, "message": f"in Google's words: {status}", "status": status}}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "ABORTED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
def test_a_refusal_has_googles_message_without_the_token(ours, metadata, caplog, code, status):
    with (
        caplog.at_level(logging.DEBUG),
        raw_server(answering(code, google_error(code, status))) as url,
        pytest.raises(QueueUnavailable, match=f"{code}.*{status}") as caught,
    ):
        ours(url, metadata.host).enqueue(a_task())
    assert "secret-token" not in caplog.text + "".join(traceback.format_exception(caught.value))


def test_a_name_already_taken_is_as_good(ours, metadata):
    with raw_server(answering(409, google_error(409, "ALREADY_EXISTS"))) as url:
        ours(url, metadata.host).enqueue(a_task())


def test_a_redirect_is_not_followed(ours, metadata):
    def talk(read_request, send, _):
        read_request()
        send(b"HTTP/1.1 307 X\r\nConnection: close\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with raw_server(talk) as url, pytest.raises(QueueUnavailable, match="307"):
        ours(url, metadata.host).enqueue(a_task())


def test_nothing_listening_is_a_queue_unavailable(ours, metadata):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(QueueUnavailable, match="ConnectionError"):
            ours(url, metadata.host).enqueue(a_task())


def refused_within(seconds, client):
    started = time.monotonic()
    with pytest.raises(QueueUnavailable):
        client.enqueue(a_task())
    return time.monotonic() - started < seconds


def test_a_hanging_server_blocks_no_caller(ours, metadata):
    released = threading.Event()
    with raw_server(lambda read_request, *_: (read_request(), released.wait(3))) as url:
        assert refused_within(0.4, ours(url, metadata.host, timeout=0.2))
        released.set()


def test_a_dribbling_server_blocks_no_caller(ours, metadata):
    released = threading.Event()

    def dribble(read_request, send, _):
        read_request()
        for byte in CREATED:  # each byte well within the socket's timeout
            if released.wait(0.05):
                return
            send(bytes([byte]))

    with raw_server(dribble) as url:
        assert refused_within(0.4, ours(url, metadata.host, timeout=0.2))
        released.set()


def test_a_hanging_name_server_blocks_no_caller(ours, metadata, monkeypatch):
    real = socket.getaddrinfo
    released = threading.Event()

    def slow(host, *args, **kwargs):
        if host == "cloudtasks.test":
            released.wait(3)
            raise socket.gaierror
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert refused_within(0.4, ours("http://cloudtasks.test", metadata.host, timeout=0.2))
    released.set()


def test_a_token_that_comes_too_late_holds_nobody_and_serves_the_next(ours):
    with (
        GoogleTokenServer(delay=0.3) as metadata,
        raw_server(lambda read_request, send, _: (read_request(), send(CREATED))) as url,
    ):
        client = ours(url, metadata.host, timeout=0.15)
        assert refused_within(0.29, client)
        until(lambda: client._identity._token.value)
        client.enqueue(a_task())
        assert metadata.calls == 1


def test_a_connection_is_kept_between_calls(ours, metadata):
    connections = []

    def talk(read_request, send, number):
        connections.append(number)
        while read_request():
            send(CREATED)

    with raw_server(talk) as url:
        client = ours(url, metadata.host)
        client.enqueue(a_task())
        client.enqueue(a_task())
        client.close()
    assert connections == [1]


def test_a_connection_closed_by_the_other_side_does_not_lose_the_try(ours, metadata):
    got = []

    def talk(read_request, send, number):
        got.append((number, json.loads(read_request())["task"]["name"]))
        send(CREATED)
        if number == 1:
            got.append((number, json.loads(read_request())["task"]["name"]))  # taken, and no answer

    with raw_server(talk) as url:
        client = ours(url, metadata.host)
        client.enqueue(a_task("first"))
        client.enqueue(a_task("second"))
        client.close()
    names = [(number, name.rpartition("/")[2]) for number, name in got]
    assert names == [(1, "first"), (1, "second"), (2, "second")]


def test_a_connection_left_idle_for_long_is_not_trusted(ours, metadata, monkeypatch):
    connections = []

    def talk(read_request, send, number):
        connections.append(number)
        while read_request():
            send(CREATED)

    with raw_server(talk) as url:
        client = ours(url, metadata.host)
        client.enqueue(a_task())
        monkeypatch.setattr(infra.cloud_tasks, "IDLE_LIMIT", 0)
        client.enqueue(a_task())
        client.close()
    assert connections == [1, 2]


def test_a_process_has_connections_of_its_own(ours, monkeypatch):
    connections = ours("http://cloudtasks.test", "metadata.test")._connections
    before = connections.session()
    assert connections.session() is before
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as a worker after its fork

    assert connections.session() is not before
