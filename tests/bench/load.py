"""Concurrent clients in a process of their own: each sends requests one after the other on one connection.

`python -m tests.bench.load PORT CLIENTS SECONDS` reads requests from standard input, one JSON object a line
(`method`, `path`, `headers`, `body`), deals them out in turn, starts again at the end where `--again` is said, and prints
one JSON object: latencies in seconds, and how often each status was answered.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator


def written(request: dict[str, object], port: int) -> bytes:
    body = str(request.get("body") or "").encode()
    headers = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), **dict(request["headers"])}  # type: ignore[call-overload]
    lines = [
        f"{request['method']} {request['path']} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def answered(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lowered[at + 15 : lowered.index(b"\r\n", at)]))
    else:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    return status


class Crowd:
    def __init__(self, port: int, requests: Iterator[bytes], seconds: float) -> None:
        self.port, self.requests, self.seconds = port, requests, seconds
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()

    async def run(self, clients: int) -> float:
        began = time.perf_counter()
        self.until = began + self.seconds
        await asyncio.gather(*(self._client() for _ in range(clients)))
        return time.perf_counter() - began

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for request in self.requests:
            if time.perf_counter() >= self.until:
                break
            began = time.perf_counter()
            writer.write(request)
            self.statuses[await answered(reader)] += 1
            self.latencies.append(time.perf_counter() - began)
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()
    known = [written(json.loads(line), args.port) for line in sys.stdin]
    crowd = Crowd(args.port, itertools.cycle(known) if args.again else iter(known), args.seconds)
    lasted = asyncio.run(crowd.run(args.clients))
    json.dump({"lasted": lasted, "latencies": crowd.latencies, "statuses": crowd.statuses}, sys.stdout)


if __name__ == "__main__":
    main()
