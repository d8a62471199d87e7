"""
Every kind of effect, and what makes its handler.

A host's own functions have kinds of their own, "tell:NAME", which `Listeners` adds. So have the
endpoints of webhooks out, "post:ID", which `Endpoints` adds while there are any.
"""

from collections.abc import Callable, Mapping
from typing import Final

from recoup.effects import absorb, ask, collect, end_subscription, expire, send_mail
from recoup.effects import endpoints as endpoints
from recoup.effects import post as post
from recoup.effects.base import World
from recoup.effects.tell import Listeners as Listeners
from recoup.jobs.base import Handler

EFFECTS: Final[Mapping[str, Callable[[World], Handler]]] = {
    "absorb": absorb.handler,
    "ask": ask.handler,
    "collect": collect.handler,
    "end_subscription": end_subscription.handler,
    "expire": expire.handler,
    "send_mail": send_mail.handler,
}
