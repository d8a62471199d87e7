"""What customers do on the pages of links, with the fake processor, for real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from linked import shared_scene
from paged import Browser
from starlette.applications import Starlette
from starlette.testclient import TestClient

from recoup import web
from recoup.errors import ConfigError
from recoup.processors.fake import Declines
from recoup.testing.scene import Scene
from recoup.web.pages import Counter


class TestPaying:
    def test_shows_what_is_owed_and_collects_it_once(self, ada, browser):
        token = ada.link().token

        page = browser.get(token)
        assert page.status == 200
        assert "Amount due: €49.00" in page.text
        assert str(ada.invoice.number) in page.text
        assert "Visa ending in" in page.text
        paid = browser.does(token)
        again = browser.send(token, page.fields | {"do": "pay", "way": str(ada.method)})

        assert "We have received €49.00." in paid.text
        assert "There is nothing for you to do." in again.text
        assert "Nothing is due" in browser.get(token).text
        assert ada.payments() == ("succeeded",)

    def test_takes_another_card_which_is_no_default_one(self, somebody, browser):
        ada = somebody(payer=Declines())
        token = ada.link().token

        refused = browser.does(token)
        assert "The bank declined the payment." in refused.text
        assert "Amount due: €49.00" in refused.text
        paid = browser.does(token, way="test:pays")

        assert "We have received €49.00." in paid.text
        assert [m.default for m in ada.recoup.methods.list(ada.id)] == [True, False]

    def test_leads_to_the_bank_that_asks_for_confirmation(self, ada, browser):
        page = browser.does(ada.link().token, way="test:asks")

        assert "Your bank asks you to confirm the payment." in page.text
        assert '<a class="button" href="https://hooks.example.com/3d_secure/' in page.answer.text
        assert 'rel="noreferrer noopener"' in page.answer.text

    def test_says_when_the_sum_has_changed_and_takes_nothing(self, ada, browser):
        token = ada.link().token
        page = browser.get(token)
        ada.bill(100)

        shown = browser.send(token, page.fields | {"do": "pay", "way": page.ways[0]})

        assert "The amount has changed" in shown.text
        assert "€50.00" in shown.text
        assert ada.payments() == ()

    def test_says_when_it_was_tried_too_often(self, somebody, browser):
        ada = somebody(payer=Declines())
        token = ada.link().token
        for _ in range(5):
            assert "declined" in browser.does(token).text

        page = browser.does(token, way="test:pays")

        assert "Please try again in 60 minutes." in page.text
        assert ada.payments() == ("declined",) * 5

    def test_leads_to_the_processors_page_of_one_invoice(self, ada, browser):
        page = browser.does(ada.link().token, f"elsewhere:{ada.invoice.id}")

        assert "You pay on the secure page of our payment provider." in page.text
        assert f"https://invoice.example.com/{ada.invoice.processor_id}" in page.answer.text

    def test_speaks_the_customers_language(self, somebody, browser):
        words = {"de": "49,00\N{NO-BREAK SPACE}€ bezahlen", "ja": "を支払う", "ar": "دفع"}
        for locale, pay in words.items():
            page = browser.get(somebody(locale=locale).link().token)

            assert pay in page.answer.text
            assert f'<html lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}">' in (
                page.answer.text
            )
            assert page.answer.headers["content-language"] == locale

    def test_asks_the_browser_where_nobody_knows_the_language(self, ada, browser):
        page = browser.get(ada.link().token, **{"accept-language": "xx, fr-CA;q=0.9, de;q=0.2"})

        assert 'lang="fr"' in page.answer.text


class TestUpdating:
    def test_puts_another_method_in_the_place_of_the_default_one(self, ada, browser):
        page = browser.does(ada.link("update").token, "update", "test:pays")

        assert "Your new payment method is saved." in page.text
        old, new = sorted(ada.recoup.methods.list(ada.id), key=lambda method: method.id)
        assert (old.default, new.default) == (False, True)

    def test_shows_no_debt(self, ada, browser):
        page = browser.get(ada.link("update").token)

        assert "€" not in page.text
        assert str(ada.invoice.number) not in page.text


class TestLooking:
    def test_shows_what_is_owed_and_has_nothing_to_press(self, ada, browser):
        page = browser.get(ada.link("view").token)

        assert "Amount due: €49.00" in page.text
        assert "<form" not in page.answer.text
        assert "<button" not in page.answer.text


class TestAFreshLink:
    def test_is_offered_and_mailed_for_one_that_has_expired(self, ada, browser):
        token = ada.link(lasts=timedelta(minutes=1)).token
        ada.scene.live(hours=1)

        assert browser.get(token).status == 404
        assert "a new one is on its way" in browser.does(token, "send").text

        (fresh,) = ada.fresh(ada.email)
        assert "Amount due" in browser.get(fresh).text


class TestTheServer:
    def test_serves_the_pages_beside_the_rest(self, ada):
        with TestClient(web.app(ada.recoup), base_url="https://pay.example.com") as client:
            assert "Amount due" in Browser(client).get(ada.link().token).text
            assert client.get("/healthz").status_code == 200

    def test_has_none_without_a_key(self, server_url, template, tmp_path):
        with shared_scene(server_url, template, tmp_path, secret_key=None) as bare:
            with TestClient(web.app(bare.recoup)) as client:
                assert client.get("/links/v1.a.b").json()["error"]["code"] == "not_found"
            with pytest.raises(ConfigError, match="RECOUP_SECRET_KEY"):
                web.links_app(bare.recoup)


class TestAProcessorWithPagesOfItsOwn:
    """As Stripe has them; here it is the fake without its cards for tests."""

    @pytest.fixture
    def strange(self, scene: Scene) -> Iterator[Browser]:
        counter = Counter(scene.recoup, cards=False)
        with TestClient(Starlette(routes=counter.routes())) as client:
            yield Browser(client)
        counter.close()

    def test_is_where_invoices_are_paid_with_other_cards(self, ada, strange):
        token = ada.link().token

        page = strange.get(token)

        assert f'value="elsewhere:{ada.invoice.id}"' in page.answer.text
        assert page.ways == [str(ada.method)]
        assert "can not be used here" in strange.does(token, way="test:pays").text
        assert "We have received €49.00." in strange.does(token).text

    def test_has_none_for_changing_a_method_so_the_hosts_is_named(self, ada, strange):
        token = ada.link("update").token

        page = strange.get(token)

        assert "can be changed in your account" in page.text
        assert 'href="http://localhost:8000/billing"' in page.answer.text
        assert "<form" not in page.answer.text
