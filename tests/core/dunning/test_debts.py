from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core import changes as ch
from recoup.core.account import Debt, DebtExit
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.money import Money
from recoup.core.policy import DAY, Policies
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, closed, invoice, owing, paid

END = NOON + 28 * DAY
GONE = SubscriptionStatus.CANCELED


def decided(account, *, now):
    return decide(account, policies=Policies(), rules=load_rules(), now=now).desired


def lived(account, *, days=40):
    """The account as it is stored after so many days, and every change on the way."""
    store, changes = Storage(), []
    for hour in range(0, days * 24, 6):
        now = NOON + hour * DAY / 24
        desired = decided(account, now=now)
        changes += diff(account, desired)
        account = store.stored(desired, now=now)
    return account, changes


@pytest.fixture(scope="module")
def given_up():
    """An account of two invoices in bad debt, a day apart, forty days on."""
    account, _ = lived(owing(invoice(1), invoice(2, failed_at=NOON + DAY)))
    return account


class TestADebt:
    def test_enters_when_its_case_is_exhausted_with_why(self):
        account, changes = lived(owing())

        (entered,) = [one for one in changes if isinstance(one, ch.DebtEntered)]
        assert replace(entered.debt, id=None, case_id=0) == Debt(
            id=None,
            invoice_id=1,
            case_id=0,
            amount=Money(1000, "EUR"),
            entered_at=END,
            by="engine",
            age_days=28,
            reason=account.invoices[0].reason,
            decline_class="soft",
            decline_code="insufficient_funds",
            products=("price_team",),
        )
        assert [debt.invoice_id for debt in account.debts] == [1]

    def test_enters_in_the_decision_that_ends_its_case(self):
        _, changes = lived(owing())

        ended = next(n for n, one in enumerate(changes) if isinstance(one, ch.CaseEnded))
        assert isinstance(changes[ended + 1], ch.DebtEntered)

    def test_is_one_for_each_obligation(self, given_up):
        assert [debt.invoice_id for debt in given_up.debts] == [1, 2]

    def test_is_named_by_what_was_sold_where_that_is_known(self):
        account, _ = lived(owing(replace(invoice(1), prices=("seats", "storage"))))

        assert account.debts[0].products == ("seats", "storage")

    def test_is_the_processors_doing_where_that_ended_the_subscription(self):
        account, store = owing(), Storage()
        account = store.stored(decided(account, now=NOON), now=NOON)
        over = replace(
            account.subscriptions[0], status=GONE, ended_at=NOON + 9 * DAY + DAY / 2,
            end_reason="payment_failed",
        )  # fmt: skip

        (debt,) = decided(replace(account, subscriptions=(over,)), now=NOON + 10 * DAY).debts

        assert (debt.by, debt.entered_at, debt.age_days) == ("fake", over.ended_at, 9)

    def test_does_not_enter_when_its_customer_left(self):
        account, store = owing(), Storage()
        account = store.stored(decided(account, now=NOON), now=NOON)
        left = replace(
            account.subscriptions[0], status=GONE, ended_at=NOON + DAY, end_reason="requested"
        )

        assert decided(replace(account, subscriptions=(left,)), now=NOON + 2 * DAY).debts == ()

    def test_without_a_refusal_that_is_known_says_none(self):
        account, _ = lived(replace(owing(), attempts=(), uses=(), methods=()))

        (debt,) = account.debts
        assert (debt.decline_class, debt.decline_code) == (None, None)

    def test_that_was_not_entered_is_made_up_for(self, given_up):
        forgotten = replace(given_up, debts=given_up.debts[:1])

        changes = diff(forgotten, decided(forgotten, now=NOON + 40 * DAY))

        assert [one.debt.invoice_id for one in changes] == [2]

    def test_stays_as_it_is_while_it_is_owed(self, given_up):
        assert diff(given_up, decided(given_up, now=NOON + 50 * DAY)) == ()


class TestTheExitOfADebt:
    now = NOON + 41 * DAY

    @pytest.mark.parametrize(
        ("status", "resolved_as", "expected"),
        [
            pytest.param(InvoiceStatus.PAID, None, "paid", id="money"),
            pytest.param(InvoiceStatus.UNCOLLECTIBLE, "written_off", "written_off", id="given up"),
            pytest.param(InvoiceStatus.VOID, "forgiven", "forgiven", id="let off"),
            pytest.param(InvoiceStatus.VOID, "voided", "voided", id="taken back"),
            pytest.param(InvoiceStatus.VOID, None, "voided", id="void, nobody said why"),
            pytest.param(InvoiceStatus.PAID, "credited", "credited", id="credit notes"),
            pytest.param(InvoiceStatus.PAID, "nothing_due", "credited", id="the balance"),
            pytest.param(InvoiceStatus.PAID, "paid_out_of_band", "paid_out_of_band", id="cash"),
            pytest.param(InvoiceStatus.VOID, "superseded", "superseded", id="another one"),
        ],
    )
    def test_is_how_its_invoice_was_closed(self, given_up, status, resolved_as, expected):
        account = closed(given_up, 1, status, at=self.now)
        account = replace(
            account,
            invoices=tuple(
                replace(one, resolved_as=resolved_as) if one.id == 1 else one
                for one in account.invoices
            ),
        )

        left, stays = decided(account, now=self.now + DAY).debts

        assert (left.exit, left.exited_at) == (DebtExit(expected), self.now)
        assert stays.open

    def test_leaves_the_case_unsettled_while_another_is_owed(self, given_up):
        desired = decided(paid(given_up, 1, at=self.now), now=self.now)

        assert desired.standing == "bad_debt"

    def test_of_the_last_one_settles_the_case(self, given_up):
        account = paid(paid(given_up, 1, at=self.now), 2, at=self.now)

        desired = decided(account, now=self.now)

        assert desired.standing == "current"
        assert not any(debt.open for debt in desired.debts)
        assert diff(account, desired)

    def test_is_not_before_its_entry_though_the_money_was(self, given_up):
        account = paid(given_up, 1, at=NOON + DAY)

        (left, _) = decided(account, now=self.now).debts

        assert left.exited_at == left.entered_at

    def test_happens_once(self, given_up):
        desired = decided(paid(given_up, 1, at=self.now), now=self.now)

        assert diff(desired, decided(desired, now=self.now)) == ()

    def test_is_superseded_where_its_case_is_bad_debt_no_more(self, given_up):
        orphan = replace(given_up, cases=(), invoices=())

        assert {d.exit for d in decided(orphan, now=self.now).debts} == {DebtExit.SUPERSEDED}

    def test_says_in_words_what_it_is(self, given_up):
        account = paid(given_up, 1, at=self.now)

        words = [change.words for change in diff(account, decided(account, now=self.now))]

        assert words == ["invoice 1 is bad debt no more: paid"]
