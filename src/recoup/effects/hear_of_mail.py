"""
Understands what a provider posted about a mail: that it bounced, or that somebody complained.

The post is kept before it is understood, and gone when it is. What means nothing to us is put
aside with a reason, for a person to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.effects._hearing import hear
from recoup.effects.base import World
from recoup.errors import Unreadable
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Snooze, Wish
from recoup.mail.hearing import READERS
from recoup.store.delivery import posts
from recoup.store.delivery.posts import Post

KIND: Final = "hear_of_mail"
QUEUE: Final = "webhooks"
#: A provider may post before we have recorded that it took the mail: so long we wait for that.
PATIENCE: Final = timedelta(hours=1)
LATER: Final = timedelta(minutes=1)


def handler(world: World) -> Handler:
    """Return how effects of kind `hear_of_mail` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        # One by one: each locks customers of its own, and one that fails holds up no other.
        for claim in claims:
            with desk.engine.begin() as connection:
                wish = _understood(world, connection, claim, now=desk.now())
                desk.settle(connection, {claim: wish})

    return Handler(run, batch=20)


def _understood(world: World, connection: Connection, claim: Claim, *, now: datetime) -> Wish:
    id = int(claim.args["post_id"] or 0)
    post = posts.read(connection, [id]).get(id)
    if post is None:
        return Cancel("the post has been dealt with")
    state, reason = _applied(world, connection, post, now=now)
    if state is None:
        return Snooze(now + LATER, reason or "")
    posts.end(connection, id, state=state, reason=reason, now=now)
    return Done({"state": state})


def _applied(
    world: World, connection: Connection, post: Post, *, now: datetime
) -> tuple[str | None, str | None]:
    """Return what became of a post and why; no state: it is to be looked at again."""
    reader = READERS.get(post.source)
    if reader is None:
        return "parked", f"nobody here understands posts of {post.source}"
    try:
        heard = reader(post.raw)
    except Unreadable as error:
        return "parked", str(error)
    if isinstance(heard, str):
        return "ignored", heard
    came = hear(world, connection, heard, now=now, wait=now - post.received_at < PATIENCE)
    if came.early:
        return None, "no mail of this name is on record as sent yet"
    return ("ignored", "it is about nobody we know") if came.nothing else ("applied", None)
