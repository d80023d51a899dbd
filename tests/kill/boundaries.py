"""The boundaries of a function's work: before and after each commit, after each call of the gateway, each task handed to
the queue and each mail. (Before a call is after what came before it: outside nothing has changed meanwhile.) A process
that comes to the deadly one ends there and then, as by the kernel's own hand.
"""

import os
import signal
import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from infra.cloud_tasks import CloudTasks
from infra.postgres.connection import Connection

Name = Callable[..., str | None]


class Boundaries:
    """Those the functions have come to since `watch`, in files of `folder` that the test and all of them share."""

    def __init__(self, folder: Path) -> None:
        self._passed, self._deadly, self._died = folder / "passed", folder / "deadly", folder / "died"

    def watch(self, deadly: int = 0) -> None:
        """Count anew; whoever comes to the one with this number (from 1; 0 is none) is killed."""
        self._passed.write_text("")
        self._died.write_text("")
        self._deadly.write_text(str(deadly))

    def passed(self) -> list[str]:
        return self._passed.read_text().splitlines()

    def died(self, function: str) -> None:
        with self._died.open("a") as died:
            died.write(f"{function}\n")

    def deaths(self) -> list[str]:
        return self._died.read_text().splitlines()

    def come_to(self, what: str) -> None:
        with self._passed.open("a") as passed:
            passed.write(f"{what}\n")
        if len(self.passed()) == int(self._deadly.read_text()):
            os.kill(os.getpid(), signal.SIGKILL)


def install(boundaries: Boundaries, function: str, google: tuple[str, ...]) -> None:
    """Put the boundaries around what leaves this process.

    Google's servers at these addresses are left out: a token is asked for only now and then, and a task is counted
    where it is handed over.
    """

    def wrap(owner: type, method: str, name: Name, *, before: bool = False) -> None:
        inner = getattr(owner, method)

        def outer(*args: Any, **kwargs: Any) -> Any:
            what = name(*args, **kwargs)
            if what and before:
                boundaries.come_to(f"{function}: before {what}")
            answer = inner(*args, **kwargs)
            if what:
                boundaries.come_to(f"{function}: after {what}")
            return answer

        setattr(owner, method, outer)

    wrap(Connection, "commit", lambda connection: "commit" if connection._in_transaction else None, before=True)
    wrap(HTTPAdapter, "send", lambda _, sent, **__: None if sent.url.startswith(google) else _called(sent))
    wrap(CloudTasks, "enqueue", lambda _, task, *__: f"task for {task.queue}")
    wrap(smtplib.SMTP, "sendmail", lambda *_: "mail")


def _called(sent: Any) -> str:
    """Return what is called, without the ids that differ from run to run."""
    words = [word for word in urlsplit(sent.url).path.split("/") if word.islower()]
    return f"gateway's {'/'.join(words)}"
