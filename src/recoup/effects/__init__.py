"""
Every kind of effect, and what makes its handler.

A host's own functions have kinds of their own, "tell:NAME", which `Listeners` adds. So have the
endpoints of webhooks out, "post:ID", which `Endpoints` adds while there are any, and so has what
follows customers' access, which `Access` adds if there is anything.
"""

from collections.abc import Callable, Mapping
from typing import Final

from recoup.effects import (
    absorb,
    ask,
    collect,
    document,
    end_subscription,
    expire,
    hear_of_mail,
    send_mail,
    step,
)
from recoup.effects import endpoints as endpoints
from recoup.effects import post as post
from recoup.effects import sync_access as sync_access
from recoup.effects._access import Access as Access
from recoup.effects._access import posting as posting
from recoup.effects._attaching import BRINGS as BRINGS
from recoup.effects._hearing import Hearing as Hearing
from recoup.effects._mailing import Mailing as Mailing
from recoup.effects._papers import Issued as Issued
from recoup.effects._papers import Issuer as Issuer
from recoup.effects._papers import Papers as Papers
from recoup.effects.base import World
from recoup.effects.tell import Listeners as Listeners
from recoup.jobs.base import Handler

EFFECTS: Final[Mapping[str, Callable[[World], Handler]]] = {
    "absorb": absorb.handler,
    "ask": ask.handler,
    "collect": collect.handler,
    "document": document.handler,
    "end_subscription": end_subscription.handler,
    "expire": expire.handler,
    "hear_of_mail": hear_of_mail.handler,
    "send_mail": send_mail.handler,
    "step": step.handler,
}
