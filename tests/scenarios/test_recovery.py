from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.processors.fake import (
    EXPIRED,
    LOST,
    NO_FUNDS,
    Asks,
    Broke,
    Declines,
    Fault,
    Habit,
    Pays,
    Refusal,
    Slow,
)

DAY = timedelta(days=1)


def attempts(scene):
    return scene.rows(
        "SELECT a.origin, a.state, a.happened_at FROM attempts a JOIN invoices i "
        "ON i.id = a.invoice_id WHERE i.first_failed_at IS NOT NULL ORDER BY a.happened_at, a.id"
    )


def cases(scene):
    return scene.rows("SELECT ending, opened_at, ended_at FROM cases ORDER BY opened_at")


def notices(scene):
    return scene.rows("SELECT step, state, reason FROM notices ORDER BY id")


class TestACardWithoutFunds:
    def test_is_tried_again_until_payday_and_recovered(self, scene):
        ada = scene.subscriber(Broke(payday=scene.now + 44 * DAY, lasts=5 * DAY))

        failed = scene.until_failed(ada)
        scene.live(days=26)

        (case,) = cases(scene)
        assert case["ending"] == "recovered"
        assert case["opened_at"] == failed
        assert attempts(scene)[-1]["state"] == "succeeded"
        assert attempts(scene)[-1]["origin"] == "retry"
        assert scene.standing(ada) == "current"

    def test_is_warned_restricted_and_restored_at_once_when_paid(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 16 * DAY)
        (held,) = scene.rows("SELECT consequence, since FROM restrictions WHERE lifted_at IS NULL")
        assert (held["consequence"], scene.standing(ada)) == ("read_only", "limited")

        scene.fake.update_method(ada.method, payer=Pays())
        (invoice,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        scene.fake.customer_pays(invoice["processor_id"])
        scene.pace.settle()

        assert scene.standing(ada) == "current"
        assert scene.rows("SELECT 1 FROM restrictions WHERE lifted_at IS NULL") == []

    def test_is_told_at_the_steps_of_the_campaign(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 27 * DAY)

        assert [n["step"] for n in notices(scene) if n["state"] == "sent"] == [
            "reminder",
            "action_required",
            "restriction_notice",
            "final_notice",
        ]
        sql = "SELECT type FROM mails WHERE type LIKE 'dunning_%' AND state = 'sent'"
        assert len(scene.rows(sql)) == 4
        assert len(set(scene.outbox.ids)) == len(scene.outbox.ids)


class TestANewCard:
    def test_is_tried_at_once(self, scene):
        habit = Habit(3 * DAY, "replace_method")
        ada = scene.subscriber(Declines(LOST), habits=(habit,))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 4 * DAY)

        (case,) = cases(scene)
        assert case["ending"] == "recovered"
        assert case["ended_at"] - failed < 3 * DAY + timedelta(hours=1)
        assert [a["origin"] for a in attempts(scene)] == ["processor", "new_method"]


class TestADeadCard:
    @pytest.mark.parametrize("refusal", [LOST, Refusal("stolen_card")], ids=["lost", "stolen"])
    def test_is_never_tried_again(self, scene, refusal):
        ada = scene.subscriber(Declines(refusal))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 27 * DAY)

        assert [a["origin"] for a in attempts(scene)] == ["processor"]

    def test_ends_the_subscription_after_28_days_and_leaves_bad_debt(self, scene):
        ada = scene.subscriber(Declines(LOST))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 29 * DAY)

        (case,) = cases(scene)
        assert (case["ending"], scene.standing(ada)) == ("exhausted", "bad_debt")
        (ended,) = scene.rows("SELECT status, end_reason FROM subscriptions")
        assert (ended["status"], ended["end_reason"]) == ("canceled", "dunning_exhausted")

    def test_is_no_bad_debt_any_more_when_the_customer_pays_after_all(self, scene):
        ada = scene.subscriber(Declines(LOST))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 40 * DAY)
        open_invoices = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        fresh = scene.fake.attach_method(ada.customer)

        for invoice in open_invoices:
            scene.fake.customer_pays(invoice["processor_id"], fresh)
        scene.pace.settle()

        assert scene.standing(ada) == "current"
        (case,) = scene.rows("SELECT ending, settled_at FROM cases")
        assert case["ending"] == "exhausted"
        assert case["settled_at"] is not None

    def test_expired_waits_for_its_holder(self, scene):
        ada = scene.subscriber(Declines(EXPIRED))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 10 * DAY)

        assert len(attempts(scene)) <= 2


class TestAuthentication:
    @pytest.mark.parametrize("declines", [True, False], ids=["declined", "waiting"])
    def test_is_asked_for_by_mail_and_never_tried_off_session(self, scene, declines):
        ada = scene.subscriber(Asks(declines=declines))
        scene.live(days=45)

        ours = [a for a in attempts(scene) if a["origin"] not in {"processor", "customer"}]
        assert ours == []
        assert scene.standing(ada) != "current" or not declines


class TestABankThatIsDown:
    def test_is_asked_again_within_hours(self, scene):
        refusal = Refusal("processing_error", network_decline_code="96")
        ada = scene.subscriber(Declines(refusal, times=2))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + DAY)

        (case,) = cases(scene)
        assert case["ending"] == "recovered"
        assert case["ended_at"] - failed < timedelta(hours=12)


class TestAnOutageOfTheProcessor:
    def test_consumes_no_attempt(self, scene):
        ada = scene.subscriber(Broke(payday=scene.now + 33 * DAY, lasts=20 * DAY))
        scene.until_failed(ada)
        scene.fake.add_fault(Fault("outage", times=3))
        scene.live(days=12)

        found = attempts(scene)
        assert [a["state"] for a in found if a["state"] != "canceled"][-1] == "succeeded"
        assert cases(scene)[0]["ending"] == "recovered"

    def test_that_loses_the_reply_charges_once(self, scene):
        ada = scene.subscriber(Broke(payday=scene.now + 33 * DAY, lasts=20 * DAY))
        scene.until_failed(ada)
        scene.fake.add_fault(Fault("lost_reply"))
        scene.live(days=12)

        assert [a["state"] for a in attempts(scene)].count("succeeded") == 1
        assert cases(scene)[0]["ending"] == "recovered"


class TestALapse:
    def test_after_a_recovery_is_a_fresh_case_with_fresh_notices(self, scene):
        card = Declines(NO_FUNDS, times=2)
        ada = scene.subscriber(card)
        scene.until_failed(ada)
        scene.live(days=10)
        scene.fake.update_method(ada.method, payer=card)
        scene.live(days=31)

        assert [case["ending"] for case in cases(scene)] == ["recovered", "recovered"]
        assert [n["step"] for n in notices(scene)].count("reminder") == 2


class TestACustomerWhoLeaves:
    def test_is_no_loss_to_dunning(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS), habits=(Habit(2 * DAY, "cancel"),))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 40 * DAY)

        assert [case["ending"] for case in cases(scene)] == ["voluntary"]
        assert scene.standing(ada) == "current"


class TestWhatSomebodyCloses:
    @pytest.mark.parametrize(
        ("close", "ending"),
        [("void", "superseded"), ("mark_uncollectible", "written_off"),
         ("mark_paid_out_of_band", "recovered")],
    )  # fmt: skip
    def test_ends_the_case_and_every_notice(self, scene, close, ending):
        ada = scene.subscriber(Declines(NO_FUNDS))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 6 * DAY)
        sent = len(scene.outbox.messages)
        (invoice,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")

        getattr(scene.fake, close)(invoice["processor_id"])
        scene.live(days=20)

        assert [case["ending"] for case in cases(scene)] == [ending]
        assert len(scene.outbox.messages) == sent
        assert scene.standing(ada) == "current"


class TestABankDebit:
    def test_under_way_is_neither_retried_nor_punished(self, scene):
        slow = Slow(takes=12 * DAY)
        ada = scene.subscriber(Declines(Refusal("processing_error"), times=1, then=slow))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 10 * DAY)
        waiting = [a["state"] for a in attempts(scene)]
        assert waiting == ["declined", "processing"]
        assert scene.standing(ada) == "reminded"

        scene.pace.until(failed + 14 * DAY)

        assert [case["ending"] for case in cases(scene)] == ["recovered"]


class TestACustomerWithoutAnAddress:
    def test_becomes_a_task_and_is_restricted_later_than_others(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS), email=None)
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 9 * DAY)
        assert scene.standing(ada) == "reminded"
        assert [t["kind"] for t in scene.rows("SELECT kind FROM tasks")] == ["unreachable"]

        scene.pace.until(failed + 60 * DAY)

        assert scene.standing(ada) == "bad_debt"
        assert scene.outbox.messages == []
