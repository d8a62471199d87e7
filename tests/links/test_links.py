from __future__ import annotations

from datetime import timedelta

import pytest
from linked import KEY, OWED, indebted, owing

from recoup.core.links import Purpose
from recoup.core.money import Money
from recoup.errors import ConfigError, InvalidValue, LinkRefused, NotFound, NotPossible
from recoup.links import Done
from recoup.links.views import How
from recoup.processors.fake import Asks, Declines
from recoup.testing.scene import Scene


class TestMaking:
    def test_gives_an_address_for_one_purpose_of_one_customer(self, ada):
        made = ada.link()

        assert made.url == f"http://localhost:8000/links/{made.token}"
        assert (made.purpose, made.customer_id, made.scope) == (Purpose.PAY, ada.id, "")
        assert made.expires_at == ada.scene.now + timedelta(days=30)
        assert made.token not in repr(made)

    def test_asks_for_a_key(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada = owing(scene)

            with pytest.raises(ConfigError, match="RECOUP_SECRET_KEY"):
                scene.recoup.links.make(ada.id)
            with pytest.raises(ConfigError):
                scene.recoup.links.read("v1.a.b")

    def test_refuses_what_is_no_purpose_and_no_scope(self, ada):
        for wrong in ("refund", "", "PAY"):
            with pytest.raises(InvalidValue):
                ada.link(wrong)
        for scope in ("case:1", "subscription:x", "everything"):
            with pytest.raises(InvalidValue):
                ada.link(scope=scope)
        with pytest.raises(InvalidValue):
            ada.link("update", scope=f"invoice:{ada.invoice.id}")

    def test_refuses_what_is_somebody_elses_or_nobodys(self, ada, somebody):
        eve = somebody()

        for scope in (f"invoice:{eve.invoice.id}", "invoice:99999", "subscription:99999"):
            with pytest.raises(NotFound):
                ada.link(scope=scope)

    def test_refuses_who_is_gone(self, ada):
        ada.recoup.invoices.void(ada.invoice.id, reason="a test")
        ada.recoup.customers.delete(ada.id, reason="a test")

        with pytest.raises(NotPossible):
            ada.link()

    def test_leads_to_where_the_settings_say(self, database_url, home):
        more = {"links_url": "https://pay.example.com/a/", "link_days": 3}
        with indebted(database_url, home, **more) as ada:
            made = ada.link()

            assert made.url.startswith("https://pay.example.com/a/links/v1.")
            assert made.expires_at == ada.scene.now + timedelta(days=3)


class TestReading:
    def test_tells_what_it_is_for(self, ada):
        scope = f"invoice:{ada.invoice.id}"

        opened = ada.recoup.links.read(ada.link(scope=scope).token, purpose="pay")

        assert (opened.purpose, opened.customer_id, opened.scope) == ("pay", ada.id, scope)

    def test_refuses_another_purpose(self, ada):
        links = ada.recoup.links
        view, update, pay = (ada.link(one).token for one in ("view", "update", "pay"))

        with pytest.raises(LinkRefused):
            links.read(view, purpose="pay")
        for token in (view, update):
            with pytest.raises(LinkRefused):
                links.pay(token)
            with pytest.raises(LinkRefused):
                links.bring(token, ada.scene.fake.new_method())
            with pytest.raises(LinkRefused):
                links.elsewhere(token, ada.invoice.id)
        for token in (view, pay):
            with pytest.raises(LinkRefused):
                links.update(token, ada.scene.fake.new_method())
        assert ada.payments() == ()

    def test_ends_at_its_very_second(self, ada):
        token = ada.link(lasts=timedelta(minutes=5)).token
        ada.scene.live(hours=5 / 60 - 1 / 3600)
        ada.recoup.links.read(token)
        ada.scene.live(hours=1 / 3600)

        with pytest.raises(LinkRefused):
            ada.recoup.links.read(token)

    def test_is_over_once_the_address_is_another_one(self, ada):
        token = ada.link().token
        ada.recoup.customers.update(ada.id, email="ada@elsewhere.example")

        with pytest.raises(LinkRefused):
            ada.recoup.links.read(token)

    def test_is_over_once_the_customer_is_gone(self, ada):
        token, links = ada.link().token, ada.recoup.links
        ada.recoup.invoices.void(ada.invoice.id, reason="a test")
        ada.recoup.customers.delete(ada.id, reason="a test")
        with pytest.raises(LinkRefused):
            links.owed(token)

        ada.recoup.customers.erase(ada.id, reason="a test")
        with pytest.raises(LinkRefused):
            links.owed(token)

    def test_goes_on_with_a_key_that_was_before_and_not_without_it(
        self, database_url, home, tmp_path
    ):
        with indebted(database_url, home) as ada:
            token = ada.link().token
        new = "another-one-0123456789abcdefghijklmnopq"
        with Scene.open(
            database_url, tmp_path, books=home / "books.sqlite3",
            secret_key=new, old_secret_keys=f"{KEY} {'x' * 32}",
        ) as scene:  # fmt: skip
            assert scene.recoup.links.read(token).customer_id == ada.id
        with (
            Scene.open(
                database_url, tmp_path, books=home / "books.sqlite3", secret_key=new
            ) as scene,
            pytest.raises(LinkRefused),
        ):
            scene.recoup.links.read(token)


class TestPaying:
    def test_collects_what_is_owed_once_however_often_it_is_asked(self, ada):
        token = ada.link().token

        assert ada.recoup.links.pay(token) == Done(How.PAID, (OWED,))
        for _ in range(3):
            assert ada.recoup.links.pay(token) == Done(How.NOTHING_DUE)
        assert ada.payments() == ("succeeded",)
        ada.scene.pace.settle()
        assert ada.recoup.invoices.get(ada.invoice.id).outcome == "paid"

    def test_is_the_customers_own_doing(self, ada):
        ada.recoup.links.pay(ada.link().token)

        (found,) = ada.scene.rows(
            "SELECT actor FROM commands WHERE kind = 'invoices.pay' AND customer_id = :id",
            id=ada.id,
        )
        assert found["actor"] == f"customer:{ada.id}"

    def test_collects_every_invoice_oldest_first(self, ada):
        ada.bill(100)

        done = ada.recoup.links.pay(ada.link().token)

        assert done == Done(How.PAID, (Money(5000, "EUR"),))

    def test_collects_of_one_scope_only_that(self, ada):
        other = ada.bill(100)

        done = ada.recoup.links.pay(ada.link(scope=f"invoice:{other.id}").token)

        assert done.paid == (other.remaining,)
        assert ada.recoup.invoices.get(ada.invoice.id).outcome == "open"

    def test_takes_no_other_sum_than_was_shown(self, ada):
        token = ada.link().token
        shown = ada.recoup.links.owed(token).sums
        ada.bill(100)

        assert ada.recoup.links.pay(token, shown=shown) == Done(How.CHANGED)
        assert ada.payments() == ()

    def test_takes_nobody_elses_method(self, ada, somebody):
        eve = somebody()

        with pytest.raises(NotFound):
            ada.recoup.links.pay(ada.link().token, method=eve.method)
        assert ada.payments() == eve.payments() == ()

    def test_stops_at_the_first_refusal_and_says_what_came(self, ada):
        ada.bill(100)
        ada.recoup.links.pay(ada.link(scope=f"invoice:{ada.invoice.id}").token)
        bad = ada.recoup.links.bring(ada.link().token, ada.scene.fake.new_method(Declines()))
        assert not isinstance(bad, Done)

        done = ada.recoup.links.pay(ada.link().token, method=bad.id)

        assert done == Done(How.DECLINED)
        assert sorted(ada.payments()) == ["declined", "succeeded"]

    def test_tells_where_the_bank_wants_to_be_asked(self, ada):
        card = ada.recoup.links.bring(ada.link().token, ada.scene.fake.new_method(Asks()))
        assert not isinstance(card, Done)

        done = ada.recoup.links.pay(ada.link().token, method=card.id)

        assert done.how is How.REQUIRES_ACTION
        assert done.action is not None
        assert done.action.url is not None

    def test_is_refused_after_five_tries_within_an_hour_by_however_many_links(self, ada):
        card = ada.recoup.links.bring(ada.link().token, ada.scene.fake.new_method(Declines()))
        assert not isinstance(card, Done)
        for _ in range(4):  # the card was a try as well
            assert ada.recoup.links.pay(ada.link().token, method=card.id).how is How.DECLINED

        refused = ada.recoup.links.pay(ada.link().token, method=ada.method)
        brought = ada.recoup.links.bring(ada.link().token, ada.scene.fake.new_method())
        assert refused.how is How.TOO_OFTEN
        assert isinstance(brought, Done)
        assert refused.after is not None
        ada.scene.live(hours=refused.after / 3600 + 1 / 60)

        assert ada.recoup.links.pay(ada.link().token, method=ada.method).how is How.PAID

    def test_collects_no_money_that_a_bank_disputes(self, ada):
        ada.recoup.links.pay(ada.link().token)
        paid = ada.recoup.payments.list(customer=ada.id)[0]
        ada.scene.fake.open_dispute(paid.processor_id)
        ada.scene.live(hours=1)

        assert ada.recoup.links.pay(ada.link().token).how is How.NOTHING_DUE


class TestUpdating:
    def test_puts_another_method_in_the_place_of_the_default_one(self, ada):
        new = ada.scene.fake.new_method()

        assert ada.recoup.links.update(ada.link("update").token, new) == Done(How.UPDATED)

        default = next(m for m in ada.recoup.methods.list(ada.id) if m.default)
        assert default.processor_id == new

    def test_takes_nobody_elses(self, ada, somebody):
        eve = somebody()
        theirs = eve.recoup.methods.get(eve.method).processor_id

        done = ada.recoup.links.update(ada.link("update").token, theirs)

        assert done == Done(How.IMPOSSIBLE)
        assert eve.recoup.methods.get(eve.method).customer_id == eve.id


class TestLookingElsewhere:
    def test_gives_the_processors_own_page_of_an_invoice_of_the_link(self, ada):
        action = ada.recoup.links.elsewhere(ada.link().token, ada.invoice.id)

        assert action is not None
        assert action.url == f"https://invoice.example.com/{ada.invoice.processor_id}"

    def test_gives_none_of_other_invoices(self, ada, somebody):
        eve, other = somebody(), ada.bill(100)

        for token, id in [
            (ada.link().token, eve.invoice.id),
            (ada.link(scope=f"invoice:{other.id}").token, ada.invoice.id),
            (ada.link().token, 99999),
        ]:
            with pytest.raises(NotFound):
                ada.recoup.links.elsewhere(token, id)


class TestRenewing:
    def test_sends_a_fresh_link_to_the_address_on_file(self, ada):
        token = ada.link(lasts=timedelta(minutes=1)).token
        ada.recoup.customers.update(ada.id, email="new@example.com")
        ada.scene.live(hours=1)

        ada.recoup.links.renew(token)

        (fresh,) = ada.fresh("new@example.com")
        assert ada.recoup.links.pay(fresh).how is How.PAID

    def test_keeps_what_the_link_was_for(self, ada):
        scope = f"invoice:{ada.invoice.id}"

        ada.recoup.links.renew(ada.link("view", scope=scope).token)

        (fresh,) = ada.fresh(ada.email)
        opened = ada.recoup.links.read(fresh)
        assert (opened.purpose, opened.scope) == ("view", scope)

    def test_sends_one_an_hour_for_a_link_and_five_a_day_to_a_customer(self, ada):
        tokens = [ada.link("pay").token, ada.link("view").token, ada.link("update").token]
        for hour in range(3):
            for token in tokens:
                for _ in range(3):
                    ada.recoup.links.renew(token)
            assert len(ada.fresh(ada.email)) == (3 if hour == 0 else 5)
            ada.scene.live(hours=1)
        ada.scene.live(hours=24)
        ada.recoup.links.renew(tokens[0])

        assert len(ada.fresh(ada.email)) == 6

    def test_sends_nothing_for_what_is_not_ours_or_to_who_is_gone(self, ada):
        token = ada.link().token
        ada.recoup.links.renew(token[:-1] + ("0" if token[-1] != "0" else "1"))
        ada.recoup.links.renew("")
        ada.recoup.invoices.void(ada.invoice.id, reason="a test")
        ada.recoup.customers.delete(ada.id, reason="a test")
        ada.recoup.links.renew(token)
        ada.recoup.customers.erase(ada.id, reason="a test")
        ada.recoup.links.renew(token)

        assert ada.fresh(ada.email) == []
