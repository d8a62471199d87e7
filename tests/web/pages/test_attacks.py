"""What is tried on the pages of links by who should not, and by machines that only look."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.links import Purpose, Seal


def elsewhere(seal: Seal, token: str, **other) -> str:
    """The same seal on another claim."""
    claim = seal.read(token)
    assert claim is not None
    body = seal.token(replace(claim, **other)).rpartition(".")[0]
    return f"{body}.{token.rpartition('.')[2]}"


def shape(page) -> str:
    """The page without what is of the link itself."""
    return page.answer.text.replace(page.fields.get("challenge", "-"), "")


@pytest.fixture
def token(ada) -> str:
    return ada.link().token


@pytest.fixture
def seal(ada) -> Seal:
    return ada.recoup.links.pages.seal


class TestALinkThatIsNone:
    @pytest.fixture
    def nothing(self, browser):
        return browser.get("v1.a.b")

    def test_opens_a_page_that_says_nothing_but_how_to_get_another(self, nothing):
        assert nothing.status == 404
        assert "This link does not open anything" in nothing.text
        assert "Send a new link" in nothing.text

    @pytest.mark.parametrize(
        "other",
        [
            {"purpose": Purpose.VIEW},
            {"customer": 1},
            {"customer": 10**17},
            {"scope": "invoice:1"},
            {"scope": "../../etc/passwd"},
        ],
    )
    def test_is_made_by_changing_one(self, seal, token, browser, nothing, other):
        page = browser.get(elsewhere(seal, token, **other))

        assert (page.status, shape(page)) == (404, shape(nothing))

    def test_is_one_that_would_last_longer(self, seal, token, browser, nothing):
        later = seal.read(token).expires + timedelta(days=300)

        page = browser.get(elsewhere(seal, token, expires=later))

        assert (page.status, shape(page)) == (404, shape(nothing))

    @pytest.mark.parametrize("cut", [0, 1, 5, 20, 40, 41])
    def test_is_one_cut_short(self, token, browser, nothing, cut):
        page = browser.get(token[: len(token) - 1 - cut])

        assert (page.status, shape(page)) == (404, shape(nothing))

    def test_is_one_that_has_expired_or_is_of_somebody_gone_alike(
        self, ada, somebody, browser, nothing
    ):
        german = somebody(locale="de")
        tokens = [german.link(lasts=timedelta(minutes=1)).token]
        moved, gone = somebody(locale="ja"), somebody(locale="ar")
        tokens += [moved.link().token, gone.link().token]
        moved.recoup.customers.update(moved.id, email="moved@example.com")
        gone.recoup.invoices.void(gone.invoice.id, reason="a test")
        gone.recoup.customers.delete(gone.id, reason="a test")
        ada.scene.live(hours=1)

        for token in tokens:
            page = browser.get(token)
            assert (page.status, shape(page)) == (404, shape(nothing))
        gone.recoup.customers.erase(gone.id, reason="a test")
        assert shape(browser.get(tokens[-1])) == shape(nothing)

    def test_asked_to_be_sent_anew_is_answered_alike_and_sends_nothing(self, ada, browser):
        for text in ("v1.a.b", "x" * 300, "v1..", "%00", "%F0%9F%92%A9"):
            assert "If the link was one of ours" in browser.does(text, "send").text
        ada.scene.pace.settle()

        assert ada.scene.rows("SELECT 1 FROM mails WHERE type = 'fresh_link'") == []

    @pytest.mark.parametrize("path", ["/links/", "/links", "/links/a/b", "/links/../healthz"])
    def test_is_no_path_of_ours(self, browser, path):
        assert browser.client.get(path).status_code == 404


class TestAMachineThatLooks:
    def test_changes_nothing_however_often(self, ada, token, browser):
        before = ada.scene.rows("SELECT count(*) AS n FROM ledger_entries")
        for _ in range(10):
            assert browser.get(token).status == 200
            assert browser.client.head(f"/links/{token}").status_code == 200
            browser.get(token, purpose="prefetch", **{"sec-purpose": "prefetch;prerender"})

        assert ada.scene.rows("SELECT count(*) AS n FROM ledger_entries") == before
        assert ada.payments() == ()
        assert "We have received" in browser.does(token).text

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    def test_has_no_other_way(self, token, browser, method):
        assert browser.client.request(method, f"/links/{token}").status_code == 405

    def test_that_posts_without_the_pages_own_word_does_nothing(self, ada, token, browser):
        form = browser.get(token).fields | {"do": "pay", "way": str(ada.method)}
        for wrong in ({}, {"challenge": ""}, {"challenge": "1.x"}):
            page = browser.send(token, {**form, "challenge": "", **wrong})
            assert page.status == 403
            assert "Nothing was done yet." in page.text

        assert ada.payments() == ()


class TestAFormFromElsewhere:
    @pytest.mark.parametrize(
        "headers",
        [
            {"sec_fetch_site": "cross-site"},
            {"sec_fetch_site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "https://pay.example.com.evil.example"},
            {"origin": "https://evil.example", "sec_fetch_site": "none"},
        ],
    )
    def test_does_nothing(self, ada, token, browser, headers):
        form = browser.get(token).fields | {"do": "pay", "way": str(ada.method)}

        assert browser.send(token, form, **headers).status == 403
        assert ada.payments() == ()

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"origin": "null"},
            {"origin": "https://pay.example.com"},
            {"sec_fetch_site": "same-origin", "origin": "null"},
        ],
    )
    def test_is_told_from_one_of_ours(self, ada, token, browser, headers):
        form = browser.get(token).fields | {"do": "pay", "way": str(ada.method)}

        assert browser.send(token, form, **headers).status == 200
        assert ada.payments() == ("succeeded",)

    def test_of_another_link_does_nothing(self, ada, somebody, token, browser):
        other = browser.get(somebody().link().token).fields

        page = browser.send(token, other | {"do": "pay", "way": str(ada.method)})

        assert page.status == 403
        assert ada.payments() == ()

    def test_that_lay_about_for_an_hour_is_shown_anew(self, ada, token, browser):
        form = browser.get(token).fields | {"do": "pay", "way": str(ada.method)}
        ada.scene.live(hours=1)

        page = browser.send(token, form)

        assert page.status == 403
        assert "We have received" in browser.send(token, form | page.fields).text


class TestAFormThatSaysOtherThings:
    def test_pays_with_nobody_elses_method(self, ada, somebody, token, browser):
        eve = somebody()

        page = browser.does(token, way=str(eve.method))

        assert "can not be used here" in page.text
        assert ada.payments() == eve.payments() == ()

    def test_pays_nobody_elses_invoice(self, ada, somebody, token, browser):
        eve = somebody()

        page = browser.does(token, f"elsewhere:{eve.invoice.id}")

        assert "can not be used here" in page.text
        assert eve.invoice.processor_id not in page.answer.text

    @pytest.mark.parametrize("purpose", ["view", "update"])
    def test_does_not_pay_by_a_link_for_something_else(self, ada, browser, purpose):
        token = ada.link(purpose).token
        seal, now = ada.recoup.links.pages.seal, ada.scene.now
        form = {
            "challenge": seal.challenge(token, now=now), "shown": "4900 EUR",
            "do": "pay", "way": str(ada.method),
        }  # fmt: skip

        assert browser.send(token, form).status == 404
        assert ada.payments() == ()

    def test_does_not_update_by_a_link_for_paying(self, ada, token, browser):
        assert browser.does(token, "update", "test:pays").status == 404
        assert [m.id for m in ada.recoup.methods.list(ada.id)] == [ada.method]

    @pytest.mark.parametrize("way", ["", "x", "-1", "²", "9" * 30, "test:", "test:x", "1;DROP"])
    def test_is_refused_plainly(self, ada, token, browser, way):
        page = browser.does(token, way=way)

        assert page.status == 200
        assert "can not be used here" in page.text
        assert ada.payments() == ()

    @pytest.mark.parametrize("shown", ["", "1 EUR", "0", "4900 USD", "4900 EUR,1 USD"])
    def test_pays_no_other_sum(self, ada, token, browser, shown):
        assert "The amount has changed" in browser.does(token, shown=shown).text
        assert ada.payments() == ()

    def test_sends_nobody_away(self, ada, token, browser):
        page = browser.does(token, next="https://evil.example", url="//evil.example")

        assert page.status == 200
        assert "location" not in page.answer.headers
        assert "evil" not in page.answer.text

    def test_that_is_too_long_is_not_read(self, token, browser):
        assert browser.send(token, {"do": "x" * 9000}).status == 413


class TestTwoAtOnce:
    def test_pay_once(self, ada, token, browser):
        form = browser.get(token).fields | {"do": "pay", "way": str(ada.method)}

        with ThreadPoolExecutor(4) as hands:
            pages = list(hands.map(lambda _: browser.send(token, form), range(4)))

        assert {page.status for page in pages} <= {200, 503}
        assert ada.payments() == ("succeeded",)


class TestAnAnswer:
    def test_forbids_a_browser_everything_but_its_form(self, token, browser):
        for answer in (browser.get(token).answer, browser.get("v1.a.b").answer):
            headers = answer.headers
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"].startswith("no-store")
            assert headers["x-robots-tag"].startswith("noindex")
            assert headers["x-content-type-options"] == "nosniff"
            policies = headers.get_list("content-security-policy")
            assert len(policies) == 1
            assert "default-src 'none'" in policies[0]
            assert "form-action 'self'" in policies[0]
            assert "frame-ancestors 'none'" in policies[0]
            assert "unsafe" not in policies[0]
            assert "set-cookie" not in headers

    def test_loads_nothing_and_runs_nothing(self, token, browser):
        text = browser.get(token).answer.text
        for wrong in ("<script", "src=", "http://", "https://", "javascript:", " on", "@import"):
            assert wrong not in text.split("</style>")[1].replace("text on", ""), wrong

    def test_makes_harmless_what_names_hold(self, ada, browser):
        card = ada.scene.fake.new_method(brand='<img src=x onerror="alert(1)">')
        ada.recoup.methods.attach(ada.id, card)

        text = browser.get(ada.link().token).answer.text

        assert "<img" not in text
        assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;" in text

    def test_uses_no_host_that_a_request_names(self, token, browser):
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}

        assert "evil" not in browser.get(token, **headers).answer.text

    def test_leaves_no_token_in_logs(self, ada, token, browser, caplog):
        caplog.set_level(logging.DEBUG)
        browser.get(token)
        browser.does(token)
        browser.does(token[:-1], "send")

        seen = " ".join(
            record.getMessage() for record in caplog.records if "httpx" not in record.name
        )
        assert token[:40] not in seen
        assert ada.email not in seen
        assert f"a link of customer {ada.id} was used: paid" in seen
