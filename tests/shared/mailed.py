"""A town whose mails are counted: every type on, news in any order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from recoup.core.money import Money
from recoup.core.policy import Choice, Policies, Policy, Rung
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
TEN, DEAR = Money(1000, "EUR"), Money(20_000, "EUR")
#: Nobody is told of a debt, and nothing is taken away.
SILENT = Policies(
    choices=(Choice(Policy("silent", 1, (Rung("noted", timedelta(0), ("notify",)),), ())),)
)


class Town(Scene):
    """A scene in which news can be told in any order, and as often as one likes."""

    order = "told"

    def hear(self):
        """Take in what the processor has said since: as told, or backwards; an event at a time."""
        told = self.fake.events(after=self.pace.heard, limit=10_000)
        lines = [body for _, body in told]
        if self.order == "backwards":
            lines.reverse()
        for line in lines:
            self.recoup.ingest([line])
        self.pace.heard = told[-1][0] if told else self.pace.heard
        self.pace.settle()

    def again(self):
        """Tell everything that was ever said once more, newest first."""
        self.recoup.ingest([body for _, body in reversed(self.fake.events(limit=100_000))])
        self.recoup.worker().wind("mails")
        self.pace.settle()

    def sent(self):
        """How often each type was sent; whatever else there is says why not."""
        self.again()
        rows = self.rows("SELECT type, state, reason FROM mails")
        waiting = [row["type"] for row in rows if row["state"] == "queued"]
        assert all(type.startswith("dunning_") for type in waiting), rows  # contact hours
        return Counter(row["type"] for row in rows if row["state"] == "sent")

    def why(self, type):
        """Why mails of a type were left out."""
        sql = "SELECT reason FROM mails WHERE type = :type AND state = 'skipped' ORDER BY id"
        return [row["reason"] for row in self.rows(sql, type=type)]

    def ada(self, payer=None, **card):
        """Somebody with a card that pays, or as `payer` does; our id and the card's."""
        name = self.fake.create_customer(email="ada@example.com", name="Ada", country="IS")
        method = self.fake.attach_method(name, payer or Pays(), country="DE", **card)
        self.pace.settle()
        return self.recoup.customers.get(name).id, method

    def price(self, amount=TEN):
        return self.fake.create_price(amount)

    def tick(self):
        """Let the clock look whom the calendar has told."""
        self.recoup.worker().wind("mails")
        self.pace.settle()

    def debtor(self, days=0):
        """Somebody whose renewal was refused, days ago."""
        who = self.subscriber(Declines(NO_FUNDS))
        self.live(days=31.5 + days)
        return who

    def bill(self, who):
        """The newest invoice of a subscriber, by the processor's id."""
        return self.fake.invoices_of(who.subscription)[-1].id

    def run(self, who):
        return self.recoup.subscriptions.get(who.subscription)
