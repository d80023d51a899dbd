"""The requests and responses of the benchmark's load generator, where an error would silently falsify figures."""

import asyncio

import pytest

from tests.bench.crowds import LoadResult
from tests.bench.load import answered, written

ANSWERS = {
    "by its length": b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{ }",
    "in chunks": b"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{ }\r\n1\r\n!\r\n0\r\n\r\n",
    "empty": b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_an_answer_is_read_to_its_end_and_no_further(answer: bytes) -> None:
    async def read() -> list[int]:
        reader = asyncio.StreamReader()
        reader.feed_data(answer * 2)
        reader.feed_eof()
        statuses = [await answered(reader), await answered(reader)]
        assert await reader.read() == b""
        return statuses

    assert asyncio.run(read()) == [int(answer[9:12])] * 2


def test_a_request_is_written_with_the_length_of_its_body() -> None:
    request = {"method": "POST", "path": "/x", "headers": {"Content-Type": "application/json"}, "body": '{"a": "é"}'}
    head, body = written(request, 80).split(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], body.decode()) == (b"POST /x HTTP/1.1", '{"a": "é"}')
    assert f"Content-Length: {len(body)}".encode() in head


def test_of_a_hundred_the_slowest_but_one_is_told() -> None:
    result = LoadResult(1.0, [float(number) for number in range(101)])
    assert (result.p50, result.p99) == (50, 99)
