"""
An independent count of forbidden tries: reads the published tables by itself.

Nothing here knows `recoup.core.collection`: what plans tries must not be what says that none of
them was forbidden. Forbidden is

- a try on an instrument after an answer that the tables say is never to be tried again: a row
  `never` or `never_same_pm`, Visa's category 1, Mastercard's advice 03 and 21;
- a try of the same debt after a code on which Stripe blocks retries, while the details on file
  are those that were refused;
- one more refusal than a network counts in its window;
- any automatic try of a card issued where none may be made.

Trying before the end of a wait that Mastercard's advice names is not forbidden, but against
advice; it is counted apart.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from recoup.core.account import Signal
from recoup.core.money import Money

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_NEVER: Final = frozenset({"never", "never_same_pm"})
_NOTHING_SAID: Final = Signal()
_BLOCKED: Final = "blocked_until_new_payment_method"


@dataclass(frozen=True, slots=True)
class Try:
    """One try that was refused, or that is wanted. `at` is in seconds, from any beginning."""

    at: int
    amount: Money
    signal: Signal = _NOTHING_SAID  #: what came back; empty for one that is wanted
    by_customer: bool = False
    debt: int = 0  #: what it was for


@dataclass(frozen=True, slots=True)
class _Window:
    words: str
    limit: int
    seconds: int
    same_amount: bool
    by_initiator: bool


@dataclass(frozen=True, slots=True)
class _Tables:
    declines: frozenset[str]  #: of Stripe, never again
    blocked: frozenset[str]  #: of Stripe, not before there is a new way to pay
    advice: frozenset[str]  #: of Stripe
    iso: frozenset[str]
    visa: frozenset[str]  #: category 1
    mastercard: frozenset[str]
    waits: dict[str, int]  #: Mastercard's advice -> seconds
    windows: dict[str, tuple[_Window, ...]]
    no_country: frozenset[str]


@cache
def _tables() -> _Tables:
    declines = list(_rows("stripe_decline_codes"))
    advice = list(_rows("mastercard_mac"))
    limits = list(_rows("network_limits"))
    visa = _rows("visa_categories")
    waits = [row for row in advice if row["retry_policy"] == "wait"]
    return _Tables(
        declines=_codes(declines, "code", "retry_policy"),
        blocked=frozenset(r["code"] for r in declines if r["stripe_auto_retry"] == _BLOCKED),
        advice=_codes(_rows("stripe_advice_codes"), "value", "retry_policy_override"),
        iso=_codes(_rows("iso8583_codes"), "code", "retry_policy"),
        visa=frozenset(r["response_code"] for r in visa if r["category"] == "1"),
        mastercard=_codes(advice, "code", "retry_policy"),
        waits={r["code"]: int(r["wait_hours"]) * _HOUR for r in waits},
        windows={name: tuple(_windows(limits, name)) for name in {r["network"] for r in limits}},
        no_country=frozenset({"IN"} if any(r["rule"] == "India-issued" for r in limits) else ()),
    )  # fmt: skip


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (resources.files("recoup") / "data" / f"{name}.csv").read_text("utf-8")
    yield from csv.DictReader(text.splitlines())


def _codes(rows: Iterable[dict[str, str]], code: str, rule: str) -> frozenset[str]:
    return frozenset(row[code] for row in rows if row[rule] in _NEVER)


def _windows(rows: Iterable[dict[str, str]], network: str) -> Iterator[_Window]:
    for row in rows:
        limit = re.match(r"(\d+)\b", row["limit"])
        span = re.match(r"(?:rolling )?(\d+) (h|d)\b", row["window"])
        if row["network"] != network or limit is None or span is None or limit[1] == "0":
            continue
        if row["scope"].startswith("card acceptor"):
            continue  # of the merchant's whole portfolio, not of a card
        seconds = int(span[1]) * (_HOUR if span[2] == "h" else _DAY)
        words = f"{network} {limit[1]} in {span[0].removeprefix('rolling ')}"
        same = "acceptor and amount" in row["scope"]
        apart = "separate counters" in row["notes"]
        yield _Window(words, int(limit[1]), seconds, same, apart)


def forbidden(
    wanted: Try, refused: Sequence[Try], *, brand: str, country: str | None, renewed: int = 0
) -> tuple[str, ...]:
    """
    Return why a try with a card is forbidden; nothing when it is not.

    Args:
        wanted: The try.
        refused: Every earlier refusal of the same instrument, whatever it was for, oldest first.
        brand: Of the card, in lower case.
        country: Where it was issued.
        renewed: When its details were replaced last.
    """
    tables = _tables()
    found = []
    if country in tables.no_country and not wanted.by_customer:
        found.append(f"no automatic try of a card issued in {country}")
    for earlier in refused:
        found.extend(_after(earlier.signal, brand, tables))
        blocked = earlier.debt == wanted.debt and earlier.at >= renewed
        if blocked and earlier.signal.decline_code in tables.blocked:
            found.append(f"blocked by Stripe after {earlier.signal.decline_code}")
    for window in tables.windows.get(brand, ()):
        counted = sum(
            wanted.at - earlier.at < window.seconds
            and (not window.same_amount or earlier.amount == wanted.amount)
            and (not window.by_initiator or earlier.by_customer == wanted.by_customer)
            for earlier in refused
        )
        if counted >= window.limit:
            found.append(window.words)
    return tuple(dict.fromkeys(found))


def _after(signal: Signal, brand: str, tables: _Tables) -> Iterator[str]:
    network, advice = signal.network_decline_code, signal.network_advice_code
    if signal.decline_code in tables.declines:
        yield f"never after {signal.decline_code}"
    if signal.advice_code in tables.advice:
        yield f"never after advice {signal.advice_code}"
    if network in tables.iso:
        yield f"never after code {network}"
    if brand == "visa" and (network in tables.visa or advice in {"1", "01"}):
        yield "never after Visa category 1"
    if brand == "mastercard" and advice in tables.mastercard:
        yield f"never after Mastercard advice {advice}"


def against_advice(wanted: Try, refused: Sequence[Try], *, brand: str) -> bool:
    """Whether a try comes before the wait is over that the newest refusal named."""
    if brand != "mastercard" or not refused:
        return False
    newest = refused[-1]
    wait = _tables().waits.get(newest.signal.network_advice_code or "", 0)
    return wanted.at - newest.at < wait
