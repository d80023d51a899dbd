"""Upstash's REST API (upstash.com/docs/redis/features/restapi) in front of a Redis on this machine.

`python -m infra.local.upstash --port N --redis-port M --token T`; `GET /health` pings Redis. As at Upstash: commands
as JSON or as a path, `/pipeline`, `/multi-exec`, base64 responses, and scripts with Upstash's first-line flag.
"""

import argparse
import hmac
import json
import os
import signal
import socket
import threading
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from infra.local.resp import Command, ErrorReply, RedisConnection, RedisDown

# Commands that change or occupy the connection, which has no meaning in a single request.
_NOT_OVER_REST: Final = frozenset(
    {"CLIENT", "EXEC", "HELLO", "MONITOR", "MULTI", "PSUBSCRIBE", "RESET", "SELECT", "SUBSCRIBE", "WATCH"}
)


class NotACommand(Exception):
    """The request contains no valid Redis command."""


def _command_of(parts: Any) -> Command:
    """Return the words of a command sent as a JSON array."""
    if not isinstance(parts, list) or not parts:
        raise NotACommand("ERR a command is a JSON array of its name and arguments")
    return _permitted([_word(part) for part in parts])


def _commands_of(rows: Any) -> list[Command]:
    if not isinstance(rows, list) or not rows:
        raise NotACommand("ERR a pipeline is a JSON array of commands")
    return [_command_of(row) for row in rows]


def _command_in(path: str, query: str, body: bytes) -> Command:
    """Return the words of a command sent as a path; the body is its last argument, query parameters follow."""
    words = [unquote_to_bytes(segment) for segment in path.strip("/").split("/")]
    options = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "_token"]
    flat = [word.encode() for pair in options for word in pair if word]
    return _permitted([*words, *([body] if body else []), *flat])


def _word(part: Any) -> bytes:
    if isinstance(part, str):
        return part.encode(errors="surrogatepass")
    if isinstance(part, bool | int | float):
        return json.dumps(part).encode()
    raise NotACommand("ERR an argument is a string or a number")


def _permitted(command: Command) -> Command:
    name = command[0].decode(errors="replace").upper()
    if name in _NOT_OVER_REST:
        raise NotACommand(f"ERR Command is not available: '{name}'")
    if name in {"EVAL", "EVAL_RO"} and len(command) > 1:
        command[1] = _without_flags(command[1])
    elif name == "SCRIPT" and len(command) > 2:
        command[2] = _without_flags(command[2])
    return command


def _without_flags(script: bytes) -> bytes:
    # Redis refuses scripts with the flags that Upstash's libraries write there.
    return script.partition(b"\n")[2] if script.startswith(b"#!lua") else script


def _outcome(reply: Any, base64: bool) -> dict[str, Any]:
    return {"error": reply} if isinstance(reply, ErrorReply) else {"result": _json(reply, base64)}


def _json(reply: Any, base64: bool) -> Any:
    if isinstance(reply, list):
        return [_json(item, base64) for item in reply]
    if not isinstance(reply, bytes):
        return reply
    return b64encode(reply).decode() if base64 and reply != b"OK" else reply.decode(errors="replace")


class _Handler(BaseHTTPRequestHandler):
    """One keep-alive connection of a client, with its own connection to Redis."""

    server: "_Server"
    protocol_version = "HTTP/1.1"
    timeout = 75  # seconds a connection may be idle
    wbufsize = -1  # headers and body are sent in one segment; two segments would wait 40 ms for each other
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.redis = RedisConnection(self.server.redis_port)

    def finish(self) -> None:
        self.redis.close()
        super().finish()

    def do_POST(self) -> None:
        status, answer = self._answer()
        body = json.dumps(answer, ensure_ascii=False).encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_POST

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing, because a request line may contain values and the token."""

    def _answer(self) -> tuple[int, Any]:
        path, query = urlsplit(self.path)[2:4]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if path == "/health":
                return 200, _outcome(self.redis.execute([[b"PING"]])[0], base64=False)
            if not self._has_token(query):
                return 401, {"error": "WRONGPASS invalid or missing auth token"}
            if self.command not in {"HEAD", "GET", "POST", "PUT"}:
                return 405, {"error": "ERR method is not allowed"}
            return self._run(path, query, body)
        except (NotACommand, ValueError) as error:
            return 400, {"error": str(error) if isinstance(error, NotACommand) else "ERR failed to parse the command"}
        except RedisDown:
            return 503, {"error": "ERR the database is not available"}

    def _has_token(self, query: str) -> bool:
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        token = bearer or dict(parse_qsl(query)).get("_token", "")
        return hmac.compare_digest(token.encode(), self.server.token.encode())

    def _run(self, path: str, query: str, body: bytes) -> tuple[int, Any]:
        base64 = self.headers.get("Upstash-Encoding", "") == "base64"
        if path == "/pipeline":
            return 200, [_outcome(reply, base64) for reply in self.redis.execute(_commands_of(json.loads(body)))]
        if path == "/multi-exec":
            return self._transaction(_commands_of(json.loads(body)), base64)
        command = _command_of(json.loads(body)) if path in {"", "/"} else _command_in(path, query, body)
        answer = _outcome(self.redis.execute([command])[0], base64)
        return (400 if "error" in answer else 200), answer

    def _transaction(self, commands: list[Command], base64: bool) -> tuple[int, Any]:
        _, *queued, replies = self.redis.execute([[b"MULTI"], *commands, [b"EXEC"]])
        if isinstance(replies, ErrorReply):
            refused = [reply for reply in queued if isinstance(reply, ErrorReply)]
            return 400, {"error": [*refused, replies][0]}
        return 200, [_outcome(reply, base64) for reply in replies]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # close waits for the threads
    request_queue_size = 128

    def __init__(self, port: int, redis_port: int, token: str) -> None:
        self.redis_port, self.token = redis_port, token
        self._connected: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connected.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connected.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._connected):
            with suppress(OSError):  # it may already be closing
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class UpstashBridge:
    """The bridge as a thread of this process; `port` 0 takes a free one, which `url` contains."""

    def __init__(self, redis_port: int, token: str, port: int = 0) -> None:
        self._server = _Server(port, redis_port, token)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every connection, active or idle."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Upstash's REST API over a Redis on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis-port", type=int, required=True)
    kept = os.environ.get("UPSTASH_REDIS_REST_TOKEN")  # every user of a machine can read command lines
    parser.add_argument("--token", default=kept, required=not kept, help="the bearer token of clients")
    given = parser.parse_args()
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, ending
    )  # before any thread starts, so that all threads leave the signal to sigwait
    bridge = UpstashBridge(given.redis_port, given.token, given.port)
    bridge.start()
    signal.sigwait(ending)
    bridge.stop()


if __name__ == "__main__":
    main()
