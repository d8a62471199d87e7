"""A debt from its first notice to its last payment: every mail of it once."""

from __future__ import annotations

from indebted import in_bad_debt

NOTICES = (
    "dunning_reminder",
    "dunning_action_required",
    "dunning_restriction_notice",
    "dunning_final_notice",
)


class TestACampaign:
    def test_sends_each_of_its_notices_once_and_its_end_is_told_of(self, make):
        town = make()
        town.debtor(days=30)

        sent = town.sent()

        assert {name: sent[name] for name in NOTICES} == dict.fromkeys(NOTICES, 1)
        assert sent["access_restricted"] == 3
        assert sent["subscription_canceled"] == 1


class TestBadDebtPaid:
    def test_is_sent_for_each_payment_and_nothing_else_tells_of_it(self, town):
        debtor = in_bad_debt(town)
        before = town.sent()
        debtor.with_money()

        debtor.pay()
        town.hear()

        assert town.sent() - before == {"bad_debt_paid": len(debtor.invoices)}
        assert town.why("invoice_paid")[-1] == "bad_debt_paid tells of it"


class TestANoticeThatIsSwitchedOff:
    def test_is_skipped_and_counts_as_one_that_could_not_be_delivered(self, make):
        town = make(mail_off="dunning_reminder")
        town.debtor()

        assert town.sent()["dunning_reminder"] == 0
        assert town.why("dunning_reminder") == ["this type of mail is switched off"]
        (notice,) = town.rows("SELECT state, bounced_at IS NOT NULL AS held FROM notices")
        assert notice == {"state": "sent", "held": True}
