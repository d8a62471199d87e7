"""Cases: every debt has one, each has something to recover, each ends once and then is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from recoup.core import periods
from recoup.core.dunning import ladder
from recoup.store.invariants.base import Finding, Invariant, Look, busy, by_sql
from recoup.store.observe import observe

#: An obligation that failed: what a case is about.
DEFAULTED: Final = """
    (i.status = ANY(%(owed)s) AND i.amount_remaining > 0 AND i.first_failed_at IS NOT NULL
     OR i.status = ANY(%(paid)s) AND i.charged_back > 0 AND i.resolved_as IS NULL)"""
#: When the end of a case was written down. It may be dated back to when the money came.
_ENDED: Final = """
    (SELECT min(l.recorded_at) FROM ledger_entries l
     WHERE l.customer_id = c.customer_id AND l.subject = 'case:' || c.id
       AND l.body LIKE '%%"ending":[%%')
"""

#: Open cases, and when last something about them moved that gives their end more time: they were
#: heard of, placed elsewhere, or told of; a payment was under way until then, a dispute, or a
#: command that closes something of it.
_OLD: Final = f"""
    SELECT c.id, c.customer_id, c.policy,
           greatest((SELECT max(l.recorded_at) FROM ledger_entries l
                     WHERE l.customer_id = c.customer_id AND l.subject = 'case:' || c.id),
                    (SELECT max(greatest(n.placed_at, n.bounced_at)) FROM notices n
                     WHERE n.case_id = c.id),
                    (SELECT max(a.ended_at) FROM attempts a JOIN invoices i ON i.id = a.invoice_id
                     WHERE i.case_id = c.id),
                    (SELECT max(d.seen_at) FROM disputes d JOIN attempts a ON a.id = d.attempt_id
                     JOIN invoices i ON i.id = a.invoice_id WHERE i.case_id = c.id),
                    (SELECT max(o.ended_at) FROM invoices i JOIN commands o
                     ON o.subject = 'invoice:' || i.id WHERE i.case_id = c.id), c.anchor)
    FROM cases c
    WHERE c.ending IS NULL AND c.anchor < %(before)s AND NOT {busy("c.customer_id")}
      AND NOT EXISTS (SELECT FROM attempts a WHERE a.customer_id = c.customer_id
                      AND a.state = ANY(%(in_flight)s))
      AND NOT EXISTS (SELECT FROM invoices i WHERE i.case_id = c.id AND i.disputed)
    ORDER BY c.customer_id, c.id
"""


def _overdue(look: Look) -> Iterator[Finding]:
    """
    Yield the cases that are open past their deadline.

    After an outage of ours a case is given the time again that telling its customer takes, from
    when something moved last. While all charging is paused nothing ends.
    """
    spans = [ladder.longest(policy) for policy in look.policies.values()]
    if not spans:
        return
    rows = look.find(_OLD, before=look.now - min(spans))
    owners = sorted({row[1] for row in rows})
    seen = observe(look.connection, owners, now=look.now).accounts if owners else []
    accounts = {account.id: account for account in seen}
    for id, owner, name, moved in rows:
        account, policy = accounts.get(owner), look.policies.get(name)
        if account is None or policy is None or account.stopped is not None:
            continue
        case = next(one for one in account.cases if one.id == id)
        if any(invoice.closing for invoice in account.obligations(case.scope)):
            continue
        by = ladder.deadline(case, account, policy=policy)
        told = periods.instant_after(moved, ladder.telling(policy), paused=account.paused)
        if by is not None and told is not None and max(by, told) < look.now:
            yield f"case {id}", f"was to end by {max(by, told):%Y-%m-%d %H:%M}"


CASES: Final[tuple[Invariant, ...]] = (
    by_sql(
        "one_open_case",
        "At most one case of a customer and scope is open.",
        """
        SELECT 'customer ' || customer_id, count(*) || ' open cases of ' || scope
        FROM cases WHERE ending IS NULL GROUP BY customer_id, scope HAVING count(*) > 1
        """,
    ),
    by_sql(
        "open_case_is_owed",
        "Something is owed in an open case, unless its customer is about to be looked at.",
        f"""
        SELECT 'case ' || c.id, 'open, and nothing in it is owed' FROM cases c
        WHERE c.ending IS NULL AND NOT {busy("c.customer_id")}
          AND NOT EXISTS (SELECT FROM invoices i WHERE i.case_id = c.id AND {DEFAULTED})
        """,
    ),
    by_sql(
        "debt_has_case",
        "An obligation in default belongs to a case that is open or bad debt.",
        f"""
        SELECT 'invoice ' || i.id, coalesce('its case ' || c.id || ' has ended', 'it has no case')
        FROM invoices i JOIN customers u ON u.id = i.customer_id
        LEFT JOIN cases c ON c.id = i.case_id
        LEFT JOIN subscriptions s ON s.id = i.subscription_id
        WHERE {DEFAULTED} AND NOT u.deleted AND NOT {busy("i.customer_id")} AND i.gate_id IS NULL
          AND (c.id IS NULL OR c.ending IS NOT NULL
               AND NOT (c.ending = %(exhausted)s AND c.settled_at IS NULL)
               AND (s.id IS NULL OR s.status <> ALL(%(over)s)))
        """,
    ),
    by_sql(
        "one_end",
        "A case ends at most once, with an ending and an instant, and then stands on no rung.",
        """
        SELECT * FROM (
            SELECT 'case ' || id,
                   format('ending %%s at %%s, rung %%s', ending, ended_at, rung)
            FROM cases
            WHERE (ending IS NULL) <> (ended_at IS NULL) OR (ending IS NOT NULL AND rung <> '')
            UNION ALL
            SELECT replace(subject, ':', ' '), 'ended ' || count(*) || ' times' FROM ledger_entries
            WHERE subject LIKE 'case:%%' AND body LIKE '%%"ending":[null,%%'
            GROUP BY customer_id, subject HAVING count(*) > 1
        ) ends
        """,
    ),
    Invariant(
        "case_ends_in_time",
        "No case is open past its deadline.",
        _overdue,
    ),
    by_sql(
        "no_try_after_end",
        "After the end of a case is written down, nothing in it is charged by itself.",
        f"""
        SELECT 'attempt ' || a.id, format('%%s, asked for at %%s, after case %%s ended: %%s',
                                         a.origin, a.requested_at, c.id, c.ending)
        FROM cases c JOIN invoices i ON i.case_id = c.id JOIN attempts a ON a.invoice_id = i.id
        WHERE c.ending IS NOT NULL AND a.ordinal IS NOT NULL
          AND a.origin IN ('renewal', 'retry', 'new_method')
          AND least(a.happened_at, a.requested_at) > c.ended_at
          AND a.requested_at > {_ENDED}
        """,
    ),
    by_sql(
        "no_notice_after_end",
        "After the end of a case is written down, no notice of it goes out or waits to.",
        f"""
        SELECT 'notice ' || n.id, format('%%s %%s, but case %%s has ended: %%s',
                                        n.step, n.state, c.id, c.ending)
        FROM cases c JOIN notices n ON n.case_id = c.id
        WHERE c.ending IS NOT NULL
          AND (n.state = ANY(%(scheduled)s) AND NOT {busy("c.customer_id")}
               OR coalesce(n.delivered_at, n.bounced_at) > c.ended_at
                  AND n.state = ANY(%(sent)s) AND n.delivered_at > {_ENDED})
        """,
    ),
    by_sql(
        "ended_case_restricts_nobody",
        "A case that is over, and no bad debt, holds no restriction, unless another bad debt of"
        " the same scope does.",
        """
        SELECT 'restriction ' || r.id, format('%%s on %%s, but case %%s has ended: %%s',
                                             r.consequence, r.scope, c.id, c.ending)
        FROM restrictions r JOIN cases c ON c.id = r.case_id
        WHERE r.lifted_at IS NULL AND c.ending IS NOT NULL
          AND NOT EXISTS (SELECT FROM cases o WHERE o.customer_id = r.customer_id
                          AND o.scope = r.scope AND o.ending = %(exhausted)s
                          AND o.settled_at IS NULL)
        """,
    ),
)
