"""
Recoup: what happens between "a customer should pay" and "the money is in".

The names below are public. Each is loaded when first asked for: importing needs no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from recoup.billing import Recoup as Recoup
    from recoup.config import Config as Config
    from recoup.core.activation import PaymentGate as PaymentGate
    from recoup.core.money import Money as Money
    from recoup.core.policy import Policies as Policies
    from recoup.core.policy import Policy as Policy
    from recoup.errors import RecoupError as RecoupError
    from recoup.store.events.catalogue import Event as Event

    __version__: str

__all__ = [
    "Config",
    "Event",
    "Money",
    "PaymentGate",
    "Policies",
    "Policy",
    "Recoup",
    "RecoupError",
    "__version__",
]

_HOMES: Final = {  #: public name -> the module that has it
    "Config": "recoup.config",
    "Event": "recoup.store.events.catalogue",
    "Money": "recoup.core.money",
    "PaymentGate": "recoup.core.activation",
    "Policies": "recoup.core.policy",
    "Policy": "recoup.core.policy",
    "Recoup": "recoup.billing",
    "RecoupError": "recoup.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("recoup")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'recoup' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
