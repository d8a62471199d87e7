"""Gates, and what is to begin on a day to come."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.views import Gate, Scheduled
from recoup.core.states import CommandState
from recoup.errors import NotFound
from recoup.store.records.commands import CALLED_OFF, DUE
from recoup.store.views.reading import LIMIT, Ref, Values, clean, our_id, rows

_FIELDS: Final = tuple(Gate.__dataclass_fields__)
#: The columns of a gate that is called `g`; `gate_of` takes them out of a row again.
GATE: Final = ", ".join(f"g.{name} AS gate_{name}" for name in _FIELDS)

#: `DUE` among a command's kept values is what makes it one of these.
_SCHEDULED: Final = f"""
    SELECT x.id, x.key, x.customer_id, x.subject, x.state, x.asked_at, x.error, x.args, {GATE}
    FROM commands x LEFT JOIN gates g ON g.command_id = x.id
    WHERE jsonb_exists(x.args, '{DUE}')"""
_TO_COME: Final = "x.ended_at IS NULL AND x.asked_at IS NULL"


def gate_of(row: Values) -> Gate | None:
    """Take the gate out of a row that was read with `GATE`; None: there is none."""
    values = {name: row.pop(f"gate_{name}") for name in _FIELDS}
    return None if values["id"] is None else Gate(**values)


def read_scheduled(connection: Connection, ref: Ref) -> Scheduled:
    """
    Return what is scheduled under this id or key, whatever has become of it.

    Raises:
        NotFound: nothing is.
    """
    name: Ref | None = our_id(ref)
    condition = "x.id = %(ref)s"
    if name is None:
        condition, name = "x.key = %(ref)s", clean(ref)
    for row in rows(connection, f"{_SCHEDULED} AND {condition}", {"ref": name}):
        return _made(row)
    raise NotFound(f"nothing is scheduled as {ref!r:.60}")


def list_scheduled(
    connection: Connection,
    *,
    customer_id: int | None = None,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[Scheduled, ...]:
    """Return what is still to begin, by id: the customer's, or everybody's."""
    whose = "" if customer_id is None else "AND x.customer_id = %(customer)s "
    sql = f"{_SCHEDULED} AND {_TO_COME} {whose}AND x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {"customer": customer_id, "after": after, "limit": limit}
    return tuple(_made(row) for row in rows(connection, sql, given))


def _made(row: Values) -> Scheduled:
    args, gate = row["args"], gate_of(row)
    return Scheduled(
        id=row["id"],
        key=row["key"],
        customer_id=row["customer_id"],
        subscription_id=args.get("subscription_id"),
        at=datetime.fromisoformat(args[DUE]),
        prices=tuple(args["prices"].split()),
        gate=gate,
        state=_state(row),
    )


def _state(row: Values) -> str:
    state = CommandState(row["state"])
    if states.is_done(state) or states.was_asked(state):
        return "begun"
    if not states.is_over(state):
        return "scheduled"
    off = row["asked_at"] is None and str(row["error"]["message"]).startswith(CALLED_OFF)
    return "called_off" if off else "refused"
