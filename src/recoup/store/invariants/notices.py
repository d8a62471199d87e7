"""Notices: in time, once, in order; and nothing is taken away that was not announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from recoup.core.policy import Policy, Rung
from recoup.store.invariants.base import Finding, Invariant, Look, by_sql

#: The policy of a case when a restriction began: the one it was first moved from after that.
_THEN: Final = """
    coalesce((SELECT l.body::jsonb #>> '{policy,0}' FROM ledger_entries l
              WHERE l.customer_id = r.customer_id AND l.subject = 'case:' || r.case_id
                AND l.body LIKE '%%"policy":["%%'
                AND l.seq > (SELECT min(b.seq) FROM ledger_entries b
                             WHERE b.customer_id = r.customer_id
                               AND b.subject = 'restriction:' || r.id)
              ORDER BY l.seq LIMIT 1), c.policy)"""


def _unannounced(look: Look) -> list[Finding]:
    announced = _columns([row for p in look.policies.values() for row in _announced(p)], 3)
    terms = _columns(
        [
            (p.name, rung.name, p.min_notice, p.bounce_hold)
            for p in look.policies.values()
            for rung in p.ladder
            if rung.restricts
        ],
        4,
    )
    sql = f"""
        SELECT 'restriction ' || r.id,
               format('%%s from %%s on, and no notice of rung %%s before it',
                      r.consequence, r.since, r.rung)
        FROM restrictions r JOIN cases c ON c.id = r.case_id
        CROSS JOIN LATERAL (SELECT {_THEN} AS policy) followed
        JOIN unnest(%(t0)s::text[], %(t1)s::text[], %(t2)s::interval[], %(t3)s::interval[])
             t (policy, rung, min_notice, bounce_hold)
             ON t.policy = followed.policy AND t.rung = r.rung
        WHERE NOT EXISTS (
            SELECT FROM notices n
            JOIN unnest(%(a0)s::text[], %(a1)s::text[], %(a2)s::text[]) a (policy, rung, step)
                 ON a.policy = t.policy AND a.rung = r.rung AND a.step = n.step
            WHERE n.case_id = c.id
              AND (n.delivered_at + t.min_notice <= r.since
                   AND (n.bounced_at IS NULL OR n.bounced_at > r.since)
                   OR coalesce(n.bounced_at, n.placed_at) + t.bounce_hold <= r.since))
    """
    given = {f"t{i}": column for i, column in enumerate(terms)}
    given |= {f"a{i}": column for i, column in enumerate(announced)}
    return look.find(sql, **given)


def _announced(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for place, rung in enumerate(policy.ladder):
        for step in policy.steps:
            if policy.place(step.announces) >= place:
                yield policy.name, rung.name, step.key


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(width)]


def _off_ladder(look: Look) -> list[Finding]:
    rungs: list[tuple[Policy, Rung]] = [(p, r) for p in look.policies.values() for r in p.ladder]
    sql = """
        SELECT 'case ' || c.id, format('policy %%s, rung %%s: not known', c.policy, c.rung)
        FROM cases c
        WHERE c.ending IS NULL
          AND (c.policy <> ALL(%(policies)s)
               OR c.rung IS NOT NULL AND (c.policy || ' ' || c.rung) <> ALL(%(rungs)s))
    """
    names = [f"{policy.name} {rung.name}" for policy, rung in rungs]
    return look.find(sql, policies=list(look.policies), rungs=names)


NOTICES: Final[tuple[Invariant, ...]] = (
    Invariant(
        "policy_is_known",
        "An open case follows a policy we have, and stands on one of its rungs.",
        _off_ladder,
    ),
    Invariant(
        "announced_before_restricted",
        "Nothing is taken away before a notice of it was delivered long enough ago, or held.",
        _unannounced,
    ),
    by_sql(
        "no_notice_early",
        "No notice goes out before it is due.",
        """
        SELECT 'notice ' || id, format('%%s was due at %%s and went out at %%s',
                                      step, due_at, coalesce(delivered_at, bounced_at))
        FROM notices WHERE least(delivered_at, bounced_at) < due_at
        """,
    ),
    by_sql(
        "one_notice_per_step",
        "A step of a campaign is one notice.",
        """
        SELECT 'case ' || case_id, format('step %%s of %%s is there %%s times',
                                         step, anchor, count(*))
        FROM notices GROUP BY case_id, anchor, step HAVING count(*) > 1
        """,
    ),
    by_sql(
        "notices_in_order",
        "The notices of a campaign go out in the order in which they are due.",
        """
        SELECT 'notice ' || id, format('%%s went out at %%s, before an earlier step',
                                      step, delivered_at)
        FROM (SELECT id, step, delivered_at, max(delivered_at) OVER
                     (PARTITION BY case_id, anchor ORDER BY due_at
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier
              FROM notices WHERE delivered_at IS NOT NULL) sent
        WHERE delivered_at < earlier
        """,
    ),
    by_sql(
        "notice_has_mail",
        "A notice has its mail: one that went out went out as a mail, one to come is queued.",
        """
        SELECT 'notice ' || n.id, format('%%s, and its mail is %%s',
                                        n.state, coalesce(m.state, 'missing'))
        FROM notices n LEFT JOIN mails m ON m.key = 'notice:' || n.id
        WHERE n.state = ANY(%(sent)s) AND coalesce(m.state, '') NOT IN ('sent', 'bounced')
              AND m.reason IS DISTINCT FROM 'this type of mail is switched off'
              AND NOT EXISTS (SELECT FROM tellings t WHERE t.notice_id = n.id)
           OR n.state = ANY(%(scheduled)s)
              AND (m.id IS NULL OR NOT EXISTS
                   (SELECT FROM effects e WHERE e.key = 'mail:notice:' || n.id
                    AND e.state IN ('scheduled', 'running', 'parked')))
        """,
    ),
)
