"""What counts forbidden tries finds each kind, and nothing else."""

from __future__ import annotations

import ast
import csv
from importlib import resources
from pathlib import Path

import pytest

from recoup.core.account import Signal
from recoup.core.money import Money
from recoup.simulation import checker
from recoup.simulation.checker import Try, against_advice, forbidden

HOUR, DAY = 3_600, 86_400
TEN, ELEVEN = Money(1000, "USD"), Money(1100, "USD")
FUNDS = Signal(decline_code="insufficient_funds", network_decline_code="51")


def refused(*ages, signal=FUNDS, amount=TEN, by_customer=False):
    return [Try(age, amount, signal, by_customer) for age in ages]


def found(age, earlier, *, brand="visa", country="US", amount=TEN, by_customer=False):
    wanted = Try(age, amount, by_customer=by_customer)
    return forbidden(wanted, earlier, brand=brand, country=country)


def rows(name):
    text = (resources.files("recoup") / "data" / f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


class TestForbidden:
    def test_is_nothing_after_missing_funds(self):
        for brand in ("visa", "mastercard", "amex", "discover"):
            assert found(DAY, refused(0), brand=brand) == ()

    @pytest.mark.parametrize(
        ("signal", "brand", "why"),
        [
            pytest.param(Signal(decline_code="stolen_card"), "amex", "never", id="a Stripe code"),
            pytest.param(
                Signal(decline_code="authentication_required"), "amex", "blocked", id="blocked"
            ),
            pytest.param(Signal(advice_code="do_not_try_again"), "amex", "advice", id="advice"),
            pytest.param(Signal(network_decline_code="R0"), "amex", "code R0", id="ISO 8583"),
            pytest.param(Signal(network_decline_code="14"), "visa", "category 1", id="Visa"),
            pytest.param(
                Signal(network_advice_code="03"), "mastercard", "advice 03", id="Mastercard 03"
            ),
            pytest.param(
                Signal(network_advice_code="21"), "mastercard", "advice 21", id="Mastercard 21"
            ),
        ],
    )
    def test_is_any_try_after_an_answer_that_is_final(self, signal, brand, why):
        assert why in found(400 * DAY, [*refused(0, signal=signal), *refused(DAY)], brand=brand)[0]

    def test_is_not_another_debt_nor_other_details_where_stripe_blocks(self):
        earlier = refused(HOUR, signal=Signal(decline_code="authentication_required"))
        other = Try(DAY, TEN, debt=2)

        assert forbidden(other, earlier, brand="visa", country="US") == ()
        for renewed, why in ((HOUR, 1), (HOUR + 1, 0)):
            again = forbidden(Try(DAY, TEN), earlier, brand="visa", country="US", renewed=renewed)
            assert len(again) == why

    def test_is_every_row_that_says_never(self):
        for row in rows("stripe_decline_codes"):
            never = row["retry_policy"] in {"never", "never_same_pm"}
            blocked = row["stripe_auto_retry"].startswith("blocked")
            signal = Signal(decline_code=row["code"])

            assert bool(found(DAY, refused(0, signal=signal), brand="amex")) == (never or blocked)
        for row in rows("mastercard_mac"):
            never = row["retry_policy"] in {"never", "never_same_pm"}
            signal = Signal(network_advice_code=row["code"])

            assert bool(found(DAY, refused(0, signal=signal), brand="mastercard")) == never

    @pytest.mark.parametrize(
        ("brand", "count", "span"),
        [
            ("visa", 20, 30 * DAY),
            ("mastercard", 10, DAY),
            ("amex", 20, 30 * DAY),
            ("discover", 20, 30 * DAY),
        ],
    )
    def test_is_one_more_than_a_window_holds(self, brand, count, span):
        step = span // (count + 2)
        earlier = refused(*(n * step for n in range(count)))

        assert found(count * step, earlier[1:], brand=brand) == ()
        assert len(found(count * step, earlier, brand=brand)) == 1
        assert found(span - 1, earlier, brand=brand) != ()
        assert found(span, earlier, brand=brand) == ()

    def test_is_the_thirty_sixth_of_one_amount_at_mastercard(self):
        earlier = refused(*(n * 19 * HOUR for n in range(35)))

        assert found(35 * 19 * HOUR, earlier, brand="mastercard") == ("mastercard 35 in 30 d",)
        assert found(35 * 19 * HOUR, earlier, brand="mastercard", amount=ELEVEN) == ()

    def test_counts_the_cardholders_tries_apart_at_visa(self):
        earlier = refused(*(n * DAY for n in range(20)))

        assert found(21 * DAY, earlier) != ()
        assert found(21 * DAY, earlier, by_customer=True) == ()

    def test_is_any_automatic_try_of_a_card_from_india(self):
        assert found(DAY, refused(0), country="IN") != ()
        assert found(DAY, refused(0), country="IN", by_customer=True) == ()


class TestAdvice:
    @pytest.mark.parametrize(("age", "against"), [(4 * DAY - 1, True), (4 * DAY, False)])
    def test_is_a_wait_from_the_newest_refusal(self, age, against):
        earlier = refused(0, signal=Signal(network_advice_code="27"))

        assert against_advice(Try(age, TEN), earlier, brand="mastercard") is against
        assert not against_advice(Try(age, TEN), earlier, brand="visa")
        assert not against_advice(Try(age, TEN), [], brand="mastercard")


class TestTheChecker:
    def test_knows_nothing_of_what_it_checks(self):
        tree = ast.parse(Path(checker.__file__).read_text())
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}

        assert not any(".collection" in module or "reference" in module for module in imported)
