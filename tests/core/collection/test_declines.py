"""Permission follows the strictest signal; wording the most specific one that may be told."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest

from recoup.core.account import Signal
from recoup.core.collection.declines import DeclineClass, RetryRule, read

DATA = resources.files("recoup") / "data"
HOUR = timedelta(hours=1)

DEAD = {"hard", "fraud"}
TIMED = {"payday", "backoff_days", "short_backoff", "wait", "resume", "partial_capture",
         "advise_other_pm"}  # fmt: skip


def rows(name, key="code", **only):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if only.items() <= row.items()]
    return [pytest.param(row, id=row[key]) for row in found]


def may(row):
    """Read the published row anew: may time alone bring another try?"""
    return row["class"] not in DEAD and row["retry_policy"] in TIMED


@pytest.fixture
def verdict(rules):
    def of(brand="visa", kind="card", **codes):
        return read(Signal(**codes), brand=brand, kind=kind, rules=rules)

    return of


class TestEveryRowOf:
    @pytest.mark.parametrize("row", rows("stripe_decline_codes.csv"))
    def test_stripe(self, verdict, row):
        found = verdict(decline_code=row["code"])

        assert found.timed == may(row)
        assert found.retry == row["retry_policy"]
        assert found.decline_class in {row["class"], DeclineClass.CONSENT_WITHDRAWN}
        assert found.min_delay == int(row["min_delay_hours"]) * HOUR
        assert found.unknown == ()
        tell = row["disclosure"] in {"yes", "yes_neutral"} and row["class"] != "fraud"
        assert (found.wording == row["code"]) == (tell or row["code"] in {
            "generic_decline", "processing_error"})  # fmt: skip

    @pytest.mark.parametrize("brand", ["visa", "mastercard", "amex", None])
    @pytest.mark.parametrize("row", rows("iso8583_codes.csv"))
    def test_iso_8583(self, verdict, row, brand):
        found = verdict(brand=brand, network_decline_code=row["code"])

        if row["code"] == "*":  # stands for every code that is not there
            assert found.is_unknown
            return
        assert found.timed == may(row)
        assert found.retry == row["retry_policy"]
        assert found.visa_category == (int(row["visa_category"]) if brand == "visa" else None)
        if row["class"] == "fraud" or row["disclosure"] == "generic_only":
            assert found.wording == "generic_decline"

    @pytest.mark.parametrize("row", rows("mastercard_mac.csv"))
    def test_mastercard(self, verdict, row):
        found = verdict(
            brand="mastercard", decline_code="generic_decline", network_advice_code=row["code"]
        )

        assert found.timed == may(row)
        hours = int(row["wait_hours"] or 0)
        assert found.wait == (hours * HOUR if row["retry_policy"] == "wait" else None)
        assert found.barred == (row["class"] == "hard")

    @pytest.mark.parametrize("row", rows("visa_categories.csv", key="response_code"))
    def test_visa(self, verdict, row):
        found = verdict(network_decline_code=row["response_code"])

        if row["reattempt_allowed"] == "no":
            assert found.barred
            assert found.visa_category == 1
        elif row["response_code"] != "*":
            assert found.visa_category == int(row["category"])

    @pytest.mark.parametrize("row", rows("stripe_advice_codes.csv", "value", field="advice_code"))
    def test_advice(self, verdict, row):
        found = verdict(decline_code="insufficient_funds", advice_code=row["value"])

        assert found.timed == (row["class_override"] == "soft")
        assert found.wording == "insufficient_funds"

    @pytest.mark.parametrize(
        ("kind", "row"),
        [
            pytest.param(kind, each.values[0], id=f"{kind}-{each.id}")
            for kind, name in (
                ("us_bank_account", "ach_return_codes.csv"),
                ("sepa_debit", "sepa_reason_codes.csv"),
                ("bacs_debit", "bacs_reason_codes.csv"),
            )
            for each in rows(name)
        ],
    )
    def test_bank_debits(self, verdict, kind, row):
        code = f"{row['report']}-{row['code']}" if "report" in row else row["code"]
        found = verdict(kind=kind, brand=None, network_decline_code=code)

        assert found.timed == may(row)
        assert bool(found.unknown) == (row["class"] == "n/a")
        if row["retry_policy"] == "never":
            assert found.barred
        assert found.stop_mail == ("deceased" in row["meaning"])


class TestConsent:
    @pytest.mark.parametrize(
        ("kind", "codes"),
        [
            ("card", {"decline_code": "revocation_of_authorization"}),
            ("card", {"decline_code": "revocation_of_all_authorizations"}),
            ("card", {"decline_code": "stop_payment_order"}),
            ("card", {"network_decline_code": "R0"}),
            ("card", {"network_decline_code": "R1"}),
            ("card", {"network_decline_code": "R3"}),
            ("us_bank_account", {"network_decline_code": "R07"}),
            ("us_bank_account", {"network_decline_code": "R08"}),
            ("us_bank_account", {"decline_code": "R10"}),
            ("sepa_debit", {"network_decline_code": "MD01"}),
            ("bacs_debit", {"network_decline_code": "1"}),
        ],
    )
    def test_is_withdrawn(self, verdict, kind, codes):
        assert verdict(kind=kind, **codes).decline_class == DeclineClass.CONSENT_WITHDRAWN

    def test_is_withdrawn_by_mastercards_21(self, verdict):
        found = verdict(brand="mastercard", network_advice_code="21")

        assert found.decline_class == DeclineClass.CONSENT_WITHDRAWN

    @pytest.mark.parametrize(
        ("brand", "kind", "codes"),
        [
            ("mastercard", "card", {"network_advice_code": "42"}),
            (None, "us_bank_account", {"network_decline_code": "R15"}),
            (None, "sepa_debit", {"network_decline_code": "MD07"}),
            (None, "bacs_debit", {"network_decline_code": "2"}),
        ],
    )
    def test_is_not_what_a_death_or_a_sanction_means(self, verdict, brand, kind, codes):
        found = verdict(brand=brand, kind=kind, **codes)

        assert found.decline_class == DeclineClass.HARD
        assert found.retry == RetryRule.NEVER


class TestTheStrictest:
    def test_decides_and_the_most_specific_is_told(self, verdict):
        found = verdict(decline_code="insufficient_funds", advice_code="do_not_try_again")

        assert found.decline_class == DeclineClass.HARD
        assert found.wording == "insufficient_funds"

    def test_may_be_the_network_code(self, verdict):
        assert verdict(decline_code="generic_decline", network_decline_code="41").barred

    def test_waits_as_long_as_the_network_advises(self, verdict):
        found = verdict(
            brand="mastercard",
            decline_code="insufficient_funds",
            network_decline_code="51",
            network_advice_code="28",
        )

        assert found.retry == RetryRule.PAYDAY
        assert found.wait == 144 * HOUR

    def test_of_two_hard_ones_is_the_withdrawal(self, verdict):
        found = verdict(decline_code="lost_card", network_decline_code="R1")

        assert found.decline_class == DeclineClass.CONSENT_WITHDRAWN
        assert found.wording == "generic_decline"

    def test_leaves_waiting_for_the_customer_above_an_update(self, verdict):
        found = verdict(decline_code="authentication_required", network_decline_code="N7")

        assert found.retry == RetryRule.AFTER_AUTH

    def test_allows_as_few_tries_as_any_of_them(self, verdict):
        known = verdict(brand="mastercard", decline_code="insufficient_funds")
        doubtful = verdict(
            brand="mastercard", decline_code="insufficient_funds", network_advice_code="99"
        )

        assert (known.max_tries, doubtful.max_tries) == (8, 3)
        assert doubtful.min_delay == 36 * HOUR

    def test_takes_visas_advice_as_its_category(self, verdict):
        codes = {"1": True, "01": True, "2": False, "3": False, "4": False}

        assert {c: verdict(network_advice_code=c).barred for c in codes} == codes
        assert verdict(network_advice_code="3").retry == RetryRule.AFTER_UPDATE

    def test_bars_a_code_that_visa_moves_into_its_first_category(self, rules):
        moved = replace(rules.visa["05"], category=1, max_reattempts=0)
        changed = replace(rules, visa={**rules.visa, "05": moved})

        found = read(Signal(network_decline_code="05"), brand="visa", kind="card", rules=changed)

        assert found.decline_class == DeclineClass.HARD


class TestTheUnknown:
    def test_is_soft_seldom_and_reported(self, verdict):
        found = verdict(decline_code="brand_new", network_decline_code="Q9")

        assert found.is_unknown
        assert found.timed
        assert found.max_tries == 3
        assert found.unknown == ("network_decline_code Q9", "decline_code brand_new")
        assert found.wording == "generic_decline"

    def test_does_not_hide_what_is_known(self, verdict):
        assert verdict(decline_code="brand_new", network_decline_code="51").retry == "payday"
        assert verdict(decline_code="lost_card", network_decline_code="Q9").barred

    def test_makes_no_refusal_of_a_network_without_a_table_stricter(self, verdict):
        found = verdict(brand="amex", decline_code="generic_decline", network_decline_code="116")

        assert found.decline_class == DeclineClass.SOFT
        assert found.max_tries == 6
        assert found.unknown == ("network_decline_code 116",)

    def test_advice_of_a_network_that_gives_none_is_reported(self, verdict):
        found = verdict(brand="discover", decline_code="do_not_honor", network_advice_code="03")

        assert found.unknown == ("network_advice_code 03",)
        assert verdict(network_advice_code="77").unknown == ("network_advice_code 77",)

    def test_silence_is_no_code(self, verdict):
        found = verdict()

        assert found.is_unknown
        assert found.unknown == ()
        assert found.words[0] == "No reason was given with the refusal."

    @pytest.mark.parametrize("kind", ["us_bank_account", "sepa_debit", "bacs_debit"])
    def test_is_never_presented_again_by_a_bank_debit(self, verdict, kind):
        assert not verdict(kind=kind, brand=None, decline_code="brand_new").timed
        assert not verdict(kind=kind, brand=None, decline_code="generic_decline").timed
        assert verdict(kind=kind, brand=None, decline_code="insufficient_funds").timed


class TestWording:
    @pytest.mark.parametrize("row", rows("stripe_decline_codes.csv", **{"class": "fraud"}))
    def test_never_tells_what_may_not_be_told(self, verdict, row):
        assert verdict(decline_code=row["code"]).wording == "generic_decline"
        told = verdict(decline_code=row["code"], network_decline_code="51")
        assert told.wording == "generic_decline"

    def test_prefers_what_the_issuer_said(self, verdict):
        found = verdict(decline_code="generic_decline", network_decline_code="51")

        assert found.wording == "insufficient_funds"

    def test_of_a_technical_failure_says_so(self, verdict):
        assert verdict(decline_code="issuer_not_available").wording == "processing_error"

    def test_does_not_use_up_the_plan_only_when_technical(self, verdict):
        assert not verdict(decline_code="processing_error").consumes
        assert verdict(decline_code="do_not_honor").consumes
