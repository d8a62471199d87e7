"""
What a person does to a running case: look again, try to collect now, follow another policy.

Source: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands import paying
from recoup.commands.acting import REFUSED, Act, Wish, customer_of, kind_of, reason_of
from recoup.commands.base import Kind, Office, Plan, Recording
from recoup.commands.desk import Desk
from recoup.commands.filing import digest_of, own_key
from recoup.commands.options import verb
from recoup.commands.steps import replanned
from recoup.core.account import Account, Case
from recoup.core.dunning import acts
from recoup.core.dunning.acts import Acted
from recoup.core.policy import Policies, Policy
from recoup.core.states import Trigger
from recoup.errors import InvalidPolicy, NotFound, NotPossible
from recoup.store import views
from recoup.store.operators import cases
from recoup.store.records import money
from recoup.store.views.reading import Ref


def _payment_now(connection: Connection, kept: Acted) -> Acted:
    """Return how the payment of a try stands by now."""
    if kept.payment is None:
        return kept
    return replace(kept, payment=views.read_payment(connection, kept.payment.id))


RECOMPUTE: Final = kind_of("recompute_now")
RETRY: Final = kind_of("retry", current=_payment_now)
CHANGE_POLICY: Final = kind_of("change_policy")

KINDS: Final[Sequence[Kind[Any]]] = (RECOMPUTE, RETRY, CHANGE_POLICY)


@dataclass(frozen=True, slots=True)
class Casework(Desk):
    """What a person may do to a running case."""

    @verb
    def recompute_now(
        self, customer: Ref, *, reason: str, dry_run: bool = False, key: str | None = None
    ) -> Acted:
        """
        Decide on a customer again, now; twice changes nothing the second time.

        One who could not be decided on, and was parked, is tried again. `failed` says why
        when it does not work.

        Raises:
            NotFound: there is no such customer.
        """
        office, why = self.office, reason_of(reason)
        id = customer_of(office, customer)
        act = Act(office, RECOMPUTE, id, why, dry_run, trigger=Trigger.OPERATOR_RECOMPUTE)
        return act.carried_out({}, lambda _, account: Wish((), account), key=key)

    @verb
    def retry(
        self,
        invoice: Ref,
        *,
        reason: str,
        method: Ref | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Try to collect an invoice off-session, once, now; `payment` says how that stands.

        It advances no schedule and waits for no hold; it counts towards the networks' limits.
        Without a key, one try at a time has the same: pressing twice is pressing once.

        Args:
            method: What to pay with; the customer's default when not said.

        Raises:
            NotPossible: nothing is owed, there is nothing to pay with, it is disputed, charging is
                paused, or networks or a dead instrument forbid it. The text says which.
            InProgress: a payment of it is under way.
        """
        office, why = self.office, reason_of(reason)
        with office.reading() as connection:
            found = views.read_invoice(connection, invoice, now=office.now())
            way = None if method is None else views.read_method(connection, method).id
            past = money.over(connection, found.id)
        subject = f"invoice:{found.id}"
        act = Act(office, RETRY, found.customer_id, why, dry_run, subject=subject)
        words = f"try to collect {found.remaining} of invoice {found.processor_id} now"

        def planned(recording: Recording) -> Plan:
            plan = paying.intend(
                recording, found.id, method=way, off_session=True, origin="operator"
            )
            return replace(plan, result=act.told(words, payment=plan.result))

        asked = {"invoice": found.id, "method": way}
        if dry_run:
            with office.reading() as connection:
                paying.check(
                    connection, found.customer_id, found.id,
                    method=way, off_session=True, now=office.now(),
                )  # fmt: skip
            return act.told(words)
        digest = digest_of(RETRY.name, found.customer_id, subject, asked)
        # The number of tries, and not of commands: a refusal that is on record is none.
        own = f"{own_key(RETRY.name, subject, digest, past)}:tries"
        return act.recorded(asked, planned, key=own if key is None else key)

    @verb
    def change_policy(
        self,
        case: int,
        policy: str,
        *,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Have a running case follow another version or policy, "default/2", from now on.

        It is carried to the last rung there that takes no more away than its own, and climbs
        from it only after the notices of the new one.

        Raises:
            NotFound: there is no such case, or no policy of this name is known.
            NotPossible: it is over, follows it already, or a notice that was sent would count as
                one of something severer.
        """
        office, why = self.office, reason_of(reason)
        new = _policy(office, policy)
        with office.reading() as connection:
            owner = cases.owner(connection, case)

        def wish(_: Connection, account: Account | None) -> Wish:
            before = _running(account, case)
            assert account is not None  # noqa: S101  it has the case
            placed = [
                n.step
                for n in account.notices
                if (n.scope, n.anchor) == (before.scope, before.anchor) and not n.passed_over
            ]
            old = _policy(office, before.policy)
            after = acts.following(before, old=old, new=new, placed=placed)
            words = f"case {case} follows {after.policy} instead of {before.policy}"
            if after.rung != before.rung:
                words += f", carried from rung {before.rung} to {after.rung or 'none'}"
            changed = tuple(after if one is before else one for one in account.cases)

            def write(recording: Recording) -> None:
                cases.move(recording.writer, owner, before, after)
                replanned(office, recording, account, before, after)

            return Wish((words,), replace(account, cases=changed), write)

        act = Act(office, CHANGE_POLICY, owner, why, dry_run, subject=f"case:{case}")
        return act.carried_out({"case": case, "policy": policy}, wish, key=key)

    @verb
    def change_policies(
        self, before: str, policy: str, *, reason: str, dry_run: bool = False
    ) -> tuple[Acted, ...]:
        """
        Do `change_policy` to every open case that follows `before`, each by itself.

        What one of them is refused for is in its `failed`; the others go on.

        Raises:
            NotFound: no policy of one of these names is known.
        """
        _policy(self.office, policy)
        with self.office.reading() as connection:
            found = cases.following(connection, before)
        if not found:
            _policy(self.office, before)
        return tuple(self._moved(case, policy, reason, dry_run=dry_run) for case in found)

    def _moved(self, case: int, policy: str, reason: str, *, dry_run: bool) -> Acted:
        try:
            return self.change_policy(case, policy, reason=reason, dry_run=dry_run)
        except REFUSED as error:
            with self.office.reading() as connection:
                owner = cases.owner(connection, case)
            act = Act(self.office, CHANGE_POLICY, owner, reason_of(reason), dry_run)
            return act.told(failed=f"case {case}: {error}")


def _policy(office: Office, name: str) -> Policy:
    known = Policies() if office.engine is None else office.engine.policies
    try:
        return known.named(name)
    except InvalidPolicy:
        raise NotFound(
            f"no policy {name} is known: put it into the file of RECOUP_POLICY first"
        ) from None


def _running(account: Account | None, case: int) -> Case:
    if account is None:
        raise NotPossible("the customer's rows can not be read: recoup explain says why")
    found = next((one for one in account.open_cases() if one.id == case), None)
    if found is None:
        raise NotPossible(f"case {case} is over")
    return found
