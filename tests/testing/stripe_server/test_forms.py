"""What a request's parameters become, and how Stripe says what is wrong with them."""

from __future__ import annotations

from decimal import Decimal

import pytest
import stripe

from recoup.testing.stripe_server import definitions, forms
from recoup.testing.stripe_server.route import Refusal

EVERYTHING = frozenset(
    "address email metadata name phone preferred_locales balance tax invoice_settings items"
    " customer trial_end off_session proration_behavior created types type percent_off"
    " discounts cancel_at limit".split()
)


def checked(text, definition=stripe.params.CustomerUpdateParams, **options):
    options.setdefault("played", EVERYTHING)
    return definitions.checked(forms.decoded(text), definition, **options)


def refused(text, definition=stripe.params.CustomerUpdateParams, **options):
    with pytest.raises(Refusal) as caught:
        checked(text, definition, **options)
    return caught.value.error


class TestAForm:
    def test_is_a_map_of_texts(self):
        assert forms.decoded("a=1&b=two+words&c=%C3%A9") == {"a": "1", "b": "two words", "c": "é"}

    def test_nests_by_brackets(self):
        assert forms.decoded("a[b][c]=1&a[b][d]=2") == {"a": {"b": {"c": "1", "d": "2"}}}

    def test_lists_what_has_empty_brackets(self):
        assert forms.decoded("a[]=1&a[]=2") == {"a": ["1", "2"]}

    def test_keeps_an_empty_text(self):
        assert forms.decoded("a=&b[c]=") == {"a": "", "b": {"c": ""}}

    def test_takes_the_last_of_a_name_given_twice(self):
        assert forms.decoded("a=1&a=2") == {"a": "2"}

    @pytest.mark.parametrize(
        "text",
        [
            "a=1&a[b]=2",
            "a[b]=1&a=2",
            "a[]=1&a=2",
            "a=1&a[]=2",
            "a[][b]=1",
            "[a]=1",
            "a[b=1",
            "a]=1",
        ],
    )
    def test_is_refused_when_a_name_contradicts_itself(self, text):
        with pytest.raises(Refusal):
            forms.decoded(text)

    def test_is_refused_when_it_nests_too_deep(self):
        assert forms.decoded("a" + "[b]" * 12 + "=1")
        with pytest.raises(Refusal):
            forms.decoded("a" + "[b]" * 13 + "=1")

    def test_is_refused_as_json(self):
        forms.refuse_body("application/x-www-form-urlencoded; charset=utf-8", b"a=1")
        with pytest.raises(Refusal, match="application/x-www-form-urlencoded"):
            forms.refuse_body("application/json", b'{"a": 1}')

    def test_is_refused_when_it_is_too_large(self):
        forms.refuse_body(forms.FORM, b"x" * forms.LARGEST)
        with pytest.raises(Refusal) as caught:
            forms.refuse_body(forms.FORM, b"x" * (forms.LARGEST + 1))
        assert caught.value.status == 413


class TestParameters:
    def test_become_what_the_sdk_says(self):
        params = checked(
            "customer=cus_1&trial_end=now&off_session=false&items[0][price]=price_1"
            "&items[0][quantity]=2&expand[]=latest_invoice",
            stripe.params.SubscriptionCreateParams,
        )
        assert params == {
            "customer": "cus_1",
            "trial_end": "now",
            "off_session": False,
            "items": [{"price": "price_1", "quantity": 2}],
            "expand": ["latest_invoice"],
        }

    def test_may_be_an_instant_or_a_word(self):
        take = stripe.params.SubscriptionUpdateParams
        assert checked("trial_end=1767225600", take) == {"trial_end": 1767225600}
        assert checked("trial_end=now", take) == {"trial_end": "now"}
        assert refused("trial_end=later", take)["message"].startswith("Invalid timestamp")

    def test_may_be_a_number_or_a_range(self):
        take = stripe.params.CustomerListParams
        assert checked("created=5", take) == {"created": 5}
        assert checked("created[gte]=5&created[lt]=9", take) == {"created": {"gte": 5, "lt": 9}}

    def test_keep_the_order_of_their_numbers(self):
        text = "&".join(f"preferred_locales[{n}]=l{n}" for n in (10, 2, 0))
        assert checked(text) == {"preferred_locales": ["l0", "l2", "l10"]}

    def test_are_decimal_where_the_sdk_has_decimals(self):
        take = stripe.params.PriceCreateParams
        played = frozenset({"unit_amount_decimal", "currency"})
        params = checked("currency=eur&unit_amount_decimal=0.05", take, played=played)
        assert params["unit_amount_decimal"] == Decimal("0.05")
        error = refused("currency=eur&unit_amount_decimal=NaN", take, played=played)
        assert error["code"] == "parameter_invalid_decimal"

    def test_of_metadata_are_texts_whatever_they_look_like(self):
        params = checked("metadata[2026]=1&metadata[0]=true&metadata[gone]=")
        assert params == {"metadata": {"2026": "1", "0": "true", "gone": ""}}

    def test_are_cleared_by_an_empty_text_where_the_sdk_says_so(self):
        assert checked("metadata=&address=") == {"metadata": "", "address": ""}

    def test_are_cleared_by_an_empty_text_where_the_route_says_so(self):
        assert refused("email=")["code"] == "parameter_invalid_empty"
        assert checked("email=", clears=frozenset({"email"})) == {"email": ""}


class TestARefusal:
    def test_names_what_is_unknown(self):
        error = refused("nickname=Ada")
        assert error == {
            "type": "invalid_request_error",
            "code": "parameter_unknown",
            "message": "Received unknown parameter: nickname",
            "param": "nickname",
        }

    def test_names_what_is_unknown_inside(self):
        error = refused("address[planet]=Mars")
        assert error["param"] == "address[planet]"
        assert error["message"] == "Received unknown parameter: address[planet]"

    def test_names_all_that_is_unknown(self):
        assert refused("foo=1&bar=2")["message"] == "Received unknown parameters: foo, bar"

    def test_names_what_is_missing(self):
        error = refused("unit_amount=1", stripe.params.PriceCreateParams)
        assert (error["code"], error["param"]) == ("parameter_missing", "currency")
        assert error["message"] == "Missing required param: currency."

    def test_names_what_is_missing_inside(self):
        text = "created[gte]=x"
        assert refused(text, stripe.params.CustomerListParams)["param"] == "created[gte]"

    def test_names_what_is_no_integer(self):
        error = refused("limit=ten", stripe.params.CustomerListParams)
        assert (error["code"], error["message"]) == (
            "parameter_invalid_integer",
            "Invalid integer: ten",
        )

    @pytest.mark.parametrize("text", ["yes", "1", "True", "TRUE"])
    def test_names_what_is_no_boolean(self, text):
        error = refused(f"off_session={text}", stripe.params.SubscriptionUpdateParams)
        assert error["message"] == f"Invalid boolean: {text}"

    def test_lists_the_words_of_an_enumeration(self):
        error = refused("proration_behavior=maybe", stripe.params.SubscriptionUpdateParams)
        assert error["message"] == (
            "Invalid proration_behavior: must be one of always_invoice, create_prorations, or none"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("address=Berlin", "Invalid object"),
            ("preferred_locales=de", "Invalid array"),
            ("name[first]=Ada", "Invalid string"),
            ("balance[a]=1", "Invalid integer"),
        ],
    )
    def test_says_what_something_should_be(self, text, message):
        assert refused(text)["message"] == message

    def test_knows_when_time_ends(self):
        take = stripe.params.SubscriptionUpdateParams
        assert checked("cancel_at=253402300799", take)
        assert "timestamp" in refused("cancel_at=253402300800", take)["message"]
        assert "timestamp" in refused("cancel_at=-1", take)["message"]

    def test_knows_the_limits_of_metadata(self):
        assert checked("&".join(f"metadata[k{n}]=v" for n in range(50)))
        assert checked(f"metadata[{'k' * 40}]={'v' * 500}")
        assert refused("&".join(f"metadata[k{n}]=v" for n in range(51)))["param"] == "metadata"
        assert "40 characters" in refused(f"metadata[{'k' * 41}]=v")["message"]
        assert "500 characters" in refused(f"metadata[k]={'v' * 501}")["message"]

    def test_names_what_stripe_knows_and_the_server_does_not_play(self):
        error = refused("phone=1", played=frozenset({"email"}))
        assert (error["code"], error["param"]) == ("not_played", "phone")

    def test_names_what_is_not_played_inside(self):
        played = frozenset({"items.price"})
        take = stripe.params.SubscriptionUpdateParams
        assert checked("items[0][price]=p", take, played=played)
        error = refused("items[0][price]=p&items[1][quantity]=1", take, played=played)
        assert (error["code"], error["param"]) == ("not_played", "items.quantity")
