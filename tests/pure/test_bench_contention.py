"""The counting of the contention benchmarks, and the adding up of memory."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from uuid import uuid4

import pytest

from tests.bench.contention.people import Member, World
from tests.bench.contention.runners import Shared
from tests.bench.contention.slots import Rush, different_slots
from tests.bench.memory import Held, counted
from tests.bench.rush import outcome
from tests.make import Person

ROLLUP = """55e4c8a00000-7ffd1f5fe000 ---p 00000000 00:00 0                          [rollup]
Rss:               76800 kB
Pss:               51200 kB
Pss_Anon:          40960 kB
Pss_File:          10240 kB
Pss_Shmem:          1024 kB
"""
STATUS = "Name:\tgunicorn\nVmRSS:\t   76800 kB\nRssAnon:\t   65536 kB\nRssFile:\t   11264 kB\nThreads:\t9\n"


def test_a_process_is_charged_its_part_of_what_no_file_backs():
    assert Held.read(ROLLUP, STATUS) == Held(own=41, files=11, resident=75)


def test_files_that_several_processes_map_are_counted_once():
    assert counted([Held(40, 20, 80), Held(44, 11, 75)]) == 40 + 44 + 20


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", "201"),
        (b'HTTP/1.1 409 Conflict\r\nServer: x\r\n\r\n{"code": "chef_unavailable"}', "409:chef_unavailable"),
        (b'HTTP/1.1 409 Conflict\r\n\r\n{"detail": "slot_taken"}', "409"),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\nInternal Server Error", "500"),
    ],
)
def test_an_answer_is_known_by_its_status_and_the_code_of_its_problem(answer, meant):
    assert outcome(answer) == meant


def test_a_percentile_is_the_latency_that_so_many_keep():
    rush = Rush(1.0, [second / 1000 for second in range(200, 0, -1)], Counter(), 1)
    assert (rush.at(50), rush.at(99), rush.at(100)) == (101, 199, 200)


@pytest.mark.parametrize(
    ("done", "everything", "once", "wrong"),
    [
        ([["a", "b"], ["c"]], 3, 3, 0),
        ([["a", "b"], ["b", "c"]], 3, 3, 1),  # by two
        ([["a", "a"], ["c"]], 2, 2, 1),  # twice by one
        ([["a"], ["b"]], 3, 2, 1),  # one nobody did
    ],
)
def test_jobs_done_twice_or_never_are_counted(done, everything, once, wrong):
    assert Shared(done, 1.0, everything, once).twice == wrong


def test_eight_at_one_chef_never_want_the_same_slot():
    """Fails when slots repeat or touch: what is refused then is no sign of contention."""
    members = [Member(f"token{nth}", uuid4()) for nth in range(8)]
    known = World("", datetime(2026, 11, 20, tzinfo=UTC), members, [])
    bodies = [json.loads(body["body"]) for body in different_slots(known, members, Person(uuid4(), "chef"), 3)]
    assert len(bodies) == 18
    starts = sorted((body["booking_date"], _minutes(body["time_slot"])) for body in bodies)
    assert all(one[0] != other[0] or abs(one[1] - other[1]) >= 150 for one, other in combinations(starts, 2))
    assert Counter(Counter(body["address_id"] for body in bodies).values()) == {2: 6, 3: 2}


def _minutes(clock):
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
