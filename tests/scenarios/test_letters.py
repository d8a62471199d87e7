"""What a debtor reads from the first notice to the end: only what is so, and what will be."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.processors.fake import LOST, NO_FUNDS, Declines, Pays


@pytest.fixture
def read(scene):
    """Return a function from a type to the texts of its mails that were sent, oldest first."""

    def find(mail: str) -> list[str]:
        rows = scene.rows(
            "SELECT message_id FROM mails WHERE type = :type AND state = 'sent' "
            "ORDER BY sent_at, id",
            type=mail,
        )
        texts = {m["Message-ID"]: _text(m) for m in scene.outbox.messages}
        return [texts[row["message_id"]] for row in rows]

    return find


def _text(message) -> str:
    return " ".join(message.get_body(preferencelist=("plain",)).get_content().split())


def words(file: str, *path: str) -> str:
    """Return an English sentence up to the first value in it."""
    found = tomllib.loads((resources.files("recoup.mail") / file).read_text("utf-8"))
    for name in path:
        found = found[name]
    return found.partition("{")[0].strip()


def shared(table: str, name: str) -> str:
    return words("locales/en.toml", table, name)


def own(mail: str, key: str) -> str:
    return words(f"emails/{mail}/en.toml", key)


class TestADebtor:
    @pytest.fixture
    def debtor(self, scene):
        """Somebody whose renewal failed 13 days ago."""
        ada = scene.subscriber(payer=Declines(NO_FUNDS))
        scene.live(days=44, hours=10)
        return ada

    @pytest.mark.usefixtures("debtor")
    def test_is_told_what_is_closed_already_and_what_comes_next(self, scene, read):
        (reminder,) = read("dunning_reminder")
        (asked,) = read("dunning_action_required")
        (notice,) = read("dunning_restriction_notice")

        assert own("dunning_reminder", "unchanged") in reminder
        assert shared("deadline", "changes") in asked
        assert shared("deadline", "now") not in asked
        assert f": - {shared('consequences', 'restrict_features')}" in notice
        assert shared("consequences", "read_only") in notice

        # Asked for again, the reminder does not say any more that nothing has changed.
        (case,) = scene.rows("SELECT id FROM cases")
        scene.recoup.dunning.resend_step(case["id"], "reminder", reason="they asked for it")
        scene.live(days=1)

        first, again = read("dunning_reminder")
        unchanged = own("dunning_reminder", "unchanged")
        assert unchanged in first
        assert unchanged not in again
        assert shared("consequences", "restrict_features") in again

    def test_reads_once_that_all_is_open_again_when_it_is_paid(self, scene, debtor, read):
        scene.live(days=5)
        scene.fake.update_method(debtor.method, payer=Pays())
        scene.live(days=5)

        (paid,) = read("payment_recovered")
        assert "€49.00 for your subscription" in paid
        assert own("payment_recovered", "open") in paid
        assert read("access_restored") == []

    def test_reads_that_it_is_open_again_when_it_is_given_up(self, scene, debtor, read):
        scene.recoup.dunning.write_off(scene.customer_id(debtor), reason="a gesture")
        scene.live(days=1)

        (open_again,) = read("access_restored")
        assert own("access_restored", "done") in open_again
        assert read("payment_recovered") == []


class TestADebtorOfAnExtra:
    @pytest.fixture
    def extra(self, scene):
        """Somebody whose plan is paid for a year, and what they use besides is not."""
        fake = scene.fake
        customer = fake.create_customer(email="ada@example.com", country="DE")
        card = fake.attach_method(customer, brand="visa", country="DE")
        bought = fake.subscribe(customer, fake.create_price(Money(90_000, "EUR"), interval="year"))
        scene.pace.settle()
        price = fake.create_price(Money(900, "EUR"), interval="year")
        found = scene.recoup.subscriptions.get(bought)
        scene.recoup.subscriptions.set_items(found.id, [ItemChange(price=price)], proration="none")
        fake.update_method(card, payer=Declines(LOST))
        return card, fake.bill_usage(bought, price, Money(1700, "EUR"))

    def test_is_never_told_that_the_subscription_ends(self, scene, read, extra):
        scene.live(days=40)

        (notice,) = read("dunning_final_notice")
        ends = shared("consequences", "cancel")
        assert shared("deadline", "closed") in notice
        assert not any(ends in _text(message) for message in scene.outbox.messages)

    def test_reads_that_it_is_open_again_when_it_is_paid_in_the_end(self, scene, read, extra):
        card, bill = extra
        scene.live(days=40)
        scene.fake.update_method(card, payer=Pays())
        scene.fake.customer_pays(bill)
        scene.live(days=1)

        (paid,) = read("bad_debt_paid")
        assert own("bad_debt_paid", "open") in paid
