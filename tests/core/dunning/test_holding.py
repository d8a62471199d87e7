"""Conditions at work in a decision: steps skipped, consequences held, and nothing unannounced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core.account import UNFIT
from recoup.core.decide import decide
from recoup.core.dunning.conditions import When
from recoup.core.money import Money
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.core.states import InvoiceStatus
from recoup.errors import InvalidPolicy
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, declined, invoice, owing

BIG = When(min_amount=Money(5000, "EUR"))
SMALL = When(max_amount=Money(4999, "EUR"))


def policy(*, only: When = BIG, steps: tuple[Step, ...] | None = None) -> Policy:
    """Read-only from day 8 for whom `only` fits, ended on day 28."""
    return replace(
        DEFAULT,
        key="conditional",
        ladder=(
            Rung("reminded", 0 * DAY, ("notify",)),
            Rung("limited", 8 * DAY, ("notify", "read_only"), (("read_only", only),)),
            Rung("ended", 28 * DAY, ("cancel",)),
        ),
        steps=steps
        or (
            Step("reminder", 0 * DAY, "dunning_reminder"),
            Step("notice", 4 * DAY, "dunning_restriction_notice", announces="limited"),
            Step("final", 21 * DAY, "dunning_final_notice", announces="ended"),
        ),
    )


def lived(account, made: Policy, *, days: int, since: int = 0):
    """Decide and store each half day after the failure; return the account as it is then."""
    storage, policies = Storage(), Policies((Choice(made),))
    for half in range(since * 2, days * 2 + 1):
        now = NOON + half * DAY / 2
        for _ in range(3):
            done = decide(account, policies=policies, rules=load_rules(), now=now)
            account = storage.stored(done.desired, now=now)
    return account


def restricted(account) -> list[str]:
    return [one.consequence for one in account.restrictions]


class TestAConsequence:
    @pytest.mark.parametrize(
        ("cents", "held"), [(5000, ["read_only"]), (4999, [])], ids=["at the amount", "below it"]
    )
    def test_holds_for_the_debts_it_is_for(self, cents, held):
        account = lived(owing(invoice(amount=Money(cents, "EUR"))), policy(), days=10)

        assert account.cases[0].rung == "limited"
        assert restricted(account) == held

    def test_is_lifted_when_the_debt_is_not_one_of_these_any_more(self):
        account = lived(owing(invoice(amount=Money(6000, "EUR"))), policy(), days=9)
        assert restricted(account) == ["read_only"]
        part = replace(account.invoices[0], remaining=Money(4000, "EUR"))

        done = decide(
            replace(account, invoices=(part,)),
            policies=Policies((Choice(policy()),)),
            rules=load_rules(),
            now=NOON + 13 * DAY,
        )

        assert done.desired.cases[0].rung == "limited"
        assert restricted(done.desired) == []

    def test_follows_the_class_of_the_newest_refusal(self):
        soft = policy(only=When(classes=frozenset({"soft"})))
        fraud = owing(code="lost_card")

        assert restricted(lived(owing(), soft, days=10)) == ["read_only"]
        assert restricted(lived(fraud, soft, days=10)) == []

    def test_that_comes_to_fit_later_waits_for_its_own_notice(self):
        """The debt grows on a rung whose notice was for others only."""
        narrow = policy(
            steps=(
                Step("reminder", 0 * DAY, "dunning_reminder"),
                Step("notice", 4 * DAY, "dunning_restriction_notice", "limited", when=BIG),
                Step("final", 21 * DAY, "dunning_final_notice", announces="ended"),
            )
        )
        account = lived(owing(), narrow, days=10)
        assert [n.reason for n in account.notices if n.step == "notice"] == [
            f"{UNFIT}10.00 EUR is owed"
        ]
        assert (account.cases[0].rung, restricted(account)) == ("limited", [])
        more = replace(invoice(2, amount=Money(9000, "EUR")), case_id=account.cases[0].id,
                       first_failed_at=NOON + 9 * DAY)  # fmt: skip
        tried = declined(more, at=NOON + 9 * DAY, id=99)
        grown = replace(account, invoices=(*account.invoices, more),
                        attempts=(*account.attempts, tried))  # fmt: skip

        warned = lived(grown, narrow, days=23, since=10)
        assert "final" in {n.step for n in warned.notices if n.delivered_at is not None}
        assert restricted(warned) == []
        assert restricted(lived(warned, narrow, days=24, since=23)) == ["read_only"]


class TestAPolicy:
    def test_needs_a_notice_for_everybody_who_loses_something(self):
        narrow = Step("notice", 4 * DAY, "dunning_restriction_notice", "limited", when=BIG)
        final = Step("final", 21 * DAY, "dunning_final_notice", announces="ended")

        assert policy(only=BIG, steps=(narrow, final)).conditional
        with pytest.raises(InvalidPolicy, match="goes to everybody who meets 'read_only'"):
            policy(only=SMALL, steps=(narrow, final))

    def test_refuses_a_condition_on_what_the_rung_does_not_hold(self):
        rung = Rung("limited", 8 * DAY, ("notify",), (("suspend", BIG),))
        ladder = (policy().ladder[0], rung, policy().ladder[2])

        with pytest.raises(InvalidPolicy, match="has a condition on"):
            replace(policy(), ladder=ladder)

    @pytest.mark.parametrize("channels", [(), ("pigeon",), ("mail", "mail")])
    def test_refuses_channels_there_are_not(self, channels):
        steps = (replace(policy().steps[0], channels=channels), *policy().steps[1:])

        with pytest.raises(InvalidPolicy, match="has channels"):
            replace(policy(), steps=steps)

    def test_without_conditions_asks_nothing(self):
        assert not DEFAULT.conditional

    def test_of_a_paid_debt_holds_nothing(self):
        account = lived(owing(invoice(amount=Money(6000, "EUR"))), policy(), days=9)
        paid = replace(account.invoices[0], status=InvoiceStatus.PAID, closed_at=NOON + 9 * DAY,
                       remaining=Money(0, "EUR"))  # fmt: skip

        assert restricted(lived(replace(account, invoices=(paid,)), policy(), days=0)) == []
