"""What went out is sent again, because a person says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.errors import NotPossible, Undeliverable
from recoup.processors.fake import Declines, Pays
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
#: The renewal fails on the 31st day, at 1 in the morning.
FAILED = 31


@pytest.fixture
def bob(scene):
    """A subscriber whose renewal failed this morning, and who has been reminded."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=FAILED, hours=10)
    return who


@pytest.fixture
def case(scene, bob):
    return scene.rows("SELECT id FROM cases")[0]["id"]


def counts(scene):
    names = ("commands", "ledger_entries", "decisions", "notices", "mails", "effects", "runs")
    return {t: scene.rows(f"SELECT count(*) n FROM {t}")[0]["n"] for t in names}


def pay(scene, who):
    scene.fake.update_method(who.method, payer=Pays())
    (owed,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
    scene.fake.customer_pays(owed["processor_id"])
    scene.pace.settle()


class TestSendingAgain:
    def test_sends_the_same_mail_as_one_of_its_own(self, scene, case, ann):
        ann.resend_step(case, "reminder", reason="it was deleted")
        scene.pace.settle()

        first, second = scene.outbox.messages
        assert first["Subject"] == second["Subject"]
        assert first["Message-ID"] != second["Message-ID"]
        sql = "SELECT key FROM mails WHERE key LIKE 'notice:%' ORDER BY id"
        keys = [mail["key"] for mail in scene.rows(sql)]
        assert keys == ["notice:1", "notice:1:again:1"]

    def test_counts_its_times(self, scene, case, ann):
        for _ in range(2):
            ann.resend_step(case, "reminder", reason="it was deleted")
            scene.pace.settle()

        newest = scene.rows("SELECT key FROM mails ORDER BY id DESC LIMIT 1")[0]["key"]
        assert newest == "notice:1:again:2"

    def test_changes_nothing_of_what_the_ladder_goes_by(self, scene, case, ann):
        sql = "SELECT delivered_at, bounced_at, state FROM notices"
        before = scene.rows(sql)
        scene.live(hours=3)

        ann.resend_step(case, "reminder", reason="it was deleted")
        scene.pace.settle()

        assert scene.rows(sql) == before

    def test_does_not_heal_a_bounce(self, database_url, home):
        outbox = Outbox([Undeliverable("550 nobody of that name")])
        with Scene.open(database_url, home, outbox=outbox) as scene:
            scene.subscriber(payer=Declines())
            scene.live(days=FAILED, hours=10)

            scene.recoup.dunning.resend_step(1, "reminder", reason="a new address")
            scene.pace.settle()

            assert len(outbox.messages) == 1
            assert scene.rows("SELECT delivered_at FROM notices") == [{"delivered_at": None}]
            assert scene.violations() == ()

    def test_waits_for_contact_hours_and_for_the_end_of_a_hold(self, scene, bob, case, ann):
        ann.hold(bob.customer, until=scene.now + DAY, reason="asked for time")

        made = ann.resend_step(case, "reminder", reason="it was deleted")
        scene.pace.settle()
        assert "as soon as it may (held" in made.changes[0]
        assert len(scene.outbox.messages) == 1
        scene.live(days=1, hours=1)

        assert len(scene.outbox.messages) == 2

    def test_never_reaches_somebody_who_has_paid_meanwhile(self, scene, bob, case, ann):
        scene.live(hours=13)  # 23:00
        ann.resend_step(case, "reminder", reason="it was deleted")
        pay(scene, bob)
        scene.live(days=1)

        sent = scene.rows("SELECT key FROM mails WHERE state = 'sent' ORDER BY id")
        assert [mail["key"] for mail in sent] == ["notice:1", "case:1:recovered"]
        sql = "SELECT state, reason FROM mails WHERE key LIKE '%:again:%'"
        (mail,) = scene.rows(sql)
        assert mail == {"state": "skipped", "reason": "the case has ended"}

    def test_is_refused_before_the_first_time_and_while_it_is_on_its_way(self, scene, case, ann):
        with pytest.raises(NotPossible, match="has not been sent"):
            ann.resend_step(case, "final_notice", reason="why not")
        scene.live(hours=13)  # 23:00
        ann.resend_step(case, "reminder", reason="it was deleted")

        with pytest.raises(NotPossible, match="on its way again already"):
            ann.resend_step(case, "reminder", reason="and once more")

    def test_rehearsed_writes_nothing(self, scene, case, ann):
        before = counts(scene)

        told = ann.resend_step(case, "reminder", reason="it was deleted", dry_run=True)

        assert (counts(scene), told.changes) == (
            before, (f"send step reminder of case {case} again",),
        )  # fmt: skip

    def test_with_the_same_key_is_once(self, scene, case, ann):
        for _ in range(2):
            ann.resend_step(case, "reminder", reason="it was deleted", key="k")
            scene.pace.settle()

        assert len(scene.outbox.messages) == 2
