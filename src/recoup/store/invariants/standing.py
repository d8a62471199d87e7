"""Standing: where a customer is follows from cases, and cases from money that is owed."""

from __future__ import annotations

from typing import Final

from recoup.core.account import BAD_DEBT, CURRENT, LIFTING
from recoup.store.invariants.base import Finding, Invariant, Look, busy, by_sql
from recoup.store.invariants.cases import DEFAULTED

#: What a lifted restriction is that systems of the host's own have not undone.
_UNDOING: Final = """EXISTS (SELECT FROM restrictions r, access_store a
    WHERE r.customer_id = s.customer_id AND r.undone_at IS NULL AND r.lifted_at >= a.since)"""
#: Who should be current, but for what the host has still to undo.
_CLEAR: Final = f"CASE WHEN {_UNDOING} THEN %(lifting)s ELSE %(current)s END"
_UNSETTLED: Final = "(c.ending IS NOT DISTINCT FROM %(exhausted)s AND c.settled_at IS NULL)"


def _misfits(look: Look) -> list[Finding]:
    sql = f"""
        WITH found AS (
            SELECT customer_id,
                   array_agg(c.rung) FILTER (WHERE c.ending IS NULL AND c.rung <> '') AS rungs,
                   bool_or({_UNSETTLED}) AS unsettled
            FROM cases c WHERE c.ending IS NULL OR {_UNSETTLED} GROUP BY customer_id
        )
        SELECT 'customer ' || s.customer_id,
               format('%%s, but its cases say %%s', s.standing,
                      coalesce(array_to_string(f.rungs, ' or '),
                               CASE WHEN f.unsettled THEN %(bad_debt)s ELSE %(current)s END))
        FROM standings s LEFT JOIN found f USING (customer_id)
        WHERE CASE WHEN f.rungs IS NOT NULL THEN s.standing <> ALL(f.rungs)
                   WHEN f.unsettled THEN s.standing <> %(bad_debt)s
                   ELSE s.standing <> {_CLEAR}
                        AND NOT (s.standing = ANY(%(clear)s) AND {busy("s.customer_id")}) END
    """
    clear = [CURRENT, LIFTING]
    return look.find(sql, bad_debt=BAD_DEBT, current=CURRENT, lifting=LIFTING, clear=clear)


def _unfit(look: Look) -> list[Finding]:
    held = [
        f"{policy.name} {rung.name} {consequence}"
        for policy in look.policies.values()
        for rung in policy.ladder
        for consequence in rung.consequences
    ]
    sql = """
        SELECT 'restriction ' || r.id,
               format('%%s, but its case stands on %%s',
                      r.consequence, coalesce(c.rung, 'no rung'))
        FROM restrictions r JOIN cases c ON c.id = r.case_id
        WHERE r.lifted_at IS NULL AND c.ending IS NULL
          AND concat_ws(' ', c.policy, c.rung, r.consequence) <> ALL(%(held)s)
    """
    return look.find(sql, held=held)


def _false(look: Look) -> list[Finding]:
    sql = f"""
        SELECT 'customer ' || s.customer_id, s.standing || ', and nothing is due' FROM standings s
        WHERE s.standing <> ALL(%(clear)s) AND NOT {busy("s.customer_id")}
          AND NOT EXISTS (SELECT FROM invoices i
                          WHERE i.customer_id = s.customer_id AND {DEFAULTED})
          AND NOT EXISTS (SELECT FROM cases c
                          WHERE c.customer_id = s.customer_id AND {_UNSETTLED})
    """
    return look.find(sql, clear=[CURRENT, LIFTING])


STANDING: Final[tuple[Invariant, ...]] = (
    by_sql(
        "customer_has_standing",
        "Every customer has a standing.",
        """
        SELECT 'customer ' || c.id, 'no standing' FROM customers c
        LEFT JOIN standings s ON s.customer_id = c.id WHERE s.customer_id IS NULL
        """,
    ),
    Invariant(
        "standing_fits_cases",
        "A standing is the rung of an open case, else bad debt if there is any, else lifting "
        "while the host has something to undo, else current.",
        _misfits,
    ),
    Invariant(
        "standing_is_owed",
        "Nobody with nothing due, and no bad debt, has another standing than current or lifting.",
        _false,
    ),
    by_sql(
        "restriction_is_owed",
        "A restriction holds only what an unpaid debt bought.",
        f"""
        SELECT 'restriction ' || r.id, format('%%s on %%s, and nothing in it is due',
                                             r.consequence, r.scope)
        FROM restrictions r JOIN cases c ON c.id = r.case_id
        WHERE r.lifted_at IS NULL AND NOT {busy("r.customer_id")}
          AND NOT EXISTS (SELECT FROM cases c WHERE c.customer_id = r.customer_id
                          AND c.scope = r.scope AND {_UNSETTLED})
          AND (r.scope <> c.scope OR NOT EXISTS
               (SELECT FROM invoices i WHERE i.case_id = c.id AND {DEFAULTED}))
        """,
    ),
    Invariant(
        "restriction_fits_rung",
        "What is restricted is what the rung of its case says.",
        _unfit,
    ),
    by_sql(
        "restricted_once",
        "A consequence holds at most once for a scope.",
        """
        SELECT 'customer ' || customer_id, format('%%s holds %%s times on %%s',
                                                 consequence, count(*), scope)
        FROM restrictions WHERE lifted_at IS NULL
        GROUP BY customer_id, scope, consequence HAVING count(*) > 1
        """,
    ),
    by_sql(
        "undone_after_lifted",
        "Nothing is undone that is not lifted, nor before it is.",
        """
        SELECT 'restriction ' || id, format('undone at %%s, lifted at %%s', undone_at, lifted_at)
        FROM restrictions WHERE undone_at IS NOT NULL
          AND (lifted_at IS NULL OR undone_at < lifted_at)
        """,
    ),
    by_sql(
        "host_is_told",
        "Where a host follows, what it has not confirmed of an access is on its way to it.",
        """
        SELECT 'customer ' || v.customer_id,
               format('version %%s, confirmed %%s, and nothing tells the host',
                      v.version, v.applied_version)
        FROM access_versions v
        WHERE v.behind_since IS NOT NULL AND EXISTS (SELECT FROM access_store)
          AND NOT EXISTS (SELECT FROM effects e WHERE e.key = 'access:' || v.customer_id
                          AND e.state IN ('scheduled', 'running', 'parked'))
        """,
    ),
    by_sql(
        "lifting_ends",
        "What was lifted and is not undone is part of what the host has not confirmed.",
        """
        SELECT 'restriction ' || r.id, 'not undone, and the host has confirmed everything'
        FROM restrictions r JOIN access_store a ON r.lifted_at >= a.since
        WHERE r.undone_at IS NULL AND NOT EXISTS
              (SELECT FROM access_versions v WHERE v.customer_id = r.customer_id
               AND v.behind_since IS NOT NULL)
        """,
    ),
    by_sql(
        "open_case_wakes",
        "Somebody with an open case is looked at again, unless only news can change anything.",
        f"""
        SELECT 'customer ' || s.customer_id, 'an open case and no wake-up' FROM standings s
        WHERE s.next_wake_at IS NULL AND s.run_state = 'ok'
          AND EXISTS (SELECT FROM cases c WHERE c.customer_id = s.customer_id
                      AND c.ending IS NULL
                      AND NOT EXISTS (SELECT FROM notices n WHERE n.case_id = c.id
                                      AND n.state = ANY(%(scheduled)s))
                      AND NOT EXISTS (SELECT FROM invoices i WHERE i.case_id = c.id
                                      AND i.disputed AND {DEFAULTED})
                      AND NOT EXISTS (SELECT FROM invoices i JOIN commands o
                                      ON o.subject = 'invoice:' || i.id AND o.ended_at IS NULL
                                      WHERE i.case_id = c.id))
          AND NOT EXISTS (SELECT FROM attempts a WHERE a.customer_id = s.customer_id
                          AND a.state = ANY(%(in_flight)s))
          AND NOT EXISTS (SELECT FROM holds h WHERE h.customer_id = s.customer_id
                          AND h.since <= %(now)s AND h.until IS NULL)
        """,
    ),
)
