"""Backups through the front door: consent is recorded, and the debt is paid with it."""

from __future__ import annotations

from recoup.processors.fake import LOST, Declines
from recoup.testing.scene import Scene


def owing_with_another_card(scene: Scene):
    ada = scene.subscriber(Declines(LOST))
    other = scene.fake.attach_method(ada.customer, default=False, brand="mastercard")
    scene.pace.settle()
    return ada, other


class TestADebt:
    def test_is_paid_with_the_backup_that_its_customer_allowed(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada, other = owing_with_another_card(scene)
            scene.recoup.methods.set_backups(
                ada.customer, [other], consented_at=scene.now, consented_by="the form of today"
            )
            scene.until_failed(ada)
            scene.live(hours=2)

            paid = scene.rows("SELECT method, origin FROM attempts WHERE ordinal IS NOT NULL")
            assert [(row["method"], row["origin"]) for row in paid] == [(other, "retry")]
            assert scene.standing(ada) == "current"
            assert scene.violations() == ()

    def test_is_not_tried_with_a_card_that_nobody_allowed(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada, other = owing_with_another_card(scene)
            scene.recoup.methods.set_backups(
                ada.customer, [other], consented_at=scene.now, consented_by="the form of today"
            )
            scene.recoup.methods.clear_backups(ada.customer)
            scene.until_failed(ada)
            scene.live(days=3)

            assert scene.rows("SELECT id FROM attempts WHERE ordinal IS NOT NULL") == []
            assert scene.violations() == ()

    def test_is_tried_as_soon_as_the_customer_allows_it(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada, other = owing_with_another_card(scene)
            scene.until_failed(ada)
            scene.live(days=1)
            scene.recoup.methods.set_backups(
                ada.customer, [other], consented_at=scene.now, consented_by="on the phone"
            )
            scene.live(hours=1)

            assert scene.standing(ada) == "current"
            assert scene.violations() == ()
