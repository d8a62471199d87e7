"""The links in mails: which mail brings which, and that it opens what the mail is about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from linked import KEY, WHERE, shared_scene

from recoup.core.links import Purpose
from recoup.core.money import Money
from recoup.effects import _links as links
from recoup.links.views import How
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.processors.fake import NO_FUNDS, START, Declines, FakeProcessor
from recoup.store.records.mails import Mail, MailState
from recoup.testing.scene import Scene

MAIL = Mail(1, "k", "dunning_reminder", 7, {}, MailState.QUEUED, queued_at=START)


def link_in(message) -> str:
    text = message.get_body(("plain",)).get_content()
    return next(line for line in text.splitlines() if line.startswith("http"))


class TestTheTable:
    def test_names_types_that_there_are(self):
        assert links.PURPOSES.keys() <= EMAILS.keys()
        assert links.PURPOSES.keys() >= links.IF_OWED
        assert links.PURPOSES.keys() >= links.OF_INVOICE

    def test_has_every_notice(self):
        assert {name for name in EMAILS if name.startswith("dunning_")} <= links.PURPOSES.keys()


class TestAMail:
    def linked(self, scene, type="dunning_reminder", *, scope=None, world=None, **facts):
        told = replace(SAMPLE, **facts)
        mail = replace(MAIL, type=type)
        world = world or scene.recoup.world
        return links.linked(world, mail, told, scope=scope, now=scene.now).link

    def read(self, scene, link):
        return scene.recoup.links.pages.seal.read(link.rpartition("/")[2])

    def test_about_a_debt_brings_a_link_to_pay_that_alone(self, scene):
        claim = self.read(scene, self.linked(scene, scope="subscription:7"))

        assert (claim.purpose, claim.customer, claim.scope) == (
            Purpose.PAY, MAIL.customer_id, "subscription:7",
        )  # fmt: skip

    @pytest.mark.parametrize("type", sorted(links.IF_OWED))
    def test_brings_one_only_while_something_is_owed(self, scene, type):
        assert self.linked(scene, type) is not None
        assert self.linked(scene, type, owed=()) is None

    def test_about_an_old_card_brings_one_to_change_it(self, scene):
        claim = self.read(scene, self.linked(scene, "card_expiring_soon", scope="invoice:1"))

        assert (claim.purpose, claim.scope) == (Purpose.UPDATE, "")

    def test_brings_none_where_no_page_of_ours_could_do_it(self, scene):
        other = type("Other", (), {})()
        world = replace(scene.recoup.world, processor=other)

        assert isinstance(scene.recoup.processor, FakeProcessor)
        assert self.linked(scene, "card_expiring_soon", world=world) is None

    def test_of_another_type_leads_to_the_hosts_own(self, scene):
        for name in EMAILS.keys() - links.PURPOSES.keys():
            assert self.linked(scene, name) is None, name


class TestWithoutLinks:
    @pytest.mark.parametrize(
        "told", [{"secret_key": None}, {"secret_key": KEY, "links_url": None}]
    )
    def test_mails_lead_to_the_hosts_own_pages(self, server_url, template, tmp_path, told):
        with shared_scene(server_url, template, tmp_path, **told) as scene:
            assert TestAMail().linked(scene) is None


class TestACampaign:
    def test_brings_a_link_that_pays_what_it_is_about_and_nothing_else(self, database_url, home):
        with Scene.open(database_url, home, secret_key=KEY, links_url=WHERE) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31.5)
            other = scene.recoup.invoices.create(
                scene.customer_id(ada), [("Seats", Money(100, "EUR"))]
            )
            scene.live(days=2)
            notice = next(m for m in scene.outbox.messages if "/links/" in str(m))
            token = link_in(notice).rpartition("/")[2]
            card = scene.recoup.links.bring(token, scene.fake.new_method())

            done = scene.recoup.links.pay(token, method=card.id)

            assert (done.how, done.paid) == (How.PAID, (Money(4900, "EUR"),))
            assert scene.recoup.invoices.get(other.id).outcome == "open"
            scene.live(hours=1)
            assert scene.standing(ada) == "current"
            assert scene.violations() == ()


class TestAFirstPayment:
    def test_that_failed_brings_a_link_that_pays_it(self, database_url, home):
        with Scene.open(database_url, home, secret_key=KEY, links_url=WHERE) as scene:
            who = scene.recoup.customers.create("user", "1", email="ada@example.com")
            bad = scene.fake.new_method(Declines(NO_FUNDS))
            scene.recoup.methods.attach(who.id, bad, default=True)
            price = scene.fake.create_price(Money(4900, "EUR"))
            scene.recoup.subscriptions.start(who.id, price, default_method=bad)
            scene.pace.settle()
            (mail,) = [m for m in scene.outbox.messages if "/links/" in str(m)]
            token = link_in(mail).rpartition("/")[2]
            card = scene.recoup.links.bring(token, scene.fake.new_method())

            assert scene.recoup.links.pay(token, method=card.id).how is How.PAID
            scene.live(hours=1)
            assert scene.violations() == ()
