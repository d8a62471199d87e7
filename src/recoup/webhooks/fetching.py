"""
Looking at what events concern, as it is now, before they are absorbed.

An event is a hint to look again: it may be late, and its copy of an object as old as itself. So
where money or a status is concerned the object is asked for, once for all the letters of a batch
that concern it, outside of any transaction. What comes back is read like an event of that moment.

A processor's own copies lag behind. A look that shows what an event of the last minute says was
left is older than the event, and counts for nothing. What an event claims to have come about, and
the look does not show, is not believed: the event is tried again, and parked in the end.
Source: docs/webhooks.md, "What is looked at".
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import msgspec

from recoup.core.facts import LAG, LOOK
from recoup.errors import Busy, ProcessorError, Unreachable, masked
from recoup.processors.base import Kind
from recoup.store import inbox, journeys
from recoup.webhooks.absorbing import Intake
from recoup.webhooks.understand import Understood, look, understood

log: Final = logging.getLogger(__name__)

#: Returns an object as it is now, told as an event; None: there is none any more.
LookUp = Callable[[Kind, str], bytes | None]
#: An object: its kind and its name.
Name = tuple[Kind, str]

THREADS: Final = 4
#: What is looked at, by the processor's word for it: where money or a status is concerned.
_LOOKED_AT: Final = frozenset(
    {"customer", "subscription", "invoice", "payment_intent", "charge", "refund", "dispute"}
)
#: What of an object never changes: where event and look differ, one of them is wrong.
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "subscription": ("customer", "currency"),
    "invoice": ("customer", "currency"),
    "payment_intent": ("customer", "currency"),
    "charge": ("customer", "currency", "amount", "payment_intent", "invoice"),
    "refund": ("charge", "currency", "amount"),
    "dispute": ("charge", "currency"),
}
#: The status that says that money has come.
_PAID: Final = {"invoice": "paid", "payment_intent": "succeeded", "charge": "succeeded"}

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class Looker:
    """
    Looks at what letters concern. One that found nobody there asks for nothing more.

    Args:
        intake: Where the letters will go.
        look_up: The processor's.
    """

    intake: Intake
    look_up: LookUp
    down: str | None = None  #: why nothing is asked for any more

    def look(self, letters: Iterable[inbox.Letter]) -> list[Understood]:
        """
        Return what letters say, each with what it concerns as that is now.

        One whose objects could not be asked for says so in `later`, one that claims what is not
        so in `doubt`.
        """
        read, live = self.intake.read, self.intake.live
        batch = [understood(letter, read, live=live) for letter in letters]
        events = {place: _opened(one) for place, one in enumerate(batch) if _is_news(one)}
        wanted = {place: name for place, event in events.items() if (name := _concerned(event))}
        found = self._ask(sorted(set(wanted.values())))
        bills = self._bills(found)
        found |= self._ask(sorted(set(bills.values()) - set(found)))
        found |= self._ask(self._charges(found.values()))
        shown = {name: _decode(line) for name, line in found.items() if isinstance(line, bytes)}
        payers = _payers(shown, found)
        stale = {
            name
            for place, name in wanted.items()
            if name in shown and _is_older(shown[name], events[place])
        }
        for place, name in wanted.items():
            one = batch[place]
            mine = [name, bills[name]] if name in bills else [name]
            answers = (found[each] for each in mine)
            problem = next((one for one in answers if isinstance(one, ProcessorError)), None)
            if problem is not None:
                why = masked(f"the processor could not be asked: {problem}")
                batch[place] = replace(one, later=why)
            elif name in shown and name not in stale:
                doubt = _doubt(events[place], shown[name])
                intents = set().union(*(_intents(_object(shown.get(each, {}))) for each in mine))
                lines = [found[each] for each in mine]
                lines += [line for i in sorted(intents) for line in payers[i]]
                looks = tuple(
                    look(line, read, live=live) for line in lines if isinstance(line, bytes)
                )
                batch[place] = replace(one, looks=looks, doubt=doubt)
        return batch

    def _ask(self, names: Sequence[Name]) -> dict[Name, bytes | ProcessorError | None]:
        if len(names) < 2:
            return {name: self._one(name) for name in names}
        with ThreadPoolExecutor(THREADS) as threads:
            return dict(zip(names, threads.map(self._one, names), strict=True))

    def _one(self, name: Name) -> bytes | ProcessorError | None:
        if self.down is not None:
            return Busy(self.down)
        try:
            return self.look_up(*name)
        except (Busy, Unreachable) as problem:
            self.down = str(problem)
            return problem
        except ProcessorError as problem:
            log.warning("%s %s can not be looked at: %s", *name, problem)
            return None

    def _bills(self, found: Mapping[Name, bytes | ProcessorError | None]) -> dict[Name, Name]:
        """Return the newest bills of subscriptions that are well, where we think they are owed."""
        newest: dict[Name, Name] = {
            name: ("invoice", _id(about["latest_invoice"]))
            for name, line in found.items()
            if name[0] == "subscription" and isinstance(line, bytes)
            if (about := _object(_decode(line))).get("latest_invoice") and _is_well(about)
        }
        if not newest:
            return {}
        bills = {bill for _, bill in newest.values()}
        with self.intake.engine.connect() as connection:
            owed = journeys.owed_invoices(connection, self.intake.processor, bills)
        return {name: bill for name, bill in newest.items() if bill[1] in owed}

    def _charges(self, found: Iterable[bytes | ProcessorError | None]) -> list[Name]:
        """Return what paid the invoices that were found paid, where nobody has told of it."""
        shown = [_object(_decode(line)) for line in found if isinstance(line, bytes)]
        intents = {intent for one in shown for intent in _intents(one)}
        intents -= {_id(one.get("payment_intent")) for one in shown if one["object"] == "charge"}
        if not intents:
            return []
        with self.intake.engine.connect() as connection:
            known = journeys.settled_intents(connection, self.intake.processor, intents)
        charges: list[Name] = []
        answers = self._ask([("payment_intent", name) for name in sorted(intents - known)])
        for line in answers.values():
            intent = _object(_decode(line)) if isinstance(line, bytes) else {}
            if intent.get("latest_charge"):
                charges.append(("charge", _id(intent["latest_charge"])))
        return charges


def _is_news(one: Understood) -> bool:
    """Whether it was told to us, and says something."""
    return bool(one.facts) and LOOK not in one.key


def _opened(one: Understood) -> Mapping[str, Any]:
    return _decode(one.letter.raw)


def _object(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _id(thing: object) -> str:
    """Return the id of what is named by it, or shown whole."""
    return str(thing.get("id")) if isinstance(thing, dict) else str(thing)


def _concerned(event: Mapping[str, Any]) -> Name | None:
    """Return what an event is about, if that is looked at."""
    about = _object(event)
    kind, name = about.get("object"), about.get("id")
    if kind == "invoice_payment":
        kind, name = "invoice", about.get("invoice")
    if kind not in _LOOKED_AT or not name or about.get("deleted"):
        return None
    return cast("Kind", kind), _id(name)


def _is_well(subscription: Mapping[str, Any]) -> bool:
    """Whether a processor shows a subscription whose newest invoice is no debt any more."""
    return subscription.get("status") == "active"


def _intents(invoice: Mapping[str, Any]) -> set[str]:
    """Return the payment intents of an invoice that is paid, in the old shapes and the new."""
    if invoice.get("object") != "invoice" or invoice.get("status") != _PAID["invoice"]:
        return set()
    found = {_id(invoice["payment_intent"])} if invoice.get("payment_intent") else set()
    payments = invoice.get("payments")
    for each in payments.get("data", ()) if isinstance(payments, dict) else ():
        payment = each.get("payment") or {}
        if payment.get("payment_intent"):
            found.add(_id(payment["payment_intent"]))
    return found


def _payers(
    shown: Mapping[Name, Mapping[str, Any]], found: Mapping[Name, bytes | ProcessorError | None]
) -> Mapping[str, list[bytes]]:
    """Return the charges that were looked at, by the payment intent that they belong to."""
    payers: dict[str, list[bytes]] = defaultdict(list)
    for name, event in shown.items():
        line = found[name]
        if name[0] == "charge" and isinstance(line, bytes):
            payers[_id(_object(event).get("payment_intent"))].append(line)
    return payers


def _is_older(shown: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a look shows what an event says was left, no more than `LAG` before it."""
    age = shown["created"] - event.get("created", 0)
    if age < 0 or age >= LAG.total_seconds():
        return bool(age < 0)
    before = event["data"].get("previous_attributes")
    told, now = _object(event), _object(shown)
    if not isinstance(before, dict):
        return False
    left = {name: value for name, value in before.items() if told.get(name) != value}
    return bool(left) and all(_shows(now.get(name), value) for name, value in left.items())


def _shows(now: object, before: object) -> bool:
    if isinstance(now, dict) and isinstance(before, dict):
        return all(_shows(now.get(name), value) for name, value in before.items())
    return now == before


def _doubt(event: Mapping[str, Any], shown: Mapping[str, Any]) -> str | None:
    """Return what an event claims that the processor's own object does not show, if anything."""
    told, now = _object(event), _object(shown)
    kind = str(told.get("object"))
    if kind != now.get("object"):
        return None
    for name in _FIXED.get(kind, ()):
        if told.get(name) and now.get(name) and _id(told[name]) != _id(now[name]):
            return f"{_id(told['id'])}: its {name} is not what the processor shows"
    paid = _PAID.get(kind)
    if paid and told.get("status") == paid and now.get("status") != paid:
        return f"{_id(told['id'])}: said to be {paid}, and the processor shows {now.get('status')}"
    return None
