"""
Forgetting who a customer is.

Whatever says it is replaced, in every table but the ledger, which never held it: there only ids,
amounts, states and instants are told. Text that people or companies wrote about the customer goes
whole, because nobody can tell which word of it is personal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import NotPossible
from recoup.store import batch, tables
from recoup.store.writer import Writer

#: What is left of a text that may not be missing.
ERASED: Final = "erased"
#: What is left of an event as it was received.
MARKER: Final = b'{"erased":true}'

#: Every name the processor has for something of the customer's. Where one of them stands in an
#: event, in quotes as JSON writes a text, the event is about the customer.
_NAMES: Final = """
    SELECT processor_id FROM customers WHERE id = %(id)s
    UNION SELECT processor_id FROM payment_methods WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM subscriptions WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM invoices WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM attempts WHERE customer_id = %(id)s
    UNION SELECT payment_intent FROM attempts WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM refunds WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM disputes WHERE customer_id = %(id)s
    UNION SELECT processor_id FROM promotion_codes WHERE customer_id = %(id)s"""

_ABOUT: Final = """processor = %(processor)s AND EXISTS (
        SELECT FROM unnest(%(names)s::text[]) n(name)
        WHERE position(convert_to('"' || n.name || '"', 'UTF8') in raw) > 0)"""

#: Numbers are ids of ours; texts are what somebody wrote.
_WITHOUT_TEXT: Final = """coalesce((
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(args) e
        WHERE jsonb_typeof(e.value) IN ('number', 'boolean', 'null')), '{}')"""

_STATEMENTS: Final = (
    """UPDATE payment_methods
       SET last4 = NULL, consented_by = CASE WHEN consented_by IS NOT NULL THEN %(erased)s END
       WHERE customer_id = %(id)s""",
    """UPDATE subscriptions SET metadata = '{}' WHERE customer_id = %(id)s""",
    """UPDATE invoices SET description = NULL WHERE customer_id = %(id)s""",
    """UPDATE attempts SET note = NULL WHERE customer_id = %(id)s AND note IS NOT NULL""",
    """UPDATE holds SET reason = %(erased)s WHERE customer_id = %(id)s""",
    """UPDATE debts SET why = %(erased)s WHERE customer_id = %(id)s AND why IS NOT NULL""",
    """UPDATE tasks SET detail = %(erased)s WHERE customer_id = %(id)s""",
    """UPDATE decisions SET reasons = '{}', changes = '{}' WHERE customer_id = %(id)s""",
    """UPDATE promotion_codes SET code = %(erased)s || '-' || id WHERE customer_id = %(id)s""",
    """DELETE FROM previews WHERE customer_id = %(id)s""",
    """DELETE FROM suppressions WHERE customer_id = %(id)s""",
    """UPDATE mail_posts
       SET raw = NULL, state = 'ignored', reason = 'its customer is erased',
           ended_at = coalesce(ended_at, %(now)s)
       WHERE raw IS NOT NULL AND position(convert_to(%(email)s::text, 'UTF8') in raw) > 0""",
    """UPDATE endpoint_tries SET answer = NULL WHERE customer_id = %(id)s""",
    f"""UPDATE mails
        SET args = {_WITHOUT_TEXT}, message_id = NULL,
            reason = CASE WHEN reason IS NOT NULL THEN %(erased)s END
        WHERE customer_id = %(id)s""",
    f"""UPDATE effects
        SET args = {_WITHOUT_TEXT}, result = NULL,
            reason = CASE WHEN reason IS NOT NULL THEN %(erased)s END
        WHERE customer_id = %(id)s""",
    """UPDATE commands
       SET key = %(erased)s || '-' || id, processor_key = %(erased)s || '-' || id,
           request_hash = %(erased)s, request = NULL, args = '{}', unread = NULL,
           result = CASE WHEN result IS NOT NULL THEN '{"erased": true}'::jsonb END,
           error = CASE WHEN error IS NOT NULL THEN
               jsonb_build_object('type', error -> 'type', 'message', %(erased)s::text) END
       WHERE customer_id = %(id)s""",
    f"""UPDATE inbox
        SET raw = %(marker)s,
            state = CASE WHEN state = 'applied' THEN state ELSE 'ignored' END,
            reason = CASE WHEN state = 'applied' AND reason IS NULL THEN NULL
                          ELSE 'its customer is erased' END,
            waiting_for = NULL, next_try_at = NULL, ended_at = coalesce(ended_at, %(now)s)
        WHERE {_ABOUT}""",
)


def allowed(
    connection: Connection, row: Mapping[str, Any], *, keep: bool, force: bool, now: datetime
) -> None:
    """
    Do nothing if the customer of `row`, who is locked, may be erased.

    Raises:
        NotPossible: the text says everything that is in the way.
    """
    found = list(_under_way(connection, row["id"]))
    if row["processor_id"] is not None and not (row["deleted"] or keep):
        found.append(
            "the processor still has it: delete it first, or keep it there, knowingly: "
            "keep_at_processor=True, --keep-at-processor"
        )
    if not force:
        found += _unfinished(connection, row["id"], now)
        found += _unheard(connection, row)
    if found:
        raise NotPossible(f"customer {row['id']} can not be erased: {'; '.join(found)}")


def erase(writer: Writer, row: Mapping[str, Any]) -> None:
    """Replace everything personal of the customer of `row`, who is locked. Not to be undone."""
    id = row["id"]
    given = {
        "id": id,
        "processor": row["processor"],
        "names": _names(writer.connection, id),
        "erased": ERASED,
        "marker": MARKER,
        "now": writer.now,
        "email": row["email"],
    }
    writer.flush()
    with batch.driver(writer.connection).cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement.encode(), given)
    pseudonym = None if row["owner_id"] is None else f"{ERASED}-{id}"
    after: dict[str, Any] = {
        "owner_id": pseudonym,
        "email": None,
        "name": None,
        "locale": None,
        "time_zone": None,
        "metadata": {},
        "data": {},
        "erased_at": writer.now,
    }
    writer.update(tables.customers, row, after, type="customer.erased")


def anybody(connection: Connection, processor: str) -> bool:
    """Whether anybody was erased, so that news of them may still come. Costs next to nothing."""
    sql = """SELECT EXISTS (SELECT FROM customers
                            WHERE processor = %s AND erased_at IS NOT NULL)"""
    return bool(batch.fetch(connection, sql, (processor,))[0][0])


def forget_news(
    connection: Connection, processor: str, about: Mapping[int, Collection[str]]
) -> None:
    """
    Erase what was received about customers who are erased.

    Args:
        about: Letters that have been absorbed, each with the processor's names of the customers
            and methods that it is about.
    """
    names = sorted(set().union(*about.values()))
    if not names:
        return
    sql = """SELECT processor_id FROM customers
             WHERE processor = %s AND processor_id = ANY(%s) AND erased_at IS NOT NULL
             UNION SELECT m.processor_id FROM payment_methods m
             JOIN customers c ON c.id = m.customer_id
             WHERE m.processor = %s AND m.processor_id = ANY(%s) AND c.erased_at IS NOT NULL"""
    found = batch.fetch(connection, sql, (processor, names, processor, list(names)))
    gone = {name for (name,) in found}
    letters = sorted(id for id, names in about.items() if not gone.isdisjoint(names))
    if letters:
        with batch.driver(connection).cursor() as cursor:
            cursor.execute(b"UPDATE inbox SET raw = %s WHERE id = ANY(%s)", (MARKER, letters))


def _under_way(connection: Connection, id: int) -> Iterator[str]:
    sql = "SELECT DISTINCT kind FROM commands WHERE customer_id = %s AND ended_at IS NULL"
    for (kind,) in batch.fetch(connection, sql, (id,)):
        yield f"{kind} is under way"
    sql = "SELECT count(*) FROM attempts WHERE customer_id = %s AND state = ANY(%s)"
    ((count,),) = batch.fetch(connection, sql, (id, sorted(states.IN_FLIGHT)))
    if count:
        yield "a payment is under way"


def _unfinished(connection: Connection, id: int, now: datetime) -> Iterator[str]:
    sql = "SELECT processor_id, status, ended_at FROM subscriptions WHERE customer_id = %s"
    for name, status, ended_at in batch.fetch(connection, sql, (id,)):
        if not states.has_ended(SubscriptionStatus(status), ended=ended_at is not None):
            yield f"subscription {name} has not ended"
    sql = """SELECT processor_id, status FROM invoices
             WHERE customer_id = %s AND amount_remaining > 0"""
    for name, status in batch.fetch(connection, sql, (id,)):
        if states.is_owed(InvoiceStatus(status)):
            yield f"invoice {name} is owed"
    sql = "SELECT id, since, until FROM holds WHERE customer_id = %s"
    for hold, since, until in batch.fetch(connection, sql, (id,)):
        if since <= now and (until is None or now < until):
            yield f"hold {hold} keeps it" + (f" until {until:%Y-%m-%d}" if until else "")


def _unheard(connection: Connection, row: Mapping[str, Any]) -> Iterator[str]:
    given = {"processor": row["processor"], "names": _names(connection, row["id"])}
    sql = f"""SELECT count(*) FROM inbox WHERE state IN ('received', 'waiting', 'failed')
              AND {_ABOUT}"""
    with batch.driver(connection).cursor() as cursor:
        ((count,),) = cursor.execute(sql.encode(), given).fetchall()
    if count:
        yield f"{count} of its events are stored and not absorbed yet"


def _names(connection: Connection, id: int) -> list[str]:
    with batch.driver(connection).cursor() as cursor:
        found = cursor.execute(_NAMES.encode(), {"id": id}).fetchall()
    return sorted(name for (name,) in found if name)
