"""The server speaks HTTP as Stripe does: who may ask, where, what errors look like, lists."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import timedelta

import pytest
import stripe

from recoup.core.money import Money
from recoup.errors import CustomerTaxLocationInvalid, InvalidValue, Rejected
from recoup.processors.fake import NEWEST, NO_FUNDS, Declines, FakeProcessor
from recoup.processors.fake.model import Customer
from recoup.testing.stripe_server import Rates, Request, StripeServer, forms, keeping
from recoup.testing.stripe_server.answering import Answering
from recoup.testing.stripe_server.expanding import Expanding
from recoup.testing.stripe_server.route import Refusal, Route


def error_of(answer):
    status, _, body = answer
    return status, json.loads(body)["error"]


class TestTheServer:
    def test_answers_the_official_sdk(self, server, sdk):
        for _ in range(3):
            server.fake.create_customer(email="ada@example.com")
        events = sdk.v1.events.list({"limit": 2})
        assert [event.id for event in events.data] == ["evt_fake_000000003", "evt_fake_000000002"]
        assert events.has_more
        assert sdk.v1.events.retrieve("evt_fake_000000001").data.object["email"]

    def test_says_the_time_of_its_world(self, server, sdk):
        server.fake.advance(server.fake.now + timedelta(days=40))
        headers = sdk.v1.events.list().last_response.headers
        assert headers["Date"] == "Tue, 10 Feb 2026 00:00:00 GMT"

    def test_numbers_its_requests(self, ask):
        ids = [ask("GET", "/v1/events")[1]["Request-Id"] for _ in range(2)]
        assert ids == ["req_fake_000001", "req_fake_000002"]

    def test_keeps_a_connection(self, server, sdk):
        before = sdk.v1.events.list().last_response
        for _ in range(3):
            sdk.v1.events.list()
        assert before.headers["Content-Length"]
        assert len(server._front.open) == 1

    def test_serves_a_world_that_is_there_already(self, client):
        with FakeProcessor(":memory:") as fake, StripeServer(fake) as server:
            fake.create_customer()
            assert len(client(server).v1.events.list().data) == 1
            server.close()
            assert fake.now  # somebody else's, so it is still open

    @pytest.mark.parametrize("retries", [False, True])
    def test_tries_failed_renewals_again_if_told_to(self, client, retries):
        with StripeServer(smart_retries=retries) as server:
            fake = server.fake
            customer = fake.create_customer()
            card = fake.attach_method(customer)
            fake.subscribe(customer, fake.create_price(Money(4900, "EUR")))
            fake.update_method(card, payer=Declines(NO_FUNDS))
            fake.advance(fake.now + timedelta(days=32))
            (owed,) = client(server).v1.invoices.list({"status": "open"}).data
            assert (owed.next_payment_attempt is not None) is retries

    def test_runs_in_a_process_of_its_own(self, tmp_path, client):
        command = [sys.executable, "-m", "recoup.testing.stripe_server"]
        world = tmp_path / "world"
        with (
            FakeProcessor(world) as fake,
            subprocess.Popen(
                [*command, "--world", str(world)], stdout=subprocess.PIPE, text=True
            ) as process,
        ):
            url = process.stdout.readline().strip()
            fake.create_customer(email="ada@example.com")
            there = stripe.StripeClient("sk_test_of_recoup", base_addresses={"api": url})
            seen = there.v1.events.list().data
            process.kill()
        assert [event.type for event in seen] == ["customer.created"]

    def test_lets_no_bug_of_its_own_pass_for_an_outage(self, client):
        server = StripeServer(watch=lambda _step, _request: 1 // 0)
        with pytest.raises(stripe.APIConnectionError):
            client(server).v1.events.list()
        with pytest.raises(ExceptionGroup, match="bugs"):
            server.close()


class TestAKey:
    def test_is_asked_for(self, ask):
        status, error = error_of(ask("GET", "/v1/events", Authorization=""))
        assert status == 401
        assert "did not provide an API key" in error["message"]

    def test_may_be_given_as_a_user_name(self, server, ask):
        word = base64.b64encode(f"{server.key}:".encode()).decode()
        assert ask("GET", "/v1/events", Authorization=f"Basic {word}")[0] == 200

    def test_may_be_restricted(self, ask):
        assert ask("GET", "/v1/events", Authorization="Bearer rk_test_of_recoup")[0] == 200

    @pytest.mark.parametrize(
        "key", ["sk_test_other", "sk_live_recoup", "pk_test_recoup", "nonsense"]
    )
    def test_of_somebody_else_is_refused_and_not_repeated(self, server, client, key):
        with pytest.raises(stripe.AuthenticationError) as caught:
            client(server, key=key).v1.events.list()
        assert caught.value.http_status == 401
        assert len(key) < 13 or key not in str(caught.value)

    def test_is_of_the_one_account_there_is(self, ask):
        status, error = error_of(ask("GET", "/v1/events", Stripe_Account="acct_1"))
        assert (status, error["code"]) == (400, "not_played")


class TestAnError:
    def test_of_a_path_that_is_not_there(self, ask):
        status, error = error_of(ask("GET", "/v1/nothing"))
        assert status == 404
        assert error["message"].startswith("Unrecognized request URL (GET: /v1/nothing)")

    def test_of_a_method_that_is_not_there(self, ask):
        assert ask("POST", "/v1/events", {})[0] == 404

    def test_of_an_object_that_is_not_there_names_the_path(self, ask):
        status, error = error_of(ask("GET", "/v1/invoices/in_nobody"))
        assert (status, error["code"], error["param"]) == (404, "resource_missing", "id")
        assert error["message"] == "No such invoice: 'in_nobody'"
        assert error["doc_url"].endswith("resource-missing")
        assert error["request_log_url"].endswith("req_fake_000001")

    def test_of_an_object_that_is_not_there_names_the_parameter(self, ask):
        status, error = error_of(ask("POST", "/v1/invoices", {"customer": "cus_nobody"}))
        assert (status, error["code"], error["param"]) == (400, "resource_missing", "customer")

    def test_of_a_body_that_is_json(self, ask):
        answer = ask("POST", "/v1/invoiceitems", body="{}", Content_Type="application/json")
        assert answer[0] == 400

    def test_leaves_nothing_behind(self, server, sdk, subscribed):
        customer, *_ = subscribed()
        events = len(server.fake.events())
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v1.invoices.create({"customer": customer, "days_until_due": -1})
        assert len(server.fake.events()) == events


class TestAnExecution:
    """Of routes that are made for this, in a world with one customer."""

    @pytest.fixture
    def fake(self):
        with FakeProcessor(":memory:") as fake:
            fake.create_customer(email="ada@example.com")
            yield fake

    def answered(self, fake, answer, key=None):
        route = Route(answer, stripe.params.CustomerUpdateParams, frozenset({"email"}))
        answering = Answering(
            fake._world,
            {"POST /v1/customers/:id/try": route},
            Expanding({}, {}),
            key="sk_test_1",
            version=NEWEST,
            rates=None,
        )
        with fake._world.session() as s:
            s.connection.execute(keeping.SCHEMA)
        headers = {"authorization": "Bearer sk_test_1", "content-type": forms.FORM}
        if key is not None:
            headers["idempotency-key"] = key
        path = "/v1/customers/cus_fake_000001/try"
        reply = answering.answer(Request("POST", path, "", headers, b"email=bob@example.com"))
        return reply.status, json.loads(reply.body), answering.bugs

    def email(self, fake):
        with fake._world.session() as s:
            return s.get(Customer, "cus_fake_000001").email

    @staticmethod
    def change(call):
        found = call.session.get(Customer, call.ids[0])
        found.email = call.params["email"]
        return {"id": call.session.save(found).id}

    def test_is_kept_when_it_answers(self, fake):
        assert self.answered(fake, self.change) == (200, {"id": "cus_fake_000001"}, [])
        assert self.email(fake) == "bob@example.com"

    @pytest.mark.parametrize("key", [None, "k1"])
    def test_is_taken_back_when_it_is_refused(self, fake, key):
        def refuse(call):
            self.change(call)
            raise Rejected("Not today")

        status, body, bugs = self.answered(fake, refuse, key)
        assert (status, body["error"]["message"], bugs) == (400, "Not today", [])
        assert self.email(fake) == "ada@example.com"

    def test_is_kept_when_the_refusal_says_so(self, fake):
        def decline(call):
            self.change(call)
            raise Refusal("No", status=402, type="card_error", kept=True, decline_code="lost")

        status, body, _ = self.answered(fake, decline)
        assert (status, body["error"]["decline_code"]) == (402, "lost")
        assert self.email(fake) == "bob@example.com"

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (Rejected("No such customer: 'cus_fake_000001'"), 404, "resource_missing"),
            (Rejected("No such method: 'pm_1'"), 400, "resource_missing"),
            (Rejected("No such coupon: 'coupon_HEAT'"), 400, "resource_missing"),
            (CustomerTaxLocationInvalid("nowhere"), 400, "customer_tax_location_invalid"),
            (InvalidValue("nonsense"), 400, None),
        ],
        ids=["of the path", "of a parameter", "of a coupon", "of a place", "of a value"],
    )
    def test_tells_an_error_of_the_fake_in_stripes_words(self, fake, error, status, code):
        def fail(_call):
            raise error

        found, body, bugs = self.answered(fake, fail)
        assert (found, body["error"].get("code"), bugs) == (status, code, [])
        assert "coupon_" not in body["error"]["message"]

    @pytest.mark.parametrize("key", [None, "k1"])
    def test_that_has_a_bug_is_a_500_that_is_remembered_and_not_saved(self, fake, key):
        def divide(call):
            self.change(call)
            return {"id": 1 // 0}

        status, body, (bug,) = self.answered(fake, divide, key)
        assert (status, body["error"]["type"]) == (500, "api_error")
        assert isinstance(bug, ZeroDivisionError)
        assert self.email(fake) == "ada@example.com"
        assert self.answered(fake, self.change, key)[0] == 200


class TestAList:
    @pytest.fixture
    def made(self, server):
        for _ in range(25):
            server.fake.create_customer()
        return [f"evt_fake_{n:09d}" for n in range(25, 0, -1)]

    def test_has_ten_of_the_newest_and_says_that_there_are_more(self, sdk, made):
        page = sdk.v1.events.list()
        assert [one.id for one in page.data] == made[:10]
        assert (page.has_more, page.url) == (True, "/v1/events")

    def test_goes_on_after_one(self, sdk, made):
        page = sdk.v1.events.list({"starting_after": made[19], "limit": 5})
        assert [one.id for one in page.data] == made[20:]
        assert not page.has_more

    def test_goes_back_before_one(self, sdk, made):
        page = sdk.v1.events.list({"ending_before": made[10], "limit": 3})
        assert [one.id for one in page.data] == made[7:10]
        assert page.has_more

    def test_is_read_to_its_end_by_the_sdk(self, sdk, made):
        assert [one.id for one in sdk.v1.events.list({"limit": 4}).auto_paging_iter()] == made

    def test_has_1_to_100(self, sdk, made):
        assert len(sdk.v1.events.list({"limit": 1}).data) == 1
        assert len(sdk.v1.events.list({"limit": 100}).data) == 25
        for limit in (0, 101):
            with pytest.raises(stripe.InvalidRequestError) as caught:
                sdk.v1.events.list({"limit": limit})
            assert caught.value.param == "limit"

    def test_takes_no_two_ends(self, sdk, made):
        with pytest.raises(stripe.InvalidRequestError, match="both"):
            sdk.v1.events.list({"starting_after": made[0], "ending_before": made[1]})

    def test_starts_after_nothing_unknown(self, sdk, made):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            sdk.v1.events.list({"starting_after": "evt_fake_000000099"})
        assert caught.value.code == "resource_missing"

    def test_of_things_pages_the_same_way(self, server, sdk, subscribed):
        made = [subscribed()[2] for _ in range(3)][::-1]
        page = sdk.v1.subscriptions.list({"limit": 2})
        assert [one.id for one in page.data] == made[:2]
        assert page.has_more
        back = sdk.v1.subscriptions.list({"ending_before": made[2], "limit": 1})
        assert ([one.id for one in back.data], back.has_more) == ([made[1]], True)


class TestEvents:
    def test_are_listed_by_type_and_time(self, server, sdk, subscribed):
        subscribed()
        begun = int(server.fake.now.timestamp())
        server.fake.advance(server.fake.now + timedelta(days=3))
        server.fake.create_customer()
        kinds = {one.type for one in sdk.v1.events.list({"types": ["invoice.*"]}).data}
        assert {kind.partition(".")[0] for kind in kinds} == {"invoice"}
        assert len(sdk.v1.events.list({"type": "customer.created"}).data) == 2
        later = sdk.v1.events.list({"created": {"gt": begun}}).data
        assert [one.type for one in later] == ["customer.created"]
        assert len(sdk.v1.events.list({"created": begun, "limit": 100}).data) > 5

    def test_are_gone_after_thirty_days(self, server, sdk):
        server.fake.create_customer()
        server.fake.advance(server.fake.now + timedelta(days=30))
        assert len(sdk.v1.events.list().data) == 1
        server.fake.advance(server.fake.now + timedelta(seconds=1))
        assert sdk.v1.events.list().data == []
        with pytest.raises(stripe.InvalidRequestError) as caught:
            sdk.v1.events.retrieve("evt_fake_000000001")
        assert caught.value.http_status == 404

    def test_name_the_request_behind_them(self, ask, server, sdk, subscribed):
        customer, *_ = subscribed()
        _, headers, _ = ask("POST", "/v1/invoices", {"customer": customer}, key="k1")
        told = sdk.v1.events.list({"type": "invoice.created"}).data[0]
        assert told.request.id == headers["Request-Id"]
        assert told.request.idempotency_key == "k1"


class TestExpanding:
    def test_puts_the_object_in_place_of_its_id(self, sdk, subscribed):
        *_, subscription = subscribed()
        asked = {"expand": ["latest_invoice"]}
        found = sdk.v1.subscriptions.retrieve(subscription, asked)
        assert found.latest_invoice.object == "invoice"

    def test_goes_deep(self, sdk, subscribed):
        subscribed()
        asked = {"expand": ["data.payments.data.payment"]}
        (found,) = sdk.v1.invoices.list(asked).data
        assert found.payments.data[0].payment.payment_intent.startswith("pi_")
        asked = {"expand": ["payments.data.payment.payment_intent"]}
        found = sdk.v1.invoices.retrieve(found.id, asked)
        assert found.payments.data[0].payment.payment_intent.status == "succeeded"

    def test_does_not_go_deeper_than_four(self, sdk, subscribed):
        *_, subscription = subscribed()
        asked = {"expand": ["latest_invoice.payments.data.payment.payment_intent"]}
        with pytest.raises(stripe.InvalidRequestError, match="4 levels"):
            sdk.v1.subscriptions.retrieve(subscription, asked)

    @pytest.mark.parametrize(
        "path", ["nothing", "status", "latest_invoice.nothing", "items.nothing"]
    )
    def test_refuses_what_is_not_there(self, sdk, subscribed, path):
        *_, subscription = subscribed()
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            sdk.v1.subscriptions.retrieve(subscription, {"expand": [path]})


class TestRates:
    def test_allow_so_many_of_one_endpoint_within_a_second(self, client):
        with StripeServer(rates=Rates(endpoint=5)) as server:
            sdk = client(server)
            for _ in range(5):
                sdk.v1.events.list()
            with pytest.raises(stripe.RateLimitError) as caught:
                sdk.v1.events.list()
            assert caught.value.code == "rate_limit" or caught.value.http_status == 429
            assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
            sdk.v1.invoices.list()
            assert (server.rates.refused, server.rates.most) == (1, 5)

    def test_allow_so_many_of_all_together(self, client):
        with StripeServer(rates=Rates(overall=3)) as server:
            sdk = client(server)
            for ask in (sdk.v1.events.list, sdk.v1.invoices.list, sdk.v1.refunds.list):
                ask()
            with pytest.raises(stripe.RateLimitError) as caught:
                sdk.v1.charges.list()
            assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
