"""
The verbs inside a host's transaction: recorded there, carried out after its commit.

    with Session(engine) as session, session.begin():
        session.add(order)
        recorded = recoup.using(session).subscriptions.start(customer, plan="pro")
    recoup.wait(recorded.key)

See docs/transactions.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar

from recoup.commands.base import Office
from recoup.commands.coupons import Coupons
from recoup.commands.customers import Customers
from recoup.commands.dunning import Dunning
from recoup.commands.invoices import Invoices
from recoup.commands.methods import Methods
from recoup.commands.payments import Payments
from recoup.commands.subscriptions import Subscriptions
from recoup.core.billing.views import Recorded
from recoup.errors import NotPossible
from recoup.store import lending
from recoup.store.lending import Host, Lender

Noun = TypeVar("Noun")


class Later(Generic[Noun]):
    """
    A noun whose verbs are recorded now and carried out after the host's commit.

    Its verbs take what the noun's do and return `Recorded`. `get` and `list` read in the host's
    transaction, and return what they always do.
    """

    def __init__(self, noun: Noun) -> None:
        self._noun = noun

    def __getattr__(self, name: str) -> Callable[..., Recorded]:
        if name.startswith("_"):
            raise AttributeError(name)
        verb: Callable[..., Recorded] = getattr(self._noun, name)
        return verb

    def __dir__(self) -> list[str]:
        return dir(self._noun)

    def __repr__(self) -> str:
        return f"Later({type(self._noun).__name__})"

    @property
    def get(self) -> Callable[..., Any]:
        """Read one."""
        return self._reading("get")

    @property
    def list(self) -> Callable[..., Any]:
        """Read some."""
        return self._reading("list")

    def _reading(self, name: str) -> Callable[..., Any]:
        read: Callable[..., Any] = getattr(self._noun, name)
        return read


class Bound:
    """Every noun, bound to a host's transaction. Make it with `Recoup.using`."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.customers = Later(Customers(office))
        self.methods = Later(Methods(office))
        self.subscriptions = Later(Subscriptions(office))
        self.invoices = Later(Invoices(office))
        self.payments = Later(Payments(office))
        self.coupons = Later(Coupons(office))
        self.dunning = Later(Dunning(office))


class Silent:
    """The processor while a host's transaction is open: it has a name and can not be asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, call: str) -> NoReturn:
        raise NotPossible(
            f"this asks the processor at once ({call}), and the host's transaction is open: "
            "call it outside"
        )


def bound(office: Office, lender: Lender, host: Host) -> Office:
    """
    Return the same office, recording on `host`.

    Raises:
        WrongConnection: `host` is nothing that can be recorded on.
    """
    lending.check(host)
    silent: Any = Silent(office.processor.name)
    return replace(office, bound=partial(lender.lent, host), processor=silent)
