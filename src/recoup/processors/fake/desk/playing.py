"""What scripts play of a customer in the browser, and of the customer's bank."""

from __future__ import annotations

from recoup.core.money import Money
from recoup.processors.fake import customers, payments, shapes
from recoup.processors.fake.desk import methods, money
from recoup.processors.fake.model import Intent, SetupIntent
from recoup.processors.fake.payers import Payer, Pays
from recoup.processors.fake.world import World


class Playing:
    """A part of `Stage`: 3-D Secure, payments and methods of the browser, disputes."""

    _world: World

    def new_method(
        self,
        payer: Payer | None = None,
        *,
        kind: str = "card",
        brand: str = "visa",
        country: str | None = "US",
        expires: tuple[int, int] = (2049, 12),
        fingerprint: str | None = None,
    ) -> str:
        """Make a method of nobody's, as the browser hands it to the host."""
        with self._world.session() as s:
            return customers.new_method(
                s,
                payer or Pays(),
                kind=kind,
                brand=brand,
                country=country,
                expires=expires,
                fingerprint=fingerprint,
            ).id

    def customer_authenticates(self, intent: str, *, ok: bool = True) -> str:
        """
        Let the customer pass, or fail, the challenge of a payment or setup intent.

        Returns the intent's status afterwards, in Stripe's word.
        """
        with self._world.session() as s:
            if intent.startswith("seti_"):
                setup = s.get(SetupIntent, intent)
                methods.authenticate(s, setup, ok=ok)
                return shapes.setup_status(setup)
            payment = s.get(Intent, intent)
            payments.authenticate(s, payment, ok=ok)
            return payment.status

    def customer_confirms(self, intent: str, method: str) -> str:
        """
        Let the customer confirm a payment or setup intent in the browser, with `method`.

        Returns its status, in Stripe's word: `requires_action` when the bank wants a challenge,
        which is then `customer_authenticates`.
        """
        with self._world.session() as s:
            if intent.startswith("seti_"):
                setup = s.get(SetupIntent, intent)
                methods.confirm(s, setup, method)
                return shapes.setup_status(setup)
            payment = s.get(Intent, intent)
            money.confirm(s, payment, method)
            return payment.status

    def open_dispute(self, charge: str, amount: Money | None = None) -> str:
        """Let the cardholder's bank take back `amount`, or all that is left of the charge."""
        with self._world.session() as s:
            return money.open_dispute(s, charge, amount).id

    def close_dispute(self, dispute: str, *, won: bool) -> None:
        """Let the bank decide the dispute; the money comes back when it is `won`."""
        with self._world.session() as s:
            money.close_dispute(s, dispute, won=won)
