"""What becomes of a mail after it was taken: it comes back, or somebody complains."""

from __future__ import annotations

import pytest
from mail_posts import (
    ADA,
    DAY,
    EIGHT,
    HOUR,
    Postman,
    bounce,
    notice,
    notice_mail,
    post,
    reminded,
    suppressed,
    tasks,
)


@pytest.fixture
def bring(world):
    return Postman(world)


class TestABounceForGood:
    def test_makes_the_mail_bounced_and_keeps_when_it_was_sent(self, world, bring):
        _, mail = reminded(world)

        bring(bounce(mail))

        row = notice_mail(world)
        assert (row["state"], row["sent_at"]) == ("bounced", EIGHT)
        assert row["reason"] == "it bounced: no such mailbox"
        assert row["message_id"] == mail["message_id"]

    def test_makes_its_notice_bounced_and_opens_a_task(self, world, bring):
        _, mail = reminded(world)
        before = notice(world)
        assert (before["bounced_at"], tasks(world)) == (None, [])

        bring(bounce(mail))

        after = notice(world)
        assert (after["state"], after["delivered_at"]) == ("sent", before["delivered_at"])
        assert after["bounced_at"] == world.now
        assert tasks(world) == ["unreachable"]

    def test_holds_the_climb(self, world, bring):
        """Without the bounce what is announced holds on day eight; then it waits fourteen."""
        who, _ = reminded(world)
        world.pace.at(world.failed_at + 5 * DAY + 10 * HOUR)
        announced = world.rows("SELECT * FROM mails WHERE type = 'dunning_action_required'")[0]

        bring(bounce(announced))
        world.live(days=8)

        assert world.standing(who) == "reminded"
        world.live(days=8)
        assert world.standing(who) != "reminded"

    def test_has_nothing_more_sent_to_that_address(self, world, bring):
        who, mail = reminded(world)
        sent = len(world.outbox.messages)

        bring(bounce(mail))
        world.live(days=10)

        assert len(world.outbox.messages) == sent
        assert suppressed(world) == [(world.customer_id(who), "bounce")]
        later = world.rows(
            "SELECT state, reason FROM mails WHERE type = 'dunning_action_required'"
        )
        assert [row["state"] for row in later] == ["bounced"]
        assert later[0]["reason"] == ("nothing is sent to this address: it bounced on 2026-02-01")

    def test_ends_with_the_address(self, world, bring):
        who, mail = reminded(world)
        bring(bounce(mail))
        sent = len(world.outbox.messages)

        world.recoup.customers.update(world.customer_id(who), email="ada@elsewhere.example")
        world.pace.settle()
        world.live(days=10)

        assert suppressed(world) == []
        assert len(world.outbox.messages) > sent
        assert world.outbox.to("ada@elsewhere.example")

    def test_that_comes_again_changes_nothing(self, world, bring):
        _, mail = reminded(world)
        bring(bounce(mail))
        rows = [world.rows(f"SELECT * FROM {t}") for t in ("mails", "notices", "suppressions")]
        entries = world.rows("SELECT count(*) FROM ledger_entries")

        bring(bounce(mail), bounce(mail, id="2"))

        again = [world.rows(f"SELECT * FROM {t}") for t in ("mails", "notices", "suppressions")]
        assert again == rows
        assert world.rows("SELECT count(*) FROM ledger_entries") == entries

    def test_of_an_address_that_is_no_longer_theirs_suppresses_nobody(self, world, bring):
        who, mail = reminded(world)
        world.recoup.customers.update(world.customer_id(who), email="ada@elsewhere.example")
        world.pace.settle()

        bring(bounce(mail))

        assert notice_mail(world)["state"] == "bounced"
        assert suppressed(world) == []

    def test_by_its_address_alone_is_of_the_newest_mail(self, world, bring):
        who, _ = reminded(world)

        bring(bounce(None, to=ADA.upper()))

        assert notice_mail(world)["state"] == "bounced"
        assert suppressed(world) == [(world.customer_id(who), "bounce")]

    def test_that_comes_before_the_mail_is_on_record_waits_for_it(self, world, bring):
        world.debtor()
        early = []

        def meanwhile(message):
            if not early:
                name = str(message["Message-ID"])[1:41]
                early.append(bounce({"message_id": f"<{name}@x>"}))
                bring.door.keep(early)

        world.outbox.meanwhile = meanwhile
        world.pace.at(EIGHT)
        world.outbox.meanwhile = None
        world.live(hours=2)

        assert early
        states = world.rows("SELECT state, reason FROM mail_posts")
        assert states == [{"state": "applied", "reason": None}]
        assert len(world.rows("SELECT FROM mails WHERE state = 'bounced'")) >= 1


class TestOtherNews:
    def test_of_a_bounce_for_now_is_counted_and_changes_nothing_else(self, world, bring):
        _, mail = reminded(world)

        bring(bounce(mail, kind="Transient"), bounce(mail, kind="Undetermined", id="2"))

        row = notice_mail(world)
        assert (row["state"], row["soft_bounces"]) == ("sent", 2)
        assert notice(world)["bounced_at"] is None
        assert suppressed(world) == []

    def test_of_a_complaint_counts_as_a_bounce(self, world, bring):
        who, mail = reminded(world)

        bring(post("email.complained", mail))

        assert notice_mail(world)["reason"] == "its recipient complained"
        assert suppressed(world) == [(world.customer_id(who), "complaint")]
        assert tasks(world) == ["unreachable"]

    def test_of_a_mail_that_was_not_sent_after_all_spares_the_address(self, world, bring):
        _, mail = reminded(world)

        bring(post("email.failed", mail, failed={"reason": "reached_daily_quota"}))

        assert notice_mail(world)["state"] == "bounced"
        assert notice(world)["bounced_at"] is not None
        assert suppressed(world) == []

    @pytest.mark.parametrize("type", ["email.sent", "email.delivered", "email.opened", "new.one"])
    def test_that_changes_nothing_is_ignored_by_name(self, world, bring, type):
        _, mail = reminded(world)

        bring(post(type, mail))

        (row,) = world.rows("SELECT state, reason, raw FROM mail_posts")
        assert row == {
            "state": "ignored", "reason": f"{type} changes nothing here", "raw": None,
        }  # fmt: skip

    def test_about_nobody_we_know_is_ignored(self, world, bring):
        reminded(world)

        bring(bounce(None, to="nobody@example.com"))

        (row,) = world.rows("SELECT state, reason FROM mail_posts")
        assert row == {"state": "ignored", "reason": "it is about nobody we know"}

    @pytest.mark.parametrize(
        "body", [b"", b"no json", b"[]", b'{"type": 1, "data": {}}', b'{"type": "x"}', b"\xff"]
    )
    def test_that_nobody_can_read_is_kept_for_a_person(self, world, bring, body):
        bring(body)

        (row,) = world.rows("SELECT state, reason, raw FROM mail_posts")
        assert (row["state"], row["raw"]) == ("parked", body)
        assert "Resend" in row["reason"]
