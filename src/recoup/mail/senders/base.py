"""
What takes a mail out of the house.

Raised are, by what the caller can do next,

    Undeliverable     refused for good: this mail to this address will never go
    MailUnreachable   not taken, or nobody knows: the same message again, later
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from email.message import EmailMessage
from typing import Protocol, runtime_checkable


class Sender(Protocol):
    """
    One way to send. It is handed whole messages and reads nothing but their headers.

    A sender keeps no state that matters: any thread may call it, at any time. It sends to the
    addresses under `To` and to nobody else. The same message may be handed over again; it has
    the same Message-ID then.
    """

    def send(self, message: EmailMessage) -> None:
        """
        Hand `message` over. Returning means: it was taken.

        Raises:
            Undeliverable: trying again can not help.
            MailUnreachable: try again later. Its `accepted_maybe` tells whether this message may
                have been taken all the same.
        """
        ...


@runtime_checkable
class SendsMany(Protocol):
    """A sender for which many mails cost less than as often one. Optional."""

    def session(self) -> AbstractContextManager[Sender]:
        """
        Give a sender for many mails in a row, for one thread.

        Nothing is begun before the first of them. What becomes of one mail says nothing about
        the others, except that after a server did not answer it may not be asked again.
        """
        ...


@contextmanager
def session(sender: Sender) -> Iterator[Sender]:
    """Give what sends many mails in a row: the sender's own session, or the sender itself."""
    if isinstance(sender, SendsMany):
        with sender.session() as one:
            yield one
    else:
        yield sender
