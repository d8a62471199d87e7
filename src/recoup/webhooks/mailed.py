"""
The door for what a mail provider posts: whose bytes they are, kept, and understood by an effect.

As with events of processors a 2xx is a promise: it is given when the post is committed with the
effect that understands it, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from sqlalchemy import Engine

from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.mail.hearing import resend
from recoup.store import database
from recoup.store.delivery import posts
from recoup.store.inbox import LARGEST
from recoup.webhooks.post import OVERSIZE, Answer, Headers, Holder

#: The kind of effect that understands a post, and the queue it is on.
KIND: Final = "hear_of_mail"
QUEUE: Final = "webhooks"

NO_SECRET: Final = Answer(404, "no_secret", "no secret for posts about mails is configured")
UNSIGNED: Final = Answer(
    400, "signature_wrong", "the signature does not hold for these bytes, here and now"
)


@dataclass(frozen=True, slots=True)
class MailDoor:
    """
    Where posts of Resend come in.

    Args:
        secrets: All that they may be signed with now. None of them: nothing comes in.
        now: Tells the UTC instant.
    """

    engine: Engine
    secrets: tuple[str, ...] = field(repr=False)
    now: Callable[[], datetime]

    @classmethod
    def of(cls, recoup: Holder, *, engine: Engine | None = None) -> Self:
        """Return the door of a `Recoup`, on its own connections or on those of `engine`."""
        secrets = recoup.config.mail_secrets()
        return cls(engine or recoup.database, secrets, recoup.clock.now)

    def presented(self, headers: Headers) -> str | None:
        """Return what of a request's headers proves whose its body is."""
        return resend.joined(headers.get)

    def refused(self, body: bytes, header: str | None) -> Answer | None:
        """Return why `body` is not let in, or None."""
        if len(body) > LARGEST:
            return OVERSIZE
        if not self.secrets:
            return NO_SECRET
        signed = resend.signed(body, header, secrets=self.secrets, now=self.now())
        return None if signed else UNSIGNED

    def keep(self, bodies: Sequence[bytes]) -> None:
        """
        Keep `bodies` and have them understood, in one transaction; repeats change nothing.

        Raises:
            Exception: the database failed. Nothing is kept, or nobody knows: the same again tells.
        """
        try:
            self._keep(bodies)
        except Exception as error:
            if not database.is_lost(error):
                raise
            self.engine.dispose()  # the server was restarted: all that we hold are dead
            self._keep(bodies)

    def alive(self) -> bool:
        """Whether the database answers."""
        try:
            with self.engine.connect() as connection:
                posts.read(connection, [])
        except Exception:  # noqa: BLE001  whatever it is, it does not
            return False
        return True

    def _keep(self, bodies: Sequence[bytes]) -> None:
        now = self.now()
        with self.engine.begin() as connection:
            ids = posts.keep(connection, "resend", bodies, now=now)
            effects = [
                NewEffect(KIND, f"{KIND}:{id}", now, QUEUE, None, {"post_id": id}) for id in ids
            ]
            queue.enqueue(connection, effects, now=now)
