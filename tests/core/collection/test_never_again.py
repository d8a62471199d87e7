"""Every row of every table: what is never to be tried again is not, until a new method."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.account import Signal
from recoup.core.collection.plan import Need

DATA = resources.files("recoup") / "data"
DAY = timedelta(days=1)
TIMED = {"payday", "backoff_days", "short_backoff", "wait", "resume", "partial_capture",
         "advise_other_pm"}  # fmt: skip


def read(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cases():
    """Give an id, the method's kind and brand, the signal, and whether time alone allows more."""
    tables = (
        ("stripe_decline_codes.csv", "card", "visa", "decline_code"),
        ("iso8583_codes.csv", "card", "visa", "network_decline_code"),
        ("iso8583_codes.csv", "card", "mastercard", "network_decline_code"),
        ("mastercard_mac.csv", "card", "mastercard", "network_advice_code"),
        ("ach_return_codes.csv", "us_bank_account", None, "network_decline_code"),
        ("sepa_reason_codes.csv", "sepa_debit", None, "network_decline_code"),
        ("bacs_reason_codes.csv", "bacs_debit", None, "network_decline_code"),
    )
    for name, kind, brand, field in tables:
        for row in read(name):
            code = f"{row['report']}-{row['code']}" if "report" in row else row["code"]
            again = row["class"] not in {"hard", "fraud"} and row["retry_policy"] in TIMED
            yield pytest.param(kind, brand, Signal(**{field: code}), again,
                               id=f"{name.split('_')[0]}-{brand or kind}-{code}")  # fmt: skip
    for row in read("visa_categories.csv"):
        if row["reattempt_allowed"] == "no":
            signal = Signal(network_decline_code=row["response_code"])
            yield pytest.param("card", "visa", signal, False, id=f"visa-{row['response_code']}")
    for row in read("stripe_advice_codes.csv"):
        if row["field"] == "advice_code":
            signal = Signal("generic_decline", row["value"])
            again = row["class_override"] == "soft"
            yield pytest.param("card", "visa", signal, again, id=f"advice-{row['value']}")


@pytest.mark.parametrize(("kind", "brand", "signal", "again"), [*cases()])
class TestEveryCode:
    def account(self, make, kind, brand, signal, **method):
        values = {"kind": kind, "brand": brand, "country": "DE", **method}
        refused = make.attempt(signal=signal, brand=brand)
        return make.account(refused, methods=(make.method(**values),))

    def test_is_tried_again_only_where_its_row_says_so(self, make, kind, brand, signal, again):
        account = self.account(make, kind, brand, signal)

        for days in (0, 1, 10, 27):
            made = make.plan(account, make.T + days * DAY)
            assert (made.at is not None) == again
            assert made.at is None or made.at > make.T
            assert again == (made.need is None)

    def test_lets_a_new_method_be_tried_at_once(self, make, kind, brand, signal, again):
        new = make.method("pm_2", instrument="fp_2")
        account = replace(self.account(make, kind, brand, signal), methods=(new,))

        made = make.plan(account, make.T + DAY)

        assert (made.at, made.origin, made.method) == (make.T + DAY, "new_method", "pm_2")

    def test_that_bars_the_instrument_bars_it_under_another_name(
        self, make, kind, brand, signal, again
    ):
        first = make.plan(self.account(make, kind, brand, signal))
        updated = self.account(make, kind, brand, signal, changed_at=make.T + DAY)
        renamed = make.plan(updated, make.T + 2 * DAY)

        if first.verdict.barred and first.verdict.retry != "after_update":
            assert renamed.at is None
            assert renamed.need in {Need.NEW_METHOD, Need.PERSON}


spans = st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
signals = st.builds(
    Signal,
    st.sampled_from([None, "insufficient_funds", "generic_decline", "processing_error", "new",
                     "expired_card", "authentication_required"]),
    st.sampled_from([None, "try_again_later"]),
    st.sampled_from([None, "51", "05", "91"]),
    st.sampled_from([None, "02", "24", "27", "30"]),
)  # fmt: skip
origins = st.sampled_from(["renewal", "retry", "customer", "operator", "new_method"])


class TestAnyAccount:
    @given(
        tries=st.lists(st.tuples(spans, signals, origins), max_size=6),
        changed=st.integers(-10, 30),
        steps=st.lists(spans, min_size=1, max_size=4),
    )
    def test_is_planned_the_same_later_or_now_once_overdue(self, make, tries, changed, steps):
        attempts = [
            make.attempt(make.T + span, signal, origin=origin, brand="mastercard", id=n + 1)
            for n, (span, signal, origin) in enumerate(tries)
        ]
        method = make.method(brand="mastercard", changed_at=make.T + changed * DAY)
        account = make.account(*attempts, methods=(method,))
        start = max((a.at for a in attempts), default=make.T)
        until = make.T + 90 * DAY
        first = make.plan(account, start, until=until)

        for now in sorted(start + step for step in steps):
            later = make.plan(account, now, until=until)
            if first.at is None or now > until:
                assert later.at is None or later.origin == "new_method"
            else:
                assert later.at == max(first.at, now)

    @given(signals, spans)
    def test_is_never_tried_before_an_advised_wait_is_over(self, make, signal, late):
        refused = make.attempt(signal=signal, brand="mastercard")
        account = make.account(refused, methods=(make.method(brand="mastercard"),))
        waits = {"24": 1, "27": 96, "30": 240}

        made = make.plan(account, make.T + late, until=make.T + 90 * DAY)

        if made.at is not None and signal.network_advice_code in waits:
            hours = waits[signal.network_advice_code]
            assert made.at >= make.T + timedelta(hours=hours)
