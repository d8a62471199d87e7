"""What people at the business decide in a random history: every verb of `recoup.dunning`."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from recoup.core.dunning.acts import Acted
from recoup.core.money import Money
from recoup.core.rollout import DRIFT_REPAIR
from recoup.errors import Rejected
from recoup.processors.fake import Payer
from recoup.testing.histories.business import ROLLOUT
from recoup.testing.histories.wishes import Wishes
from recoup.testing.scene import Scene, Subscriber

HOUR: Final = timedelta(hours=1)

_CASES: Final = "SELECT id, policy FROM cases WHERE ending IS NULL ORDER BY id"
_OWED: Final = "SELECT id FROM invoices WHERE status = 'open' ORDER BY id"
_WRITTEN: Final = """
    SELECT (SELECT count(*) FROM ledger_entries) AS told, (SELECT count(*) FROM commands) AS asked,
           (SELECT count(*) FROM effects) AS effects"""


class Operators:
    """
    What a person decides; each method is one thing, and says what was.

    Args:
        scene: On an empty database.
        dice: Decides on everything.
        people: Who is there.
        wishes: How things are asked for, so that they can be asked for again.
    """

    def __init__(
        self, scene: Scene, dice: random.Random, people: list[Subscriber], wishes: Wishes
    ) -> None:
        self._scene = scene
        self._dunning = scene.recoup.acting_as("cli:ann").dunning
        self._dice = dice
        self._people = people
        self._wishes = wishes

    def doings(self, payer: Callable[[], Payer]) -> tuple[tuple[int, Callable[[], str]], ...]:
        """Return everything that may be decided, and how often of a hundred or so."""
        return (
            (8, self.give_time),
            (1, self.look_again),
            (4, self.retry),
            (3, self.carry),
            (4, self.step),
            (6, lambda: self.settle_debt(payer())),
            (3, self.give_up),
            (4, self.charging),
            (1, self.refund),
            (1, self.replay),
            (3, self.back_up),
            (3, self.roll_out),
        )

    def give_time(self) -> str:
        """A customer is given time, of one kind or another, or what was given is ended."""
        dunning, who = self._dunning, self._wishes.pick(self._people).customer
        until = self._scene.now + self._dice.randint(6, 9 * 24) * HOUR
        deed = self._dice.choice(
            (
                partial(dunning.hold, until=until),
                partial(dunning.promise, until=until),
                partial(dunning.extend_grace, until=until),
                partial(dunning.extend_grace, days=self._dice.randint(1, 9)),
                partial(dunning.exempt, until=until),
                dunning.release,
                dunning.release,
            )
        )
        return self._do(deed, who)

    def look_again(self) -> str:
        """A customer is decided on again."""
        return self._do(self._dunning.recompute_now, self._wishes.pick(self._people).customer)

    def retry(self) -> str:
        """An invoice is tried now."""
        return self._do(self._dunning.retry, self._one(_OWED))

    def carry(self) -> str:
        """A case follows another policy, or all cases of one do."""
        policies = sorted(self._scene.recoup.engine.policies._by_name)
        policy = self._wishes.pick(policies)
        if self._dice.random() < 0.8:
            return self._do(self._dunning.change_policy, self._one(_CASES), policy)
        before = self._wishes.pick(policies)
        moved = self._dunning.change_policies(before, policy, reason="a better one")
        return f"{len(moved)} cases of {before} follow {policy}"

    def step(self) -> str:
        """A step of a case is left out, sent again or asked for."""
        case = self._wishes.pick(self._scene.rows(_CASES))
        policy = self._scene.recoup.engine.policies.named(str(case["policy"]))
        step = self._wishes.pick(policy.steps).key
        if self._dice.random() < 0.1:
            self._wishes.ask(self._dunning.send_step, int(case["id"]), step)
            return f"send_step({case['id']}, {step})"
        deed = self._dice.choice((self._dunning.skip_step, self._dunning.resend_step))
        return self._do(deed, int(case["id"]), step)

    def settle_debt(self, payer: Payer) -> str:
        """Bad debt is paid, some or all of a customer's, with the usual card or another."""
        debts = self._dunning.bad_debts(limit=500)
        owner = self._wishes.pick(debts).customer_id
        bills = [debt.invoice_id for debt in debts if debt.customer_id == owner]
        some = self._dice.sample(bills, self._dice.randint(1, len(bills)))
        method = None
        if self._dice.random() < 0.6:
            who = self._scene.recoup.customers.get(owner).processor_id
            method = self._scene.fake.attach_method(str(who), payer, default=False)
        present = self._dice.random() < 0.5
        pay = partial(self._dunning.pay_bad_debt, method=method, off_session=not present)
        made = self._wishes.ask(pay, owner, some)
        return f"customer {owner} pays bad debt {some} with {method}: {made.paid} of {made.amount}"

    def give_up(self) -> str:
        """What is owed is given up: all of a customer, a case, or one invoice."""
        dunning, who = self._dunning, self._wishes.pick(self._people).customer
        deed: Callable[[], str] = self._dice.choice(
            (
                lambda: self._do(dunning.write_off, who),
                self._write_case_off,
                lambda: self._do(dunning.mark_uncollectible, self._one(_OWED)),
                lambda: self._do(dunning.forgive, self._one(_OWED)),
                lambda: self._do(dunning.forgive, self._one(_OWED)),
            )
        )
        return deed()

    def charging(self) -> str:
        """All charging is stopped, or goes on."""
        if self._dunning.charging_paused() is None and self._dice.random() < 0.3:
            return self._do(self._dunning.pause_charging)
        return self._do(self._dunning.resume_charging)

    def calm(self) -> None:
        """Let charging go on."""
        if self._dunning.charging_paused() is not None:
            self._dunning.resume_charging(reason="all is well")

    def refund(self) -> str:
        """An operator gives money back."""
        paid = self._wishes.pick([p for p in self._scene.recoup.payments.list() if p.refundable])
        part = Money(self._dice.randint(1, paid.refundable.minor), paid.amount.currency)
        return self._do(self._dunning.refund, paid.id, part)

    def replay(self) -> str:
        """What arrived is taken in again."""
        arrived = [int(row["id"]) for row in self._scene.rows("SELECT id FROM inbox ORDER BY id")]
        some = [self._wishes.pick(arrived) for _ in range(self._dice.randint(1, 9))]
        return self._do(self._dunning.replay, some)

    def back_up(self) -> str:
        """A customer says which cards may be used as well, or that none may."""
        methods, who = self._scene.recoup.methods, self._wishes.pick(self._people).customer
        if self._dice.random() < 0.2:
            methods.clear_backups(who)
            return f"{who} wants no backups"
        known = [each.id for each in methods.list(who)]
        if not known:
            raise Rejected("there is nothing to pick from")
        some = self._dice.sample(known, self._dice.randint(1, len(known)))
        consent = partial(
            methods.set_backups, consented_at=self._scene.now, consented_by="a form of theirs"
        )
        self._wishes.ask(consent, who, some)
        return f"{who} has backups {some}"

    def roll_out(self) -> str:
        """A rollout goes on, back, or takes somebody in."""
        rollouts = self._scene.recoup.rollouts
        used = {choice.rollout for choice in self._scene.recoup.engine.policies.choices}
        name = ROLLOUT if ROLLOUT in used and self._dice.random() < 0.7 else DRIFT_REPAIR
        chance = self._dice.random()
        if chance < 0.15:
            row = rollouts.rollback(name, reason="no", shadow=self._dice.random() < 0.5)
        elif chance < 0.3:
            who = self._wishes.pick(self._people).customer
            row = rollouts.name(name, [who], reason="a friend")
        else:
            row = rollouts.widen(name, reason="all is well")
        return f"rollout {name} is at {row.stage}"

    def _write_case_off(self) -> str:
        case = self._one(_CASES)
        owner = self._scene.rows("SELECT customer_id FROM cases WHERE id = :id", id=case)
        return self._do(partial(self._dunning.write_off, case=case), int(owner[0]["customer_id"]))

    def _do(self, deed: Callable[..., Acted], *given: Any) -> str:
        """Do it, or only rehearse it, which writes nothing."""
        name = getattr(deed, "func", deed).__name__
        if self._dice.random() < 0.2:
            before = self._scene.rows(_WRITTEN)
            said = deed(*given, reason="to see", dry_run=True)
            assert self._scene.rows(_WRITTEN) == before, f"a rehearsal of {name} has written"
            return f"rehearsed {name}{given}: {said.failed or said.changes}"
        said = self._wishes.ask(partial(deed, reason="a talk"), *given)
        return f"{name}{given}: {said.failed or said.changes}"

    def _one(self, sql: str) -> int:
        return int(self._wishes.pick(self._scene.rows(sql))["id"])
