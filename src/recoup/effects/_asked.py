"""A mail that a caller asks for: checked at the call, made when it goes out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core.occasions import CAMPAIGN, MATRIX, Posted
from recoup.core.occasions.base import Scalar
from recoup.core.occasions.obstacles import ASKED
from recoup.errors import InvalidValue
from recoup.mail.deliver import TYPE, checked_args
from recoup.store.mails import asked
from recoup.store.mails.post import post, switched_off

LONGEST_KEY: Final = 200
_CUSTOMER: Final = "customer_id"
#: What may be said besides: how this one mail is to be written, before what the customer prefers.
_WISHES: Final = ("locale", "time_zone")
_MONEY: Final = ("invoice_id", "payment_id", "charge_id")

#: Type -> what it can be about: one of these must be named.
_ABOUT: Final[Mapping[str, Collection[str]]] = {
    "receipt": ("gate_id", *_MONEY),
    "invoice_paid": _MONEY,
    "payment_recovered": ("case_id",),
    "bad_debt_paid": ("debt_id",),
    "payment_failed": ("payment_id", "charge_id"),
    "invoice_payment_failed": ("payment_id", "charge_id"),
    "payment_action_required": ("payment_id", "charge_id"),
    "activation_expired": ("gate_id",),
    "upgrade_withdrawn": ("gate_id",),
    "invoice_finalized": ("invoice_id",),
    "refund_issued": ("refund_id",),
    "trial_ending": ("subscription_id",),
    "trial_ended": ("subscription_id",),
    "subscription_canceled": ("subscription_id",),
    "subscription_paused": ("subscription_id",),
    "subscription_resumed": ("subscription_id",),
    "coupon_applied": ("subscription_id",),
    "access_restricted": ("case_id",),
    "access_restored": ("case_id",),
    "card_expiring_soon": ("method_id",),
}
_OF_CAMPAIGNS: Final = frozenset(one.mail for one in MATRIX if one.cause == CAMPAIGN)


def due(connection: Connection, type: str, key: str | None, ids: Mapping[str, Scalar]) -> Posted:
    """
    Return the mail that is asked for.

    Raises:
        InvalidValue: there is no such type, it is a campaign's, a value is no scalar, or the
            names are not those of this type.
        NotFound: there is no such customer, or it is not about that customer.
    """
    given = {name: value for name, value in checked_args(type, **ids).items() if name != TYPE}
    wishes: dict[str, Scalar] = {
        name: _wish(name, given.pop(name)) for name in _WISHES if name in given
    }
    name = _name(type, given)
    who, what = _id(_CUSTOMER, given[_CUSTOMER]), _id(name, given[name])
    customer_id = asked.customer(connection, who)
    argument, id = asked.named(connection, name, what, customer_id)
    args = {argument: id, **wishes}
    return Posted(type, _key(key, type, argument, id), customer_id, args)


def deliver(
    connection: Connection, type: str, key: str | None, ids: Mapping[str, Scalar], *, now: datetime
) -> str:
    """Write the mail that is asked for and what sends it, once for each key; return the key."""
    mail = due(connection, type, key, ids)
    post(connection, [mail], off=sorted(switched_off(connection)), now=now)
    return mail.key


def _name(type: str, given: Mapping[str, Scalar]) -> str:
    """Return which of the names says what the mail is about."""
    if type in _OF_CAMPAIGNS:
        raise InvalidValue(f"{type}: a campaign sends it; see recoup.dunning.resend_step")
    if type not in _ABOUT:
        raise InvalidValue(f"{type}: the page of a link sends it, to who asks there")
    wanted = [name for name in _ABOUT[type] if name in given]
    strange = sorted(set(given) - {_CUSTOMER, *_ABOUT[type]})
    if _CUSTOMER not in given or len(wanted) != 1 or strange:
        about, got = " or ".join(_ABOUT[type]), ", ".join(sorted(given)) or "nothing"
        raise InvalidValue(f"{type}: expected customer_id and {about}, got {got}")
    return wanted[0]


def _wish(name: str, value: Scalar) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidValue(f"{name}: expected a text, got {value!r}")
    return value


def _id(name: str, value: Scalar) -> int | str:
    if isinstance(value, bool) or value is None:
        raise InvalidValue(f"{name}: expected an id, got {value!r}")
    return value


def _key(key: str | None, type: str, argument: str, id: int) -> str:
    if key is None:
        return f"{ASKED}{type}:{argument.removesuffix('_id')}:{id}"
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidValue(f"key: expected 1 to {LONGEST_KEY} visible characters")
    return f"{ASKED}{type}:{json.dumps(key)[1:-1]}"
