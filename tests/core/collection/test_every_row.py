"""Every row of the tables of debits, advice, categories and limits, through the plan of tries."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest

from recoup.core.account import Signal
from recoup.core.collection.plan import BACS_NOTICE, Need
from recoup.core.collection.rules import SCHEMES, DeclineClass, RetryRule
from recoup.core.policy import DAY, DEFAULT, HOUR
from recoup.reference import ENFORCED, load_rules

DATA = resources.files("recoup") / "data"
RULES = load_rules()
DAILY = replace(DEFAULT, timer="fixed", schedule=tuple(n * DAY for n in range(1, 80)))
FRIDAY = 4


def read(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def presented_again():
    """Give each kind of debit with each code that its scheme's row lists, and where."""
    for kind, name in SCHEMES.items():
        scheme = RULES.schemes[name]
        yield from (pytest.param(kind, code, None, id=f"{name}-{code}") for code in
                    sorted(scheme.retryable))  # fmt: skip
        for code, countries in scheme.only_in.items():
            yield from (
                pytest.param(kind, code, one, id=f"{name}-{code}-{one}")
                for one in sorted(countries)
            )


def never_presented():
    for kind, table in RULES.debits.items():
        scheme = RULES.schemes[SCHEMES[kind]]
        listed = scheme.retryable | set(scheme.only_in)
        for code, row in sorted(table.items()):
            # Nobody decided anything, or what was in the way is gone: its own row allows it.
            own = row.decline_class == DeclineClass.TECHNICAL or row.retry == RetryRule.RESUME
            if code.rpartition("ARUDD-")[2] not in listed and not own:
                yield pytest.param(kind, code, id=f"{kind}-{code}")


class Debit:
    """One debit that is refused with the same code each time it is presented."""

    def __init__(self, make, kind, code, country=None):
        self.make = make
        self.signal = Signal(network_decline_code=code)
        self.method = make.method(kind=kind, brand=None, country=country, expires=None)
        self.account = make.account(self.refused(make.T), methods=(self.method,))

    def refused(self, at):
        return self.make.attempt(at, self.signal, brand=None)

    def lived(self, policy):
        """Return the instants of all further tries, and the last plan."""
        tries, now = [], self.make.T
        until = now + 80 * DAY
        while (made := self.make.plan(self.account, now, policy=policy, until=until)).at:
            now = made.at
            tries.append(now)
            self.account = self.make.also(self.account, self.refused(now))
        return tries, made


class TestADebit:
    def test_has_a_row_for_every_kind_and_a_kind_for_every_row(self):
        assert {row["scheme"] for row in read("direct_debit_retryable.csv")} == set(
            SCHEMES.values()
        )

    @pytest.mark.parametrize(("kind", "code", "country"), [*presented_again()])
    @pytest.mark.parametrize("policy", [DEFAULT, DAILY], ids=["class_aware", "daily"])
    def test_is_presented_again_as_its_scheme_allows(self, make, kind, code, country, policy):
        debit = Debit(make, kind, code, country)
        scheme = RULES.schemes[SCHEMES[kind]]

        tries, last = debit.lived(policy)

        assert 1 <= len(tries) <= scheme.representments
        assert all(at.weekday() <= FRIDAY for at in tries)
        assert all(at <= make.T + scheme.window for at in tries)
        assert last.need in {None, Need.NEW_METHOD}
        if kind == "bacs_debit":
            spans = [b - a for a, b in zip([make.T, *tries], tries, strict=False)]
            assert min(spans) >= BACS_NOTICE

    @pytest.mark.parametrize(("kind", "code"), [*never_presented()])
    def test_is_not_presented_again_where_its_scheme_does_not_list_it(self, make, kind, code):
        tries, _ = Debit(make, kind, code, "FR").lived(DAILY)

        assert tries == []

    @pytest.mark.parametrize(
        ("kind", "code", "again"), [("us_bank_account", "R32", 2), ("sepa_debit", "ED05", 1)]
    )
    def test_is_presented_again_no_more_than_its_own_row_says(self, make, kind, code, again):
        tries, _ = Debit(make, kind, code, "FR").lived(DAILY)

        assert len(tries) == again

    @pytest.mark.parametrize("kind", sorted(SCHEMES))
    def test_refused_with_a_code_that_nobody_knows_is_a_persons_business(self, make, kind):
        tries, last = Debit(make, kind, "ZZ99").lived(DAILY)

        assert (tries, last.need) == ([], Need.PERSON)
        assert last.unknown_codes == ("network_decline_code ZZ99",)

    def test_is_moved_from_a_weekend_by_any_timer(self, make):
        debit = Debit(make, "us_bank_account", "R01")
        saturday = replace(DEFAULT, timer="fixed", schedule=(5 * DAY,))

        (at,), _ = debit.lived(saturday)

        assert at == make.T + 7 * DAY


class TestAdvice:
    @pytest.mark.parametrize(
        "row",
        [pytest.param(r, id=r["code"]) for r in read("mastercard_mac.csv") if r["wait_hours"]],
    )
    def test_to_wait_is_obeyed_to_the_hour(self, make, row):
        signal = Signal("insufficient_funds", network_advice_code=row["code"])
        account = make.account(
            make.attempt(signal=signal, brand="mastercard"),
            methods=(make.method(brand="mastercard"),),
        )
        hourly = replace(DEFAULT, timer="fixed", schedule=tuple(n * HOUR for n in range(1, 600)))
        binds = row["retry_policy"] == "wait"  # whatever the timer; else it is one's habit

        made = make.plan(account, policy=hourly if binds else DEFAULT)

        if made.at is not None:
            assert made.at >= make.T + int(row["wait_hours"]) * HOUR
        else:
            assert made.verdict.barred

    def test_of_every_field_is_read(self):
        known = {"advice_code", "network_decline_code", "network_advice_code", "precedence",
                 "recommended_max"}  # fmt: skip

        assert {row["field"] for row in read("stripe_advice_codes.csv")} == known

    def test_of_how_many_is_kept(self, make):
        account, now, tries = make.account(make.attempt()), make.T, 0
        until = make.T + 200 * DAY
        while (at := make.plan(account, now, until=until).at) is not None:
            now, tries = at, tries + 1
            account = make.also(account, make.attempt(at))

        most = next(r for r in read("stripe_advice_codes.csv") if r["field"] == "recommended_max")
        assert 1 <= tries <= int(most["value"])


class TestAVisaCategory:
    @pytest.mark.parametrize(
        "row",
        [
            pytest.param(row, id=row["response_code"])
            for row in read("visa_categories.csv")
            if row["reattempt_allowed"] != "no" and row["response_code"] != "*"
        ],
    )
    def test_allows_no_more_than_its_row_says(self, make, row):
        signal = Signal(network_decline_code=row["response_code"])
        account = make.account(make.attempt(signal=signal, brand="visa"))
        hourly = replace(DEFAULT, timer="fixed", schedule=tuple(n * HOUR for n in range(1, 60)))
        now, tries = make.T, 0
        window = timedelta(days=int(row["window_days"]))
        while (at := make.plan(account, now, policy=hourly).at) is not None:
            now, tries = at, tries + 1
            account = make.also(account, make.attempt(at, signal, brand="visa"))

        inside = [a for a in account.attempts if a.at < make.T + window]
        assert len(inside) <= int(row["max_reattempts"])
        if row["reattempt_allowed"] != "yes":
            assert tries == 0


class TestALimit:
    def refused(self, make, brand, count, every, **given):
        return [make.attempt(make.T + n * every, brand=brand, id=n + 1, **given)
                for n in range(count)]  # fmt: skip

    @pytest.mark.parametrize(
        "row", read("network_limits.csv"), ids=lambda r: f"{r['network']}-{r['rule']}"
    )
    def test_is_kept_by_the_plan_or_is_none_of_one_instrument(self, make, row):
        how = ENFORCED[row["network"], row["rule"]]
        if how == "shown":
            assert how not in {"count", "initiator", "amount", "code", "country", "scheme"}
            return
        if how in {"count", "initiator", "amount"}:
            for window in RULES.windows[row["network"]]:
                tries = self.refused(make, row["network"], window.limit, timedelta(minutes=1))
                account = make.account(
                    *tries[:1], methods=(make.method(brand=row["network"]),), uses=tuple(tries)
                )
                now = tries[-1].at + timedelta(minutes=1)
                made = make.plan(account, now, until=make.T + 90 * DAY)

                assert made.at >= tries[0].at + window.span
        elif how == "country":
            account = make.account(make.attempt(), methods=(make.method(country="IN"),))
            assert make.plan(account).at is None
        elif how == "code":
            signal = {
                "visa": Signal(network_decline_code="04"),
                "mastercard": Signal(network_advice_code="03"),
            }[row["network"]]
            refused = make.attempt(signal=signal, brand=row["network"])
            account = make.account(refused, methods=(make.method(brand=row["network"]),))
            assert make.plan(account, make.T + 20 * DAY).at is None
        else:
            (scheme,) = (s for s in RULES.schemes.values() if s.name.lower() == row["network"])
            assert scheme.name in SCHEMES.values()
