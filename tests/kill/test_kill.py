"""A function is killed before and after each commit, call of the gateway, task and mail; whoever was left without an
answer asks again, time passes, and in the end everything is as if nobody had been killed: the money once, each mail once.
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
    """What has happened before, what is interrupted, how the booking ends, which kinds of boundaries are met, what follows."""

    before: tuple[Act, ...]
    act: Act
    ends: tuple[str, str]
    meets: str
    after: tuple[Act, ...] = ()


def rest(world: World, _: Visit) -> None:
    world.rest()


def time_passes(world: World, _: Visit) -> None:
    world.time_passes()


def deliver(world: World, _: Visit) -> None:
    world.deliver()


def lose_tasks(world: World, _: Visit) -> None:
    world.lose_tasks()


def sweep(world: World, _: Visit) -> None:
    world.run_job("sweep")


def reconcile(world: World, _: Visit) -> None:
    world.run_job("reconcile")


PAID_UNHEARD = (World.initiate, World.pay)
TOO_LATE = (World.initiate, World.cancelled_unpaid, deliver, World.pay)
PAID = (*PAID_UNHEARD, World.poll, rest)
CONFIRMED, CANCELLED = ("confirmed", "success"), ("cancelled", "refunded")
SENT_BACK = (*PAID, World.cancel, deliver)
STORIES = {
    "a payment is started": Story((), World.initiate, CONFIRMED, "commit gateway's task", (World.pay, World.poll)),
    "a callback comes": Story(PAID_UNHEARD, World.report, CONFIRMED, "commit task"),
    "a callback is looked into": Story((*PAID_UNHEARD, World.report), deliver, CONFIRMED, "commit gateway's task"),
    "a customer asks": Story(PAID_UNHEARD, World.poll, CONFIRMED, "commit gateway's task"),
    "payments are reconciled": Story((*PAID_UNHEARD, time_passes), reconcile, CONFIRMED, "commit gateway's task"),
    "people are told": Story((*PAID_UNHEARD, World.poll), deliver, CONFIRMED, "commit mail"),
    "what is overdue is swept": Story(
        (*PAID_UNHEARD, World.poll, lose_tasks, time_passes), sweep, CONFIRMED, "commit task"
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
    """Play a story; returns the boundaries its functions came to, and the end.

    With `deadly` the function that comes to the boundary of that number is killed.
    """
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
def test_killed_anywhere_everything_ends_as_if_nobody_had_been_killed(world: World, title: str):
    """Fails when a promise is marked done before it is kept (`queries.mark_done` first in `handle`: mails are lost), when a
    mail has an id of its own each time, when an attempt that died without a page keeps the next from beginning
    (`CALL_ENDS`), and when a refund the gateway has never heard of is not sent again (`RESEND_AFTER`)."""
    story = STORIES[title]
    boundaries, undisturbed = play(world, story)
    assert {where.split()[2] for where in boundaries} == set(story.meets.split())
    assert undisturbed["booking"][0][:2] == list(story.ends)
    ended = {}
    for deadly, where in enumerate(boundaries, 1):
        passed, end = play(world, story, deadly)
        assert passed[deadly - 1 : deadly] == [where]
        assert world.boundaries.deaths() == [where.partition(":")[0]]
        if end != undisturbed:
            ended[f"{deadly} {where}"] = {name: end[name] for name in end if end[name] != undisturbed[name]}
    assert ended == {}
