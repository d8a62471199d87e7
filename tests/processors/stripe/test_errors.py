"""What Stripe answers is sorted by what the caller can do next."""

from __future__ import annotations

import pytest
from tests.shared.scripted_server import KEY, error, whole

from recoup.errors import Busy, CustomerTaxLocationInvalid, KeyReused, Rejected, Unreachable
from recoup.processors.stripe.calls.errors import Declined, Denied

NO_RETRY = {"Stripe-Should-Retry": "false"}


def pay(client, key="recoup:1"):
    return client.do(lambda sdk, given: sdk.v1.invoices.pay("in_1", {}, given), key=key)


@pytest.fixture
def refused(scripted):
    """Return what is raised when a payment is answered like this."""

    def one(answer):
        client, _ = scripted(answer)
        with pytest.raises(Exception) as raised:  # noqa: PT011  the test says which
            pay(client)
        return raised.value

    return one


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (error(500, kind="api_error", headers=NO_RETRY), Unreachable),
            (error(503, kind="api_error", headers=NO_RETRY), Unreachable),
            (error(424, "x", headers=NO_RETRY), Unreachable),
            (error(429, "rate_limit", headers=NO_RETRY), Busy),
            (error(429, "lock_timeout", headers=NO_RETRY), Busy),
            (error(409, "lock_timeout", headers=NO_RETRY), Busy),
            (error(409, "idempotency_key_in_use", "idempotency_error"), Busy),
            (error(400, "lock_timeout"), Busy),
            (error(400, None, "idempotency_error"), KeyReused),
            (error(402, "card_declined", "card_error"), Declined),
            (error(400, "customer_tax_location_invalid"), CustomerTaxLocationInvalid),
            (error(400, "parameter_unknown"), Denied),
            (error(401), Denied),
            (error(403), Denied),
            (error(404, "resource_missing"), Denied),
        ],
        ids=lambda one: one.split(b" ")[1].decode() if isinstance(one, bytes) else None,
    )
    def test_is_sorted_by_what_can_be_done_next(self, refused, answer, expected):
        found = refused(answer)

        assert type(found) is expected
        assert found.request_id == "req_1"
        assert "(request req_1)" in str(found)

    @pytest.mark.parametrize(
        "answer",
        [
            whole()[:-5],  # less than was announced
            whole(body={"id": "x"}).replace(b"}", b" "),
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n{}",
            b"no HTTP at all\r\n\r\n",
            whole().replace(b"Date", b"Else"),
            whole(500, {"error": "oauth"}, Stripe_Should_Retry="false"),
            None,
            1.0,
        ],
        ids="short broken html gateway proxy list moved noise undated oauth closed slow".split(),
    )
    def test_that_is_none_leaves_the_outcome_unknown(self, refused, answer):
        assert type(refused(answer)) is Unreachable

    def test_of_nobody_leaves_the_outcome_unknown(self, scripted):
        client, script = scripted(whole())
        script.close()

        with pytest.raises(Unreachable, match="no connection to Stripe"):
            pay(client)


class TestAWaitThatIsAskedFor:
    @pytest.mark.parametrize(
        ("said", "after"),
        [("7", 7.0), ("0.5", 0.5), ("-1", 0.0), ("99999", 3600.0), ("soon", None), (None, None)],
    )
    def test_is_told(self, refused, said, after):
        headers = NO_RETRY | ({} if said is None else {"Retry-After": said})

        assert refused(error(429, "rate_limit", headers=headers)).after == after


class TestADecline:
    def test_says_what_the_bank_the_network_and_stripe_said(self, refused):
        found = refused(
            error(
                402,
                "card_declined",
                "card_error",
                charge="ch_1",
                decline_code="insufficient_funds",
                advice_code="try_again_later",
                network_decline_code="51",
                network_advice_code="24",
                payment_intent={"id": "pi_1"},
            )
        )

        assert (found.code, found.decline_code) == ("card_declined", "insufficient_funds")
        assert (found.advice_code, found.network_decline_code) == ("try_again_later", "51")
        assert (found.network_advice_code, found.charge) == ("24", "ch_1")
        assert found.payment_intent == {"id": "pi_1"}

    def test_is_a_rejection_to_who_does_not_look_closer(self, refused):
        assert isinstance(refused(error(402, "card_declined")), Rejected)


class TestARefusal:
    def test_names_the_code_and_the_parameter(self, refused):
        found = refused(error(400, "parameter_invalid_integer", param="lines[0][amount]"))

        assert (found.code, found.param) == ("parameter_invalid_integer", "lines[0][amount]")
        assert "Not so. (parameter_invalid_integer, lines[0][amount])" in str(found)

    @pytest.mark.parametrize(
        ("answer", "missing"),
        [
            (error(404, "resource_missing"), True),
            (error(400, "resource_missing", param="payment_method"), True),
            (error(400, "parameter_missing"), False),
        ],
    )
    def test_says_whether_something_is_missing(self, refused, answer, missing):
        assert refused(answer).missing is missing

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 409, 429, 500])
    @pytest.mark.parametrize(
        "secret", ["sk_live_51Habcdefgh", "rk_test_51Habcdefgh", "pi_1_secret_abcdef", "whsec_abc"]
    )
    def test_shows_no_secret(self, refused, status, secret):
        found = refused(
            error(status, headers=NO_RETRY, message=f"It was {secret}.", param=f"p_{secret}")
        )

        assert secret not in str(found)
        assert secret not in repr(found)
        assert found.__cause__ is None
        assert found.__suppress_context__

    def test_does_not_show_who_was_asked_for(self, scripted):
        client, _ = scripted(None)

        with pytest.raises(Unreachable) as raised:
            client.do(lambda sdk, _: sdk.v1.customers.list({"email": "ann@example.com"}))

        assert "ann" not in str(raised.value)

    def test_does_not_show_the_key(self, refused):
        found = refused(error(401, message=f"Invalid API Key provided: {KEY}"))

        assert KEY not in str(found)
        assert "does not take the API key" in str(found)
