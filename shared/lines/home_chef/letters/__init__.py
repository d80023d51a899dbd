"""The mails of this line, by kind of notification: pure, from its facts."""

from shared.kit.email_template import EmailTemplate
from shared.lines.home_chef.letters import chef, customer
from shared.lines.home_chef.letters.words import Write
from shared.lines.home_chef.visit import VisitFacts
from shared.notifications.notice import Reader

LETTERS: dict[str, Write] = customer.LETTERS | chef.LETTERS


def letter(kind: str, facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return LETTERS[kind](facts, reader)
