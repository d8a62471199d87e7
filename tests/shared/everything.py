"""A story in which everything happens that is written to the ledger, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import dunned
import gated

from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.core.policy import DEFAULT, Choice, Policies
from recoup.errors import ProcessorError, Undeliverable, Unreachable
from recoup.processors.fake import NO_FUNDS, Declines, Fault
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TEN = Money(1000, "EUR")
#: The second mail comes back; the others arrive.
BOUNCED = (None, Undeliverable("550 nobody of that name"))
#: The policies that the story's scene must have.
POLICIES = Policies((Choice(DEFAULT),), known={dunned.BY_HOST.name: dunned.BY_HOST})


def outbox() -> Outbox:
    """Return the outbox that the story's scene must have."""
    return Outbox(BOUNCED)


class Stage:
    """
    Where the story happens, one thing at a time.

    Args:
        seen: Called at every instant at which something has happened, when all of it has.
    """

    def __init__(self, scene: Scene, seen: Callable[[], None] = lambda: None) -> None:
        self.scene = scene
        self.recoup = scene.recoup
        self.fake = scene.fake
        self._seen = seen
        self.cheap, self.dear = map(self.fake.create_price, (TEN, Money(3000, "EUR")))

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Do one thing at an instant of its own."""
        yield
        self.scene.pace.settle()
        self._seen()
        self.scene.pace.at(self.scene.now + timedelta(seconds=1))

    def _live(self, days: float) -> None:
        until = self.scene.now + days * DAY
        for now in self.scene.pace.turns(until, at_least=6 * HOUR):
            self.scene.pace.at(now)
            self._seen()

    def _payer(self, name: str, payer=None, **attached) -> tuple[int, str]:
        """Return somebody new with a card: our id, and the card's."""
        with self._step():
            made = self.recoup.customers.get_or_create("user", name, email=f"{name}@example.com")
            card = self.fake.attach_method(
                made.processor_id, payer, country="DE", fingerprint=f"{name}'s", **attached
            )
        return made.id, card

    def _debtor(self, name: str, payer) -> int:
        who, card = self._payer(name)
        with self._step():
            self.recoup.subscriptions.start(who, self.dear)
        with self._step():
            self.fake.update_method(card, payer=payer)
        return who

    def _name(self, who: int) -> str:
        name = self.recoup.customers.get(who).processor_id
        assert name is not None
        return name

    def _owed(self, who: int) -> list[str]:
        found = self.recoup.invoices.list(customer=who)
        return [str(bill.processor_id) for bill in found if bill.status == "open"]


class Story(Stage):
    """Everything, on an empty scene whose outbox is the one above."""

    def tell(self) -> None:
        """Live through all of it."""
        for chapter in (
            self.people,
            self.ways_to_pay,
            self.buying,
            self.coupons,
            self.one_off,
            self.money_back,
            self.debts,
            self.news_that_is_late,
            self.a_change_elsewhere,
            self.at_gates,
            self.farewells,
        ):
            chapter()
            self.scene.pace.settle()
            self._seen()

    def people(self) -> None:
        customers = self.recoup.customers
        with self._step():
            self.ada = customers.get_or_create("user", "ada", email="ada@example.com").id
        with self._step():
            customers.update(self.ada, name="Ada Lovelace", time_zone="Europe/Berlin")
        with self._step():
            customers.update(self.ada, time_zone="Europe/London")
        with self._step():
            customers.put_data(self.ada, {"shoes": 42})
        with self._step():
            customers.patch_data(self.ada, {"hat": 7})
        with self._step():
            customers.update_tax_location(self.ada, {"country": "DE"})
        with self._step():
            self._superseded()
        with self._step():
            found = self.fake.create_customer(email="carl@example.com", country="DE")
        with self._step():
            customers.link(found, "user", "carl")

    def _superseded(self) -> None:
        """News of a customer that names no request of ours comes before our answer."""
        self.fake.add_fault(Fault("lost_reply", times=1))
        with suppress(Unreachable):
            self.recoup.customers.get_or_create("user", "bob", email="bob@example.com")
        _, body = self.fake.events(limit=10_000)[-1]
        key = self.scene.rows("SELECT processor_key FROM commands ORDER BY id DESC LIMIT 1")
        news = body.replace(key[0]["processor_key"].encode(), b"other")
        news = news.replace(b"customer.created", b"customer.updated")
        self.recoup.ingest([news.replace(b'"evt_', b'"evt_other_')])

    def ways_to_pay(self) -> None:
        methods = self.recoup.methods
        with self._step():
            self.card = methods.attach(self.ada, self.fake.new_method(), default=True)
        with self._step():
            spare = methods.attach(self.ada, self.fake.new_method(fingerprint="spare"))
        with self._step():
            third = methods.attach(self.ada, self.fake.new_method(fingerprint="third"))
        with self._step():
            methods.setup(self.ada, method=self.fake.new_method(fingerprint="set up"))
        agreed = {"consented_at": self.scene.now - DAY, "consented_by": "Ada"}
        with self._step():
            methods.set_backups(self.ada, [spare.id], **agreed)
        with self._step():
            methods.clear_backups(self.ada)
        with self._step():
            methods.set_backups(self.ada, [third.id], **agreed)
        with self._step():
            methods.set_default(self.ada, spare.id)
        with self._step():
            methods.set_default(self.ada, self.card.id)
        with self._step():
            methods.detach(spare.id)

    def buying(self) -> None:
        subscriptions = self.recoup.subscriptions
        with self._step():
            held = subscriptions.start(self.ada, self.cheap, trial_days=3).subscription.id
        with self._step():
            subscriptions.extend_trial(held, self.scene.now + 5 * DAY)
        self._live(6)
        with self._step():
            shown = subscriptions.preview_change(held, prices=self.dear)
            subscriptions.change_plan(held, preview=shown.id)
        with self._step():
            subscriptions.set_quantity(held, 3)
        (item,) = subscriptions.get(held).items
        with self._step():
            subscriptions.set_items(held, [ItemChange(item.id, quantity=1)], proration="none")
        with self._step():
            subscriptions.change_plan(held, prices=self.cheap, when="period_end")
        with self._step():
            subscriptions.resume(held)
        with self._step():
            subscriptions.update(held, metadata={"seat": "7"}, default_method=self.card.id)
        with self._step():
            subscriptions.pause(held, until=self.scene.now + 20 * DAY)
        with self._step():
            subscriptions.unpause(held)
        with self._step():
            subscriptions.cancel(held, when="period_end", feedback="too_expensive")
        with self._step():
            subscriptions.resume(held)
        with self._step():
            subscriptions.cancel(held)

    def coupons(self) -> None:
        coupons, subscriptions = self.recoup.coupons, self.recoup.subscriptions
        with self._step():
            coupons.create("SPRING", percent_off=20)
            coupons.create("AUTUMN", amount_off=Money(100, "EUR"))
            coupons.create_promotion_code("SPRING", "HELLO")
        with self._step():
            held = subscriptions.start(self.ada, self.cheap, promotion_code="HELLO").subscription
        with self._step():
            subscriptions.apply_discount(held.id, coupon="AUTUMN")
        with self._step():
            subscriptions.remove_discount(held.id)
        eve, _ = self._payer("eve", Declines(NO_FUNDS, 9))
        with self._step():
            subscriptions.start(eve, self.cheap, coupon="SPRING")
        self._live(1.2)  # her first payment never came, so the coupon was not used
        with self._step():
            coupons.set_active("HELLO", False)
            coupons.delete("SPRING")

    def one_off(self) -> None:
        invoices = self.recoup.invoices
        lines = [("Setup", TEN)]
        by_mail = {"collection": "send_invoice", "days_until_due": 9}
        closings = (
            invoices.void,
            invoices.mark_uncollectible,
            invoices.forgive,
            invoices.withdraw,
            invoices.mark_paid_out_of_band,
        )
        for close in closings:
            with self._step():
                bill = invoices.create(self.ada, lines, **by_mail)
            with self._step():
                close(bill.id, reason="a mistake")
        with self._step():
            draft = invoices.create(self.ada, lines, finalize=False, **by_mail)
        with self._step():
            invoices.finalize(draft.id)
        with self._step():
            invoices.send(draft.id)
        with self._step():
            invoices.pay(draft.id)
        with self._step():
            self.recoup.payments.intent(self.ada, TEN, description="Book")

    def money_back(self) -> None:
        payments = self.recoup.payments
        with self._step():
            paid = payments.charge(self.ada, TEN, description="Book")
        with self._step():
            payments.refund(paid.id, Money(300, "EUR"), reason="requested_by_customer")
        for won in (True, False):
            with self._step():
                paid = payments.charge(self.ada, TEN, description="Pen", key=f"pen {won}")
            with self._step():
                case = self.fake.open_dispute(paid.processor_id)
            with self._step():
                self.fake.close_dispute(case, won=won)
        with self._step():
            self.fake.update_method(self.card.processor_id, payer=Declines(NO_FUNDS, 1))
            with suppress(ProcessorError):
                payments.charge(self.ada, TEN, description="Hat")

    def debts(self) -> None:
        dunned.tell(self)

    def a_change_elsewhere(self) -> None:
        """A plan changes before it is paid, and is not: its bill is withdrawn."""
        who, card = self._payer("olga")
        with self._step():
            held = self.recoup.subscriptions.start(who, self.cheap).subscription
        with self._step():
            self.fake.update_method(card, payer=Declines(NO_FUNDS))
            self.fake.change_price(held.processor_id, self.dear)
        self._live(0.1)

    def at_gates(self) -> None:
        gated.tell(self)

    def news_that_is_late(self) -> None:
        """Of a first failure we hear when its case, opened by the second one, is over."""
        who = self._debtor("finn", Declines(NO_FUNDS, 2))
        pace, fake = self.scene.pace, self.fake
        self._live(29)
        fake.advance(fake.now + 3 * DAY)
        late = [body for _, body in fake.events(after=pace.heard, limit=10_000)]
        pace.heard += len(late)
        failed = [body for body in late if b'payment_failed"' in body or b'charge.failed"' in body]
        assert failed
        with self._step():
            self.scene.clock.set(fake.now)
            self.recoup.ingest([body for body in late if body not in failed])
        (owed,) = self._owed(who)
        with self._step():
            fake.customer_pays(owed)
        with self._step():
            fake.customer_pays(owed)
        with self._step():
            self.recoup.ingest(failed)

    def farewells(self) -> None:
        customers = self.recoup.customers
        with self._step():
            customers.delete(self.ada, reason="she asked")
        with self._step():
            customers.erase(self.ada, reason="she asked", force=True)
