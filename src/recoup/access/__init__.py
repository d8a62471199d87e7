"""
Every way in which systems of the host's own follow, by name.

A webhook is made of RECOUP_ACCESS_URL, a callable of what `recoup.access.use` is given.
"""

from collections.abc import Mapping
from typing import Final

from recoup.access.base import AccessStore
from recoup.access.callable import Callable
from recoup.access.none import Nobody
from recoup.access.webhook import Webhook

STORES: Final[Mapping[str, type[AccessStore]]] = {
    "webhook": Webhook,
    "callable": Callable,
    "none": Nobody,
}
