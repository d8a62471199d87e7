"""A shop that issues documents, with taxes on what it bills."""

from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.effects import Papers
from recoup.testing.scene import Scene

SELLER = {
    "seller_name": "Beispiel GmbH",
    "seller_address": "Invalidenstraße 1; 10115 Berlin",
    "seller_country": "DE",
    "seller_vat_id": "DE123456789",
}


class Shop:
    """A scene whose customer is Ada, in Germany, with a card."""

    def __init__(self, scene):
        self.scene = scene
        self.papers = scene.recoup.documents
        self.ada = scene.subscriber(country="DE")
        self.customer = scene.customer_id(self.ada)

    def bill(self, minor=4900, tax=931, **how):
        lines = [("Work", Money(minor, "EUR"), 2, tax)]
        return self.scene.recoup.invoices.create(self.customer, lines, **how)

    def pay(self, invoice):
        paid = self.scene.recoup.invoices.pay(invoice.id, off_session=True)
        self.scene.pace.settle()
        return paid

    def issue(self):
        """Let the clock look for what is to be issued, and the workers make it."""
        self.scene.live(hours=0.02)
        self.scene.recoup.worker().tick("documents")
        self.scene.pace.settle()

    def keep_in(self, contents):
        """Have new documents kept elsewhere."""
        self.papers._contents = contents
        self.papers._kept = {**self.papers._kept, contents.name: contents}

    def others(self, contents=None, **issuer):
        """Return the same papers with other settings, or another store."""
        ours = self.papers
        issued_by = replace(ours._issuer, **issuer)
        return Papers(ours._database, ours._processor, ours._now, issued_by, contents)

    def effects(self):
        sql = "SELECT key, state, reason FROM effects WHERE kind = 'document' ORDER BY id"
        return [(row["key"], row["state"], row["reason"]) for row in self.scene.rows(sql)]

    def made(self):
        return [
            (row["kind"], row["number"], row["subject"])
            for row in self.scene.rows("SELECT * FROM documents ORDER BY id")
        ]


@pytest.fixture
def open_shop(new_database, home):
    """Open shops; each call has a database of its own. All are closed in the end."""
    opened = []

    def make(**settings):
        place = home / str(len(opened))
        scene = Scene.open(new_database(), place, **{"documents": True, **SELLER, **settings})
        opened.append(scene)
        return Shop(scene.__enter__())

    yield make
    for scene in opened:
        scene.__exit__(None, None, None)


@pytest.fixture
def shop(open_shop):
    return open_shop()
