"""
Mails of a batch on their way out: one conversation, each noted as soon as it is taken.

The next mails are made while a server is waited for. Only the thread that sends ever waits for
it, one mail at a time: so at most one mail is between a server's yes and its note.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import islice
from typing import Final

from sqlalchemy import Engine

from recoup.errors import MailUnreachable, Undeliverable
from recoup.jobs.base import Claim, Fail, Snooze, Wish
from recoup.jobs.words import described
from recoup.mail.senders.base import Sender, session
from recoup.store.delivery import taken

log: Final = logging.getLogger(__name__)

#: How long a mail waits that may have gone out: who sends it again at once doubles it for sure
#: where the server was only slow.
IN_DOUBT: Final = timedelta(minutes=30)
#: So many mails are made before their turn.
AHEAD: Final = 3

_Waiting = tuple[Claim, "Letter", "Future[EmailMessage]"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that may go, and the way to make it."""

    mail_id: int
    key: str
    compose: Callable[[], EmailMessage]


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that was taken, or refused for good."""

    message_id: str | None  #: None: it could not even be made
    refused: str | None = None


@dataclass(slots=True)
class Round:
    """What became of the mails of a batch."""

    outcomes: dict[Claim, Sent | Wish] = field(default_factory=dict)
    doubts: set[int] = field(default_factory=set)  #: mails of which nobody knows


def send(
    sender: Sender, engine: Engine, letters: Mapping[Claim, Letter], *, now: Callable[[], datetime]
) -> Round:
    """
    Send every letter, or say what to do with it instead. No transaction is open meanwhile.

    What goes wrong with one is told of that one: raising it would have the others repeated.
    """
    done = Round()
    with session(sender) as one, taken.notes(engine) as notes:
        for claim, letter, made in _made(letters):
            outcome = _send(one, letter, made, done.doubts, now())
            if isinstance(outcome, Sent) and outcome.refused is None:
                notes.note(letter.mail_id, str(outcome.message_id), at=now())
            done.outcomes[claim] = outcome
    return done


def _made(letters: Mapping[Claim, Letter]) -> Iterator[_Waiting]:
    """Yield the letters in order, each with the mail that is being made of it."""
    if not letters:
        return
    left = iter(letters.items())
    with ThreadPoolExecutor(1, thread_name_prefix="recoup mails") as maker:

        def begun(count: int) -> Iterator[_Waiting]:
            for claim, letter in islice(left, count):
                yield claim, letter, maker.submit(copy_context().run, letter.compose)

        waiting = deque(begun(AHEAD))
        while waiting:
            waiting.extend(begun(1))
            yield waiting.popleft()


def _send(
    sender: Sender,
    letter: Letter,
    made: Future[EmailMessage],
    doubts: set[int],
    now: datetime,
) -> Sent | Wish:
    id = None
    try:
        message = made.result()
        id = str(message["Message-ID"])
        sender.send(message)
    except Undeliverable as error:
        return Sent(id, str(error))
    except MailUnreachable as error:
        if error.after is not None:  # it costs no try: we are too fast, and nothing is wrong
            return Snooze(now + timedelta(seconds=error.after), str(error))
        if not error.accepted_maybe:
            return Fail(str(error))
        doubts.add(letter.mail_id)
        return Fail(str(error), after=IN_DOUBT)
    except Exception as error:
        # A class or a mailer of the host's may be wrong; mails of other types must go out.
        log.exception("mail %s could not be made or sent", letter.key)
        return Fail(described(error))
    return Sent(id)
