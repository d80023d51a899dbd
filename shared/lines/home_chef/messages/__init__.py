"""The words of everything this line tells people, by kind; pure text from the facts of a notification (`telling.facts_of`).

Amounts are paise, instants ISO texts. What a kind needs beyond those facts: `pay_by` (booked), `answer_by` or null
(visit_to_answer, visit_moved), `from_day` and `from_time` (rescheduled, visit_moved), `amount` (what goes back; refunds,
cancelled_by_us, and rescheduled where the new time is cheaper), `why` (cancelled_by_us), `invoice` (completed, if any).
"""

from shared.kit.letter import Letter
from shared.lines.home_chef.messages import chef, customer
from shared.lines.home_chef.messages.words import Facts, Write

LETTERS: dict[str, Write] = customer.LETTERS | chef.LETTERS


def letter(kind: str, facts: Facts, name: str | None) -> Letter:
    return LETTERS[kind](facts, name)
