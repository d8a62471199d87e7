"""Stories in which news and tries cross on the way; each was found by a random history."""

from __future__ import annotations

from datetime import timedelta

from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault, Refusal, Slow

DAY = timedelta(days=1)


def tries(scene):
    return scene.rows(
        "SELECT a.origin, a.state FROM attempts a JOIN invoices i ON i.id = a.invoice_id "
        "WHERE i.first_failed_at IS NOT NULL ORDER BY a.happened_at, a.id"
    )


def endings(scene):
    return [row["ending"] for row in scene.rows("SELECT ending FROM cases ORDER BY opened_at")]


class TestANewCard:
    def test_takes_the_place_of_a_payment_that_waits_for_its_customer(self, scene):
        ada = scene.subscriber(Asks())
        scene.until_failed(ada)

        scene.fake.attach_method(ada.customer)
        scene.pace.settle()

        assert tries(scene) == [
            {"origin": "processor", "state": "canceled"},
            {"origin": "new_method", "state": "succeeded"},
        ]
        assert endings(scene) == ["recovered"]


class TestABankDebit:
    def test_whose_reply_was_lost_is_followed_to_its_end(self, scene):
        card = Declines(Refusal("processing_error"), times=1, then=Slow(takes=12 * DAY))
        ada = scene.subscriber(card)
        failed = scene.until_failed(ada)
        scene.fake.add_fault(Fault("lost_reply"))

        scene.pace.until(failed + DAY)
        under_way = tries(scene)
        scene.pace.until(failed + 14 * DAY)

        assert [one["state"] for one in under_way] == ["declined", "processing"]
        assert [one["state"] for one in tries(scene)] == ["declined", "succeeded"]
        assert endings(scene) == ["recovered"]


class TestAChargeOfTheCustomersOwn:
    def test_waits_for_as_long_as_ours_is_unknown(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        scene.until_failed(ada)
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 12 * DAY))
        scene.live(days=5)
        (invoice,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        scene.fake.customer_pays(invoice["processor_id"])

        scene.live(days=6)
        scene.recoup.absorb_stored()
        waiting = scene.rows("SELECT state FROM inbox WHERE state IN ('waiting', 'parked')")
        scene.live(days=4)
        scene.recoup.absorb_stored()

        assert waiting == [{"state": "waiting"}]
        assert scene.rows("SELECT state FROM inbox WHERE state IN ('waiting', 'parked')") == []
        charges = scene.fake.charges_of(invoice["processor_id"])
        kept = scene.rows("SELECT processor_id FROM attempts")
        assert {charge.id for charge in charges} <= {row["processor_id"] for row in kept}
