"""A burst of simultaneous requests: all clients connect before the first request, and each sends one.

`python -m tests.bench.rush PORT` reads requests from standard input, one JSON object a line (`method`,
`path`, `headers`, `body`), and prints one JSON object: seconds until the last answer, each one's latency in seconds,
and how often each status was answered, with the problem's code where it has one.
"""

import asyncio
import json
import sys
import time
from collections import Counter

from tests.bench.load import written


def outcome(answer: bytes) -> str:
    """Return the status of a raw response, with a problem document's code after a colon."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head[9:12].decode()
    problem = json.loads(body) if status.startswith("4") else {}
    return f"{status}:{problem['code']}" if "code" in problem else status


async def rush(requests: list[bytes], port: int) -> dict[str, object]:
    ends = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in requests))
    began = time.perf_counter()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[float, str]:
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return time.perf_counter() - began, outcome(answer)

    answered = await asyncio.gather(*(send(*end, request) for end, request in zip(ends, requests, strict=True)))
    latencies = [latency for latency, _ in answered]
    return {"lasted": max(latencies), "latencies": latencies, "statuses": Counter(status for _, status in answered)}


if __name__ == "__main__":
    known = [json.loads(line) for line in sys.stdin]
    for one in known:
        one["headers"]["Connection"] = "close"
    json.dump(asyncio.run(rush([written(one, int(sys.argv[1])) for one in known], int(sys.argv[1]))), sys.stdout)
