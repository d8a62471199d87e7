"""What can happen to a debtor: the facts, as the mirror would hold them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from heapq import heappush

from recoup.core import states
from recoup.core.account import Hold, Upgrade
from recoup.core.facts import tried_off_session
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.policy import HOUR
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.testing.accounts import CARD, declined, invoice

CHANGE = "subscription_update"  # the reason of an upgrade's bill


class Facts:
    """A part of `World`: what others do."""

    # -- what happens ---------------------------------------------------------------------

    def at(self, when, what, *given):
        heappush(self.coming, (when, next(self.order), what, given))

    def owe(self, id, *, ago=timedelta(0), currency="EUR", **fields):
        """
        A renewal or a bill fails, now, or did some time `ago` and is heard of now; nobody bills
        whom the processor has deleted.
        """
        if self.deleted:
            return
        bill = replace(invoice(id, failed_at=self.now - ago), **fields)
        due = Money(bill.due.minor, currency)
        self.invoices[id] = replace(bill, due=due, remaining=due)
        self._refused(self.invoices[id], "insufficient_funds")

    def _refused(self, bill, code):
        id = next(self.ids)
        made = self.processors_try(id, bill, AttemptState.DECLINED, code)
        self.attempts[id] = replace(made, at=bill.first_failed_at)

    def processors_try(self, id, bill, state, code):
        made = declined(bill, code, at=self.now, id=id)
        return replace(made, state=state, method=self.method.processor_id,
                       instrument=self.method.instrument)  # fmt: skip

    def upgrade(self, id, *, refused=True):
        """A change of plan takes effect, and its bill is refused or paid at once."""
        alone = tried_off_session(CHANGE, "charge_automatically")
        failed_at = self.now if refused and alone else None
        made = replace(invoice(id), first_failed_at=failed_at, reason=CHANGE, created_at=self.now)
        self.invoices[id] = made
        self.try_upgrade(id, refused=refused)

    def try_upgrade(self, id, *, refused=True, slow=False):
        """The customer, or the processor by itself, tries the bill of an upgrade (again)."""
        bill = self.invoices[id]
        if not bill.owed or any(a.invoice_id == id and states.in_flight(a.state)
                                for a in self.attempts.values()):  # fmt: skip
            return
        number = next(self.ids)
        state = AttemptState.DECLINED if refused else AttemptState.SUCCEEDED
        code = "insufficient_funds" if refused else None
        self.attempts[number] = self.processors_try(number, bill, AttemptState.PROCESSING, None)
        if slow:
            self.at(self.now + 72 * HOUR, self._answer, number, state, code)
        else:
            self._answer(number, state, code)

    def _void(self, id):
        """The processor is asked to void the bill of an upgrade; one that is paid it does not."""
        before = self.invoices[id].status
        self.close(id, InvoiceStatus.VOID, "superseded")
        self.withdrawn += before != self.invoices[id].status

    def upgrades(self):
        """Return the bills of upgrades as the store reads them."""
        for bill in self.invoices.values():
            tries = [a for a in self.attempts.values() if a.invoice_id == bill.id]
            refused = [a.at for a in tries if states.was_declined(a.state)]
            open_ = bill.reason == CHANGE and bill.owed and bill.id not in self.asked_back
            if open_ and refused:
                moving = any(states.in_flight(a.state) for a in tries)
                yield Upgrade(bill.id, bill.processor_id, 1, min(refused), moving)

    def close(self, id, status, resolved_as=None):
        bill = self.invoices.get(id)
        legal = bill is not None and status in states.INVOICE_MOVES[bill.status]
        if not legal or bill.charged_back:
            return
        left = Money(0, bill.due.currency)
        self.invoices[id] = replace(
            bill, status=status, remaining=left, closed_at=self.now, resolved_as=resolved_as
        )
        if self.was_disputed.get(id) is True:
            self._taken_back(id)

    def pay_part(self, id, share):
        bill = self.invoices.get(id)
        if bill is not None and bill.owed and not bill.charged_back:
            left = max(1, int(bill.remaining.minor * share))
            self.invoices[id] = replace(bill, remaining=Money(left, bill.due.currency))

    def dispute(self, id, lost):
        """A payment is disputed, or no longer: won, or lost and owed again."""
        bill = self.invoices.get(id)
        if bill is None:
            return
        self.was_disputed[id] = lost
        self.invoices[id] = replace(bill, disputed=lost is None, was_disputed=True)
        if lost:
            self._taken_back(id)

    def _taken_back(self, id):
        bill = self.invoices[id]
        if states.is_paid(bill.status) and bill.resolved_as is None:
            self.invoices[id] = replace(
                bill, status=InvoiceStatus.OPEN, charged_back=True, remaining=bill.due,
                first_failed_at=bill.created_at, closed_at=None,
            )  # fmt: skip

    def refund(self, id):
        """What came is given back. The processor calls its bill paid as before."""

    def reinstate(self, id, resolved_as=None):
        """What was charged back is won after all, or somebody decides about it."""
        bill = self.invoices.get(id)
        if self.was_disputed.get(id):
            self.was_disputed[id] = False
        if bill is not None and bill.charged_back:
            self.invoices[id] = replace(
                bill, status=InvoiceStatus.PAID, charged_back=False, closed_at=self.now,
                remaining=Money(0, bill.due.currency), resolved_as=resolved_as,
            )  # fmt: skip

    def hold(self, kind, span):
        self.holds.append(Hold(next(self.ids), "said so", Period(self.now, self.now + span), kind))

    def end(self, id, reason):
        sub = self.subscriptions[id]
        if not states.has_ended(sub.status):
            self.subscriptions[id] = replace(
                sub, status=states.SubscriptionStatus.CANCELED, ended_at=self.now,
                end_reason=sub.end_reason or reason,
            )  # fmt: skip

    def new_card(self):
        self.method = replace(
            CARD, processor_id=f"pm_{next(self.ids)}", instrument=f"fp_{next(self.ids)}",
            changed_at=self.now,
        )  # fmt: skip

    def delete(self):
        self.deleted = True
        for id in self.subscriptions:
            self.end(id, "requested")
