"""
Requests with a key, exactly as Stripe's API v1 keeps them, and faults on the way.

| the same key again …                     | gives                                            |
|------------------------------------------|--------------------------------------------------|
| with the same parameters                 | the saved answer: a decline and a 500 too        |
| with other parameters, or another call   | `KeyReused`                                      |
| while the first is still running         | `Busy`, and that is not saved                    |
| when it is 24 h old (the world's clock)  | a new execution                                  |

A refusal before execution (no key, too long a key, rate, lock) is not saved.
Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from recoup.errors import (
    Busy,
    CustomerTaxLocationInvalid,
    KeyReused,
    NotPaid,
    Rejected,
    Unreachable,
)
from recoup.processors.fake.model import Instrument
from recoup.processors.fake.world import MICROSECOND, Session, World, micros

KEPT: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255

#: "pay_invoice", "find_payment", "cancel_subscription", "find", "quote", or a request's type.
Call = str
#: Told of "received" (the request is here, nothing has happened) and "done" (it has happened,
#: the reply is not sent yet), with the key. A test kills or freezes its worker there.
Watch = Callable[[str, str], None]


class Fault(Struct, frozen=True, omit_defaults=True):
    """
    Something that goes wrong with the next calls.

    `outage`      no answer; nothing happened, nothing is saved
    `busy`        429; nothing happened, nothing is saved
    `lost_reply`  it is done and saved, and the answer never arrives
    `error`       a 500 after execution began: saved, without effect
    `error_after` a 500 after execution began: saved, with its effect
    """

    kind: Literal["outage", "busy", "lost_reply", "error", "error_after"]
    call: Call | None = None  #: None: any
    times: int | None = 1  #: None: until `until`, or for ever
    skip: int = 0  #: calls let through first
    until: datetime | None = None  #: over at this instant of the world's clock
    after: float | None = None  #: seconds that a `busy` says to wait


#: Verdict -> the refusal that is raised again.
_REFUSALS: Final[Mapping[str, type[Rejected]]] = {
    "rejected": Rejected,
    "unpaid": NotPaid,
    "misplaced": CustomerTaxLocationInvalid,
}


class BankSaidNo(NotPaid):
    """
    A request that is refused because its bill was not paid: all of it is taken back, but the
    bank was asked, and its `card` answers the next try as its script goes on.
    """

    def __init__(self, message: str, card: Instrument) -> None:
        super().__init__(message)
        self.card = card


_ASLEEP: Final = frozenset({"outage", "busy"})
_running: Final[set[tuple[int, str]]] = set()


def add_fault(s: Session, fault: Fault) -> None:
    """Have `fault` happen, after those that were added before."""
    s.connection.execute("INSERT INTO faults (doc) VALUES (?)", (msgspec.json.encode(fault),))


def take_fault(s: Session, call: Call) -> Fault | None:
    """Return what goes wrong with this call, and use it up."""
    for row, doc in s.connection.execute("SELECT id, doc FROM faults ORDER BY id").fetchall():
        fault = msgspec.json.decode(doc, type=Fault)
        if fault.until is not None and micros(fault.until) <= s.micros:
            _keep(s, row, None)
        elif fault.call not in {None, call}:
            continue
        elif fault.skip:
            _keep(s, row, msgspec.structs.replace(fault, skip=fault.skip - 1))
        else:
            times = None if fault.times is None else fault.times - 1
            left = None if times == 0 else msgspec.structs.replace(fault, times=times)
            _keep(s, row, left)
            return fault
    return None


def _keep(s: Session, row: int, fault: Fault | None) -> None:
    if fault is None:
        s.connection.execute("DELETE FROM faults WHERE id = ?", (row,))
    else:
        body = msgspec.json.encode(fault)
        s.connection.execute("UPDATE faults SET doc = ? WHERE id = ?", (body, row))


def raise_if_asleep(fault: Fault | None) -> None:
    """
    Raises:
        Unreachable, Busy: the fault keeps the call from being received at all.
    """
    if fault is not None and fault.kind == "busy":
        raise Busy("429: too many requests", after=fault.after)
    if fault is not None and fault.kind == "outage":
        raise Unreachable("no connection to the fake")


def run(
    world: World,
    call: Call,
    asked: Mapping[str, str | bool | None],
    work: Callable[[Session], bytes],
    *,
    key: str,
    watch: Watch,
) -> bytes:
    """
    Do `work` once per key; return what it returned, now or when it was done.

    Raises:
        Unreachable, Busy, KeyReused, Rejected: as the module's table says.
    """
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise Rejected(f"an idempotency key has 1 to {LONGEST_KEY} characters")
    if world.busy:
        raise RuntimeError(f"{call} is a remote call and can not be part of a batch")
    parameters = msgspec.json.encode({"call": call, **asked})
    mine = id(world), key
    with world.session() as s:
        fault = take_fault(s, call)
        asleep = fault is not None and fault.kind in _ASLEEP
        saved = None if asleep else _receive(s, key, parameters, known=mine in _running)
        if not asleep and saved is None:
            _running.add(mine)
    raise_if_asleep(fault)
    if saved is None:
        try:
            watch("received", key)
            saved = _execute(world, key, work, fault)
        except BaseException:
            # Nothing was committed, so nobody need wait for this request.
            with world.session() as s:
                s.connection.execute("DELETE FROM requests WHERE key = ?", (key,))
            raise
        finally:
            _running.discard(mine)
        watch("done", key)
    if fault is not None and fault.kind == "lost_reply":
        raise Unreachable("the reply was lost")
    return _spoken(*saved)


def in_flight(s: Session, key: str) -> bool:
    """Whether a request with this key is being executed by a process that lives."""
    row = s.connection.execute(
        "SELECT process FROM requests WHERE key = ? AND verdict = 'running'", (key,)
    ).fetchone()
    return row is not None and lives(row[0])


def _receive(
    s: Session, key: str, parameters: bytes, *, known: bool
) -> tuple[str, bytes | None] | None:
    oldest = s.micros - KEPT // MICROSECOND
    s.connection.execute(
        "DELETE FROM requests WHERE made_at <= ? AND verdict <> 'running'", (oldest,)
    )
    row = s.connection.execute(
        "SELECT asked, verdict, answer, process FROM requests WHERE key = ?", (key,)
    ).fetchone()
    if row is not None:
        asked, verdict, answer, process = row
        if asked != parameters:
            raise KeyReused(f"the key {key!r} was first used with other parameters")
        if verdict != "running":
            return verdict, answer
        if known or (process != os.getpid() and lives(process)):
            raise Busy(f"409: a request with the key {key!r} is being executed")
    # A process that died before its commit left a row and no effect: it never happened.
    s.connection.execute(
        "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, 'running', NULL, ?)",
        (key, s.micros, parameters, os.getpid()),
    )
    return None


def _execute(
    world: World, key: str, work: Callable[[Session], bytes], fault: Fault | None
) -> tuple[str, bytes | None]:
    kind = None if fault is None else fault.kind
    try:
        with world.session() as s:
            s.request = {"id": f"req_fake_{s.count('req'):06d}", "idempotency_key": key}
            answer = b"" if kind == "error" else work(s)
            failed = kind in {"error", "error_after"}
            saved = ("failed", None) if failed else ("answered", answer)
            _save(s, key, saved)
    except Rejected as error:
        verdict = next((v for v, kind in _REFUSALS.items() if type(error) is kind), "rejected")
        if isinstance(error, BankSaidNo):
            verdict = "unpaid"
        with world.session() as s:
            # Like Stripe's, a refusal names its request. The number was taken back with the rest.
            saved = verdict, f"req_fake_{s.count('req'):06d} {error}".encode()
            if isinstance(error, BankSaidNo):
                s.save(error.card)
            _save(s, key, saved)
    return saved


def _save(s: Session, key: str, saved: tuple[str, bytes | None]) -> None:
    s.connection.execute(
        "UPDATE requests SET verdict = ?, answer = ?, process = NULL WHERE key = ?",
        (*saved, key),
    )


def _spoken(verdict: str, answer: bytes | None) -> bytes:
    if verdict == "failed":
        raise Unreachable("500: the outcome is unknown")
    text = answer or b""
    if verdict in _REFUSALS:
        request_id, _, words = text.decode().partition(" ")
        raise _REFUSALS[verdict](words, request_id=request_id)
    return text


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{process}/stat")
    # A killed child that nobody has waited for still has its number, but does nothing more.
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
