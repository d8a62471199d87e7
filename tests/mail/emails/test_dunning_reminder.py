from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recoup.core.collection.rules import DeclineClass
from recoup.core.money import Money
from recoup.mail.emails.dunning_reminder.email import DunningReminder
from recoup.mail.language.locales import SHIPPED
from recoup.mail.template import render


class TestDunningReminder:
    def test_says_what_happened_and_where_to_go(self, facts, read):
        email = DunningReminder.about(facts)
        mail = render(email)

        assert mail.subject == "Your payment for your Team subscription did not go through"
        assert "€49.00 for your Team subscription" in read(email)
        assert "https://app.example.com/billing" in mail.text.splitlines()
        assert "Invoice: INV-1" in mail.text.splitlines()

    def test_says_that_nothing_has_changed(self, facts, keys):
        assert "unchanged" in keys(DunningReminder.about(facts))

    def test_says_what_is_closed_where_something_is(self, facts, keys):
        told = keys(DunningReminder.about(replace(facts, consequences=("read_only",))))

        assert "consequences.read_only" in told
        assert "unchanged" not in told

    def test_keeps_what_nobody_notices_to_itself(self, facts, keys):
        silent = DunningReminder.about(replace(facts, consequences=("notify", "write_off")))

        assert keys(silent) == keys(DunningReminder.about(facts))

    def test_speaks_of_an_order_when_nothing_recurs(self, facts, read, keys):
        email = DunningReminder.about(replace(facts, plan=None, recurring=False))

        assert "for your order" in read(email)
        assert "subscription" not in read(email)
        assert "unchanged_order" in keys(email)

    def test_says_when_it_is_tried_again_only_when_that_is_known(self, facts, read, keys):
        late = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)
        again = DunningReminder.about(replace(facts, next_try_at=late))

        assert "on March 6, 2026" in read(again)
        assert "again" in keys(again)
        assert "again" not in keys(DunningReminder.about(facts))

    def test_has_nothing_left_to_do_for_who_has_paid(self, facts, keys):
        assert "paid" in keys(DunningReminder.about(facts))


class TestTheReason:
    def test_is_told_only_when_there_is_one_to_tell(self, facts, read, shared):
        told = read(DunningReminder.about(replace(facts, decline="expired_card")))

        assert shared("declines.expired_card") in told
        assert "reason" not in read(DunningReminder.about(facts))

    @pytest.mark.parametrize("named", sorted(DeclineClass))
    def test_comes_with_what_helps_against_its_class(self, facts, read, shared, named):
        told = read(DunningReminder.about(replace(facts, decline_class=named.value)))

        assert shared(f"helps.{named.value}") in told

    def test_leaves_a_request_to_check_where_no_class_is_known(self, facts, keys):
        told = replace(facts, decline_class="soft")

        assert "check" in keys(DunningReminder.about(facts))
        assert "check" not in keys(DunningReminder.about(told))

    @pytest.mark.parametrize("locale", SHIPPED)
    def test_discloses_no_suspicion_of_fraud(self, facts, read, locale):
        suspected, unknown = (
            read(DunningReminder.about(replace(facts, decline_class=named)), locale)
            for named in ("fraud", "unknown")
        )

        assert suspected == unknown

    @pytest.mark.parametrize(
        ("decline", "button"),
        [
            ("authentication_required", "confirm"),
            ("authentication_not_handled", "confirm"),
            ("incorrect_cvc", "button"),
        ],
    )
    def test_has_confirmed_what_only_lacks_that(self, facts, keys, decline, button):
        facts = replace(facts, decline=decline, decline_class="action_required")

        told = keys(DunningReminder.about(facts))

        assert [key for key in told if key in {"confirm", "button"}] == [button]


class TestTheBill:
    def test_lists_several_invoices(self, facts, read):
        email = DunningReminder.about(replace(facts, invoices=("INV-1", "INV-2")))

        assert "Invoices: INV-1 and INV-2" in read(email)

    def test_names_none_where_none_is_known(self, facts, keys):
        told = keys(DunningReminder.about(replace(facts, invoices=())))

        assert not {"labels.invoice", "labels.invoices"} & set(told)

    def test_never_adds_currencies_up(self, facts, read):
        owed = (Money(4900, "EUR"), Money(3000, "JPY"))

        assert "€49.00 and ¥3,000 for" in read(DunningReminder.about(replace(facts, owed=owed)))

    def test_names_no_sum_that_nobody_knows(self, facts, keys):
        told = keys(DunningReminder.about(replace(facts, owed=())))

        assert "failed_plain" in told
        assert "labels.amount" not in told
