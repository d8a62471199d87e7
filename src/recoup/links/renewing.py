"""A fresh link for one that has expired: by mail, to the address on file, and never on a page."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.commands.base import Office
from recoup.core.links import Claim
from recoup.core.occasions import Posted
from recoup.errors import NotFound, NotPossible
from recoup.store import links, observe
from recoup.store.mails.post import post
from recoup.store.records import customers

#: One link is renewed so seldom, and a customer is sent no more within a day.
SPAN: Final = timedelta(hours=1)
MOST_A_DAY: Final = 5


def send(office: Office, claim: Claim | None) -> None:
    """
    Have a fresh link sent for a claim of ours, unless one is under way; None: for nothing.

    Who asks is told nothing, and waits about as long in every case.
    """
    with office.writing() as connection:
        known = observe.lock(connection, [claim.customer if claim else 0])
        now = office.now()
        if claim is None or not known or not _may(connection, claim.customer):
            return
        if links.sent(connection, claim.customer, since=now - timedelta(days=1)) >= MOST_A_DAY:
            return
        key = f"{links.FRESH}:{claim.customer}:{claim.purpose}:{claim.scope}:{now:%Y%m%d%H}"
        args = {"link": claim.purpose.value, "scope": claim.scope}
        post(connection, [Posted(links.FRESH, key, claim.customer, args)], now=now)


def _may(connection: Connection, id: int) -> bool:
    """Whether the customer is there and has an address."""
    try:
        return bool(customers.living(connection, id)["email"])
    except (NotFound, NotPossible):
        return False
