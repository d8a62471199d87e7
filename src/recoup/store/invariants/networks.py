"""The networks' rules: no attempt after a stop, none above a limit. Forbidden attempts are 0."""

from __future__ import annotations

from typing import Any, Final

from recoup.core.account import Signal
from recoup.core.collection.declines import read
from recoup.core.collection.limits import CLOSED
from recoup.core.collection.rules import CARD, Window
from recoup.store.invariants.base import Finding, Invariant, Look

#: Our own tries, made by ourselves, that reached a bank or, being open, may have.
_OURS: Final = """a.ordinal IS NOT NULL AND a.off_session AND a.requested_at IS NOT NULL
          AND (a.processor_id IS NOT NULL OR a.ended_at IS NULL)"""
_SIGNAL: Final = "decline_code advice_code network_decline_code network_advice_code".split()
#: A processor's clock tells whole seconds, and not ours.
_SKEW: Final = "interval '1 minute'"


def _after_stop(look: Look) -> list[Finding]:
    stops = _stops(look)
    if not stops:
        return []
    same = " AND ".join(f"d.{name} IS NOT DISTINCT FROM s.{name}" for name in ("brand", *_SIGNAL))
    sql = f"""
        SELECT DISTINCT 'attempt ' || a.id, format('asked for at %%s, stopped at %%s',
                                                  a.requested_at, d.happened_at)
        FROM attempts d
        LEFT JOIN payment_methods m ON m.processor = d.processor AND m.processor_id = d.method
        JOIN unnest(%(s0)s::text[], %(s1)s::text[], %(s2)s::text[], %(s3)s::text[],
                    %(s4)s::text[], %(s5)s::text[], %(s6)s::bool[], %(s7)s::bool[])
             s (kind, brand, {", ".join(_SIGNAL)}, final, closed)
             ON coalesce(m.kind, '{CARD}') = s.kind AND {same}
        JOIN attempts a ON a.instrument = d.instrument
        WHERE d.state = ANY(%(declined)s) AND {_OURS}
          AND a.requested_at > d.happened_at + {_SKEW}
          AND (s.final OR NOT EXISTS
               (SELECT FROM payment_methods u
                WHERE u.instrument = d.instrument AND u.changed_at > d.happened_at))
          AND (s.final OR s.closed OR NOT EXISTS
               (SELECT FROM attempts p
                WHERE p.instrument = d.instrument AND p.id <> a.id
                  AND p.state = ANY(%(succeeded)s)
                  AND p.happened_at BETWEEN d.happened_at AND a.requested_at))
    """
    columns = zip(*stops, strict=True)
    return look.find(sql, **{f"s{i}": list(column) for i, column in enumerate(columns)})


def _stops(look: Look) -> list[tuple[Any, ...]]:
    """
    Return the refusals that forbid the instrument; whether new details never cure one; and
    whether a later payment, which shows that the instrument lives, does not.
    """
    sql = f"""
        SELECT DISTINCT coalesce(m.kind, '{CARD}'), a.brand, {", ".join(f"a.{n}" for n in _SIGNAL)}
        FROM attempts a
        LEFT JOIN payment_methods m ON m.processor = a.processor AND m.processor_id = a.method
        WHERE a.state = ANY(%(declined)s)
    """
    stops = []
    for kind, brand, *codes in look.fetch(sql):
        verdict = read(Signal(*codes), brand=brand, kind=kind, rules=look.rules)
        if verdict.barred:
            closed = brand == "mastercard" and codes[-1] in CLOSED
            stops.append((kind, brand, *codes, verdict.visa_category == 1, closed))
    return stops


def _above_limit(look: Look) -> list[Finding]:
    rules = look.rules
    named = [(brand, w) for brand, windows in rules.windows.items() for w in windows]
    windows: list[tuple[str | None, Window]] = [*named, *((None, w) for w in rules.other_windows)]
    rows = [(b, w.name, w.limit, w.span, w.by_initiator, w.same_amount) for b, w in windows]
    sql = f"""
        SELECT 'attempt ' || a.id, format('%%s: %%s refused in %%s before it', w.name, b.refused,
                                         w.span)
        FROM attempts a
        LEFT JOIN payment_methods m ON m.processor = a.processor AND m.processor_id = a.method
        JOIN unnest(%(w0)s::text[], %(w1)s::text[], %(w2)s::int[], %(w3)s::interval[],
                    %(w4)s::bool[], %(w5)s::bool[])
             w (brand, name, most, span, by_initiator, same_amount)
             ON w.brand IS NOT DISTINCT FROM
                CASE WHEN a.brand = ANY(%(brands)s) THEN a.brand END
        CROSS JOIN LATERAL (
            SELECT count(*) AS refused FROM attempts d
            WHERE d.instrument = a.instrument AND d.state = ANY(%(declined)s) AND d.id <> a.id
              AND d.happened_at > a.requested_at - w.span + {_SKEW}
              AND d.happened_at < a.requested_at
              AND (NOT w.by_initiator OR d.off_session = a.off_session)
              AND (NOT w.same_amount OR (d.amount, d.currency) = (a.amount, a.currency))
        ) b
        WHERE {_OURS} AND a.instrument IS NOT NULL AND coalesce(m.kind, '{CARD}') = '{CARD}'
          AND b.refused >= w.most
    """
    given = {f"w{i}": [row[i] for row in rows] for i in range(6)}
    return look.find(sql, brands=list(rules.windows), **given)


NETWORKS: Final[tuple[Invariant, ...]] = (
    Invariant(
        "no_try_after_stop",
        "After a refusal that forbids it no instrument is tried by us until updated or paid with.",
        _after_stop,
    ),
    Invariant(
        "within_network_limits",
        "No card is tried by us once the refusals in a network's window have reached its limit.",
        _above_limit,
    ),
)
