"""The notices of an account as a page shows them: sent, not sent, and to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from recoup.core import periods, states
from recoup.core.account import Account, Notice
from recoup.core.explain.views import Notices, NoticeView
from recoup.core.explain.words import about
from recoup.core.policy import Policies, Policy


def notices_of(account: Account, *, policies: Policies, now: datetime) -> Notices:
    """Return every notice of the account's cases, and those that time will bring."""
    by_scope = {case.scope: policies.named(case.policy) for case in account.cases}
    views = [
        (notice, _view(notice, account, by_scope.get(notice.scope))) for notice in account.notices
    ]
    waiting = tuple(view for notice, view in views if states.is_scheduled(notice.state))
    return Notices(
        sent=tuple(view for notice, view in views if states.was_sent(notice.state)),
        skipped=tuple(view for notice, view in views if notice.reason is not None),
        due=(*waiting, *_coming(account, policies, now)),
    )


def _view(notice: Notice, account: Account, policy: Policy | None) -> NoticeView:
    steps = {} if policy is None else {step.key: step.announces for step in policy.steps}
    return NoticeView(
        step=notice.step,
        mail=notice.mail,
        about=about(account, notice.scope),
        state=str(notice.state),
        due_at=notice.due_at,
        announces=steps.get(notice.step),
        reason=notice.reason,
        delivered_at=notice.delivered_at,
        bounced_at=notice.bounced_at,
    )


def _coming(account: Account, policies: Policies, now: datetime) -> Iterator[NoticeView]:
    """Yield what is not due yet, and what an engine outside has not asked for."""
    known = {notice.key for notice in account.notices}
    for case in account.open_cases():
        for step in policies.named(case.policy).steps:
            due = periods.instant_after(case.anchor, step.after, paused=account.paused)
            waits = case.engine is not None or due is None or due > now
            if waits and (case.scope, case.anchor, step.key) not in known:
                what = about(account, case.scope)
                yield NoticeView(step.key, step.mail, what, "due", due, step.announces)
