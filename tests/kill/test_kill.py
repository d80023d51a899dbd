"""A function killed before or after any commit, gateway call, task or mail leaves the same outcome.

Clients without an answer retry, time passes, and money moves and mails arrive exactly once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.kill.outcome import outcome
from tests.kill.world import Visit, World, start_world
from tests.postgres_server import shared_postgres
from tests.waiting import until

Act = Callable[[World, Visit], None]


@dataclass(frozen=True)
class Story:
    """A scenario: its setup, the interrupted step, the final status, the kinds of boundaries, what follows."""

    before: tuple[Act, ...]
    act: Act
    ends: tuple[str, str]
    boundary_kinds: str
    after: tuple[Act, ...] = ()


def rest(world: World, _: Visit) -> None:
    world.rest()


def time_passes(world: World, _: Visit) -> None:
    world.time_passes()


def deliver(world: World, _: Visit) -> None:
    world.deliver()


def delete_tasks(world: World, _: Visit) -> None:
    world.delete_tasks()


def sweep(world: World, _: Visit) -> None:
    world.run_job("sweep")


def reconcile(world: World, _: Visit) -> None:
    world.run_job("reconcile")


PAID_WITHOUT_SIGNAL = (World.initiate, World.pay)
TOO_LATE = (World.initiate, World.cancelled_unpaid, deliver, World.pay)
PAID = (*PAID_WITHOUT_SIGNAL, World.poll, rest)
CONFIRMED, CANCELLED = ("confirmed", "success"), ("cancelled", "refunded")
SENT_BACK = (*PAID, World.cancel, deliver)
STORIES = {
    "a payment is started": Story((), World.initiate, CONFIRMED, "commit gateway's task", (World.pay, World.poll)),
    "a callback comes": Story(PAID_WITHOUT_SIGNAL, World.report, CONFIRMED, "commit task"),
    "a callback is looked into": Story(
        (*PAID_WITHOUT_SIGNAL, World.report), deliver, CONFIRMED, "commit gateway's task"
    ),
    "a customer asks": Story(PAID_WITHOUT_SIGNAL, World.poll, CONFIRMED, "commit gateway's task"),
    "payments are reconciled": Story(
        (*PAID_WITHOUT_SIGNAL, time_passes), reconcile, CONFIRMED, "commit gateway's task"
    ),
    "people are told": Story((*PAID_WITHOUT_SIGNAL, World.poll), deliver, CONFIRMED, "commit mail"),
    "what is overdue is swept": Story(
        (*PAID_WITHOUT_SIGNAL, World.poll, delete_tasks, time_passes), sweep, CONFIRMED, "commit task"
    ),
    "a visit is cancelled": Story(PAID, World.cancel, CANCELLED, "commit task"),
    "a refund is sent": Story((*PAID, World.cancel), deliver, CANCELLED, "commit mail gateway's"),
    "a refund is followed": Story((*SENT_BACK, time_passes), reconcile, CANCELLED, "commit gateway's task"),
    "a payment comes too late": Story((*TOO_LATE, World.report), deliver, CANCELLED, "commit gateway's task"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, template: str) -> Iterator[World]:
    with start_world(tmp_path_factory.mktemp("kill"), shared_postgres().new_database(template)) as running:
        yield running


def play(world: World, story: Story, deadly: int = 0) -> tuple[list[str], dict[str, Any]]:
    """Play a story; returns its boundaries and its outcome. With `deadly` a function is killed at that boundary."""
    visit = world.booked()
    for act in story.before:
        act(world, visit)
    world.boundaries.watch(deadly)
    story.act(world, visit)
    passed = world.boundaries.passed()
    until(lambda: not deadly or world.boundaries.deaths())
    for act in (*story.after, rest):
        act(world, visit)
    return passed, outcome(world, visit)


@pytest.mark.parametrize("title", STORIES)
def test_kill_at_any_boundary_leaves_same_outcome(world: World, title: str):
    """Fails when a message is marked done before it is handled (`queries.done` first in `handle`: mails are lost), when
    each sending has a new Message-ID, when an attempt without a page blocks the next (`CALL_ENDS`), and when a refund
    unknown to the gateway is not resent (`RESEND_AFTER`)."""
    story = STORIES[title]
    boundaries, undisturbed_run = play(world, story)
    assert {boundary.split()[2] for boundary in boundaries} == set(story.boundary_kinds.split())
    assert undisturbed_run["booking"][0][:2] == list(story.ends)
    ended = {}
    for deadly, boundary in enumerate(boundaries, 1):
        passed, end = play(world, story, deadly)
        assert passed[deadly - 1 : deadly] == [boundary]
        assert world.boundaries.deaths() == [boundary.partition(":")[0]]
        if end != undisturbed_run:
            ended[f"{deadly} {boundary}"] = {name: end[name] for name in end if end[name] != undisturbed_run[name]}
    assert ended == {}
