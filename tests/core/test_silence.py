"""What time does not mend: the payer has died, or somebody on our side must look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core.account import DECEASED, Signal
from recoup.core.decide import decide
from recoup.core.policy import DAY, DEFAULT, Policies
from recoup.core.states import AttemptState, NoticeState
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, declined, owing, paid


def decided(account, *, now=NOON):
    return decide(account, policies=Policies(), rules=load_rules(), now=now).desired


def debit(code):
    """A customer whose bank debit was refused with this return code of ACH."""
    account = owing(code=None)
    bank = replace(account.methods[0], kind="us_bank_account", brand=None, country="US")
    said = Signal(network_decline_code=code)
    refused = replace(account.attempts[0], brand=None, signal=said)
    return replace(account, methods=(bank,), attempts=(refused,), uses=(refused,))


def kinds(account):
    return [task.kind for task in account.tasks]


class TestAPayerWhoHasDied:
    def test_is_not_written_to(self):
        (notice,) = decided(debit("R15")).notices

        assert (notice.state, notice.reason) == (NoticeState.SKIPPED, DECEASED)

    def test_is_not_written_to_when_the_news_comes_after_the_notice_was_placed(self):
        placed = Storage(delivers=False).stored(decided(debit("R01")), now=NOON)
        died = declined(placed.invoices[0], None, at=NOON + DAY, id=9)
        died = replace(died, brand=None, signal=Signal(network_decline_code="R15"))
        placed = replace(
            placed,
            attempts=(*placed.attempts, died),
            notices=tuple(
                replace(n, state=NoticeState.SCHEDULED, delivered_at=None, bounced_at=None,
                        reason=None)
                for n in placed.notices
            ),
        )  # fmt: skip

        assert {n.reason for n in decided(placed, now=NOON + DAY).notices} == {DECEASED}

    def test_is_a_persons_business_and_nobodys_address_is_wrong(self):
        assert kinds(decided(debit("R15"))) == ["payer_died"]

    def test_is_decided_the_same_twice(self):
        once = decided(debit("R15"))

        assert decided(once) == once

    def test_ends_with_the_debt(self):
        troubled = Storage().stored(decided(debit("R15")), now=NOON)

        assert decided(paid(troubled, 1, at=NOON + DAY), now=NOON + DAY).tasks == ()

    def test_holds_the_climb_as_an_undelivered_notice_does(self):
        account, now = debit("R15"), NOON
        for _ in range(4 * DEFAULT.end.after.days):
            account = Storage().stored(decided(account, now=now), now=now)
            if not account.cases[0].open:
                break
            now += DAY

        assert not account.cases[0].open
        assert NOON + DEFAULT.end.after < now <= NOON + 2 * DEFAULT.end.after

    @pytest.mark.parametrize("code", ["R01", "R02", "R10"])
    def test_is_not_what_other_codes_say(self, code):
        (notice,) = decided(debit(code)).notices

        assert notice.reason is None


class TestWhatWaitsForUs:
    def account(self):
        return owing(code="duplicate_transaction")

    def test_opens_a_task_that_says_why(self):
        (task,) = decided(self.account()).tasks

        assert task.kind == "not_tried"
        assert "The earlier payment must be looked up first." in task.detail

    def test_stays_one_task_while_a_payment_hides_the_plan(self):
        troubled = Storage().stored(decided(self.account()), now=NOON)
        moving = replace(
            declined(troubled.invoices[0], at=NOON + DAY, id=9), state=AttemptState.PROCESSING
        )
        hidden = replace(troubled, attempts=(*troubled.attempts, moving))

        assert kinds(decided(hidden, now=NOON + DAY)) == ["not_tried"]

    def test_closes_it_with_the_debt(self):
        troubled = Storage().stored(decided(self.account()), now=NOON)

        assert decided(paid(troubled, 1, at=NOON + DAY), now=NOON + DAY).tasks == ()

    @pytest.mark.parametrize("code", ["insufficient_funds", "lost_card", "expired_card"])
    def test_is_not_what_time_or_the_customer_mends(self, code):
        assert decided(owing(code=code)).tasks == ()
