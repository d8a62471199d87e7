"""A customer who owes one invoice, and a Recoup that signs links. Quick: nothing has to fail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cloning import create_clone
from sqlalchemy.engine import make_url

from recoup.core.billing.views import Invoice
from recoup.core.money import Money
from recoup.processors.fake import Payer, Pays
from recoup.testing.scene import Scene

KEY = "of-the-tests-0123456789abcdefghijklmnop"
WHERE = "http://localhost:8000"
OWED = Money(4900, "EUR")


@dataclass
class Debtor:
    """Our ids of a customer, their card and what they owe."""

    scene: Scene
    id: int
    method: int
    invoice: Invoice
    email: str

    @property
    def recoup(self):
        return self.scene.recoup

    def link(self, purpose="pay", **told):
        return self.recoup.links.make(self.id, purpose, **told)

    def bill(self, minor: int = 4900, currency: str = "EUR") -> Invoice:
        """Bill once more; nobody collects it."""
        return _bill(self.scene, self.id, Money(minor, currency))

    def fresh(self, address: str) -> list[str]:
        """The tokens of the fresh links that were mailed to an address, oldest first."""
        self.scene.pace.settle()
        found = [m for m in self.scene.outbox.to(address) if m["Subject"] == "Your new link"]
        texts = (m.get_body(("plain",)).get_content() for m in found)
        return [text.partition("/links/")[2].split()[0] for text in texts]

    def payments(self) -> tuple[str, ...]:
        return tuple(str(one.outcome) for one in self.recoup.payments.list(customer=self.id))


def _bill(scene: Scene, customer: int, amount: Money) -> Invoice:
    return scene.recoup.invoices.create(customer, [("Seats", amount)], description="Seats")


def owing(scene: Scene, name: str = "ada", *, payer: Payer | None = None, **told: str) -> Debtor:
    told = {"email": f"{name}@example.com", "name": "Ada Lovelace"} | told
    who = scene.recoup.customers.get_or_create("user", name, **told)
    method = scene.fake.new_method(payer or Pays())
    kept = scene.recoup.methods.attach(who.id, method, default=True)
    return Debtor(scene, who.id, kept.id, _bill(scene, who.id, OWED), told["email"])


@contextmanager
def indebted(
    database_url: str, home: Path, *, payer: Payer | None = None, **more: object
) -> Iterator[Debtor]:
    with Scene.open(
        database_url, home, **({"secret_key": KEY, "links_url": WHERE} | more)
    ) as scene:
        yield owing(scene, payer=payer)


@contextmanager
def shared_scene(server_url: str, template: str, folder: Path, **more: object) -> Iterator[Scene]:
    """A scene for all tests of a file, each of which has customers of its own in it."""
    name = f"links_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        create_clone(admin, name, of=template)
        url = make_url(server_url).set(drivername="postgresql", database=name)
        shown = url.render_as_string(hide_password=False)
        with Scene.open(shown, folder, **({"secret_key": KEY, "links_url": WHERE} | more)) as made:
            yield made
            made.live(hours=1)
            assert made.violations() == ()
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
