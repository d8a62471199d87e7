"""The door for news of mails, hosts that hear it themselves, and what a person decides."""

from __future__ import annotations

import base64

import pytest
from mail_posts import ADA, SECRET, Postman, bounce, notice_mail, reminded, suppressed, tasks

from recoup.errors import InvalidValue, NotFound
from recoup.mail.hearing import resend
from recoup.webhooks.mailed import MailDoor


@pytest.fixture
def bring(world):
    return Postman(world)


class TestTheDoor:
    def test_lets_in_only_what_is_signed_just_now(self, world, bring):
        body, stamp = bounce(), str(int(world.now.timestamp()))
        good = resend.signature(body, id="m", stamp=stamp, secret=SECRET)
        old = str(int(stamp) - 301)
        new = str(int(stamp) + 301)

        def refused(header, body=body):
            answer = bring.door.refused(body, header)
            return None if answer is None else answer.code

        assert refused(f"m\n{stamp}\nv1,{good}") is None
        assert refused(f"m\n{stamp}\nv1,AAAA v2,{good} v1,{good}") is None
        assert refused(f"m\n{stamp}\nv1,{good}", body + b" ") == "signature_wrong"
        assert refused(f"n\n{stamp}\nv1,{good}") == "signature_wrong"
        for at in (old, new):
            sign = resend.signature(body, id="m", stamp=at, secret=SECRET)
            assert refused(f"m\n{at}\nv1,{sign}") == "signature_wrong"
        for header in (None, "", "m", f"m\n{stamp}", f"m\n{stamp}\n", "m\nx\nv1,y", "\n\n\n"):
            assert refused(header) == "signature_wrong"
        assert refused(f"m\n{stamp}\nv1,{good}", b"x" * (2**20 + 1)) == "oversize"

    def test_takes_every_secret_while_they_are_rolled_and_none_without(self, world):
        body, stamp = bounce(), str(int(world.now.timestamp()))
        other = "whsec_" + base64.b64encode(b"another secret of ours").decode()
        header = f"m\n{stamp}\nv1,{resend.signature(body, id='m', stamp=stamp, secret=SECRET)}"

        def door(*secrets):
            return MailDoor(world.recoup.database, secrets, world.clock.now)

        assert door(other, SECRET).refused(body, header) is None
        assert door(other).refused(body, header).status == 400
        assert door().refused(body, header).status == 404


class TestAHostThatHearsItself:
    def test_tells_of_a_bounce_by_the_message_id(self, world):
        who, mail = reminded(world)

        known = world.recoup.mail.bounced(message_id=mail["message_id"], reason="550 no")

        assert known
        assert notice_mail(world)["reason"] == "it bounced: 550 no"
        assert suppressed(world) == [(world.customer_id(who), "bounce")]
        assert tasks(world) == ["unreachable"]

    def test_tells_of_a_complaint_by_the_address(self, world):
        who, _ = reminded(world)

        assert world.recoup.mail.complained(address=ADA)
        assert suppressed(world) == [(world.customer_id(who), "complaint")]

    def test_may_tell_of_what_will_arrive_later(self, world):
        _, mail = reminded(world)

        assert world.recoup.mail.bounced(message_id=mail["message_id"], hard=False)
        assert notice_mail(world)["soft_bounces"] == 1

    def test_hears_that_nobody_is_known(self, world):
        reminded(world)

        assert not world.recoup.mail.bounced(address="nobody@example.com")
        assert not world.recoup.mail.bounced(message_id="<none@example.com>")

    @pytest.mark.parametrize("given", [{}, {"address": ""}, {"address": "a\0b"}])
    def test_is_told_what_is_missing(self, world, given):
        with pytest.raises(InvalidValue):
            world.recoup.mail.bounced(**given)


class TestLettingMailsGoAgain:
    def test_is_a_persons_to_decide(self, world):
        who, mail = reminded(world)
        world.recoup.mail.bounced(message_id=mail["message_id"])
        id, sent = world.customer_id(who), len(world.outbox.messages)

        assert world.recoup.mail.unsuppress(id, reason="the mailbox was full", by="ann")
        assert not world.recoup.mail.unsuppress(id, reason="again")
        world.live(days=10)

        assert suppressed(world) == []
        assert len(world.outbox.messages) > sent
        (row,) = world.rows("SELECT ended_by, why FROM suppressions")
        assert row == {"ended_by": "ann", "why": "the mailbox was full"}

    def test_needs_a_customer_and_a_reason(self, world):
        with pytest.raises(NotFound):
            world.recoup.mail.unsuppress(99, reason="why not")
        with pytest.raises(InvalidValue):
            world.recoup.mail.unsuppress(99, reason=" ")


class TestErasing:
    def test_removes_what_was_known_of_the_address(self, world, bring):
        who, mail = reminded(world)
        bring(bounce(mail), bounce() + b"x")
        assert world.rows("SELECT state FROM mail_posts WHERE raw IS NOT NULL")
        id = world.customer_id(who)

        world.recoup.customers.erase(id, reason="asked", keep_at_processor=True, force=True)

        assert world.rows("SELECT FROM suppressions") == []
        assert world.rows("SELECT FROM mail_posts WHERE raw IS NOT NULL") == []
