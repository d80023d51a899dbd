"""Customers who book, pay, poll, cancel and retry, and record their requests and answers."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

from tests.races.crowd import Member
from tests.system import STARTS, day

RETRY_SECONDS = 90.0  # seconds of retries for one answer: a killed function is back within a few
BUTTONS = ("pay", "pay", "pay", "pay", "decline", "pending")


@dataclass
class Request:
    """One request under one key, however often it was retried; `answers` has each status or connection error."""

    what: str
    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: uuid4().hex)
    answers: list[str] = field(default_factory=list)
    status: int = 0
    response: dict[str, Any] = field(default_factory=dict)


class Shopper:
    """One customer; `history` has every request, `violations` each broken guarantee."""

    def __init__(self, member: Member, seed: str) -> None:
        self.member, self.chance = member, random.Random(seed)
        self.history: list[Request] = []
        self.polled: Counter[str] = Counter()
        self.succeeded: set[str] = set()
        self.violations: list[str] = []
        self.open: dict[str, dict[str, Any]] = {}

    def shop(self, ended: threading.Event) -> None:
        acts = (self.book, self.pay, self.pay, self.cancel, self.repeat)
        while not ended.is_set():
            self.chance.choice(acts)()

    def book(self) -> None:
        body = {"booking_date": day(self.chance.randint(3, 57)), "time_slot": self.chance.choice(STARTS)}
        request = self.send("book", "/customer/bookings", body | {"address_id": self.member.address_id})
        if request.status == 201:
            self.open[request.response["id"]] = request.response

    def pay(self) -> None:
        """Open a page, press a button on it, and poll the payment's status."""
        booking_id = self._one_of_mine()
        if booking_id is None:
            return
        request = self.send("initiate", "/payments/initiate", {"booking_id": booking_id})
        if request.status == 200:
            pressed = {"outcome": self.chance.choice(BUTTONS)}
            url = request.response["payment_url"]
            self.member.http.post(url, data=pressed, allow_redirects=False, timeout=60).raise_for_status()
            self.poll(request.response["merchant_txn_id"])

    def poll(self, txn: str) -> None:
        try:
            answer = self.member.get(f"/payments/status/{txn}")
        except requests.RequestException as trouble:
            self.polled[type(trouble).__name__] += 1
            return
        self.polled[str(answer.status_code)] += 1
        if answer.ok and answer.json()["status"] == "success":
            self.succeeded.add(txn)

    def cancel(self) -> None:
        booking_id = self._one_of_mine()
        if booking_id is not None:
            del self.open[booking_id]
            self.send("cancel", f"/customer/bookings/{booking_id}/cancel", {"reason": "plans"})

    def repeat(self) -> None:
        """Repeat an answered request: the same key must return the same answer."""
        done = [request for request in self.history if request.status in {200, 201}]
        if done:
            before = self.chance.choice(done)
            again = self._retry(Request("repeat", before.path, before.body, before.key))
            self.history.append(again)
            if (again.status, again.response) != (before.status, before.response):
                self.violations.append(f"{before} was answered {again.status} {again.response} the second time")

    def send(self, what: str, path: str, body: dict[str, Any]) -> Request:
        request = self._retry(Request(what, path, body))
        self.history.append(request)
        return request

    def _retry(self, request: Request) -> Request:
        """Retry under one key until there is a final answer."""
        until = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < until:
            try:
                answer = self.member.post(request.path, request.body, Idempotency_Key=request.key)
            except requests.RequestException as trouble:
                request.answers.append(type(trouble).__name__)
            else:
                request.answers.append(str(answer.status_code))
                if answer.status_code < 500:
                    request.status, request.response = answer.status_code, answer.json()
                    return request
            time.sleep(0.2)
        self.violations.append(f"{request} had no answer in {RETRY_SECONDS} s")
        return request

    def _one_of_mine(self) -> str | None:
        return self.chance.choice(list(self.open)) if self.open else None
