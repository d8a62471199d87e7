"""What a host's own tests say about mails, before any of them goes out."""

from __future__ import annotations

import pytest

from recoup.core.money import Money
from recoup.testing.mail import captured_mails
from recoup.testing.scene import Scene


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened


@pytest.fixture
def refunded(scene):
    """Somebody whose one-off payment is given back while mails are captured."""
    who = scene.subscriber()
    id = scene.customer_id(who)
    with captured_mails(scene.recoup) as mails:
        paid = scene.recoup.payments.charge(id, Money(1000, "EUR"), description="Pen")
        scene.recoup.payments.refund(paid.id)
    return id, mails


class TestCapturedMails:
    def test_are_those_that_were_asked_for_and_none_before(self, scene, refunded):
        id, mails = refunded

        mail = mails.assert_mail_sent("refund_issued", customer_id=id, to="ada@example.com")

        assert (mail.state, mail.goes_out) == ("queued", True)
        assert len(mails) == len(list(mails)) >= 1
        with captured_mails(scene.recoup) as later:
            scene.recoup.customers.get(id)
        assert list(later) == []

    def test_are_found_by_what_they_are_about(self, refunded):
        _, mails = refunded
        mail = mails.assert_mail_sent("refund_issued")
        name, value = next((n, v) for n, v in mail.ids.items() if isinstance(v, int))

        assert mails.assert_mail_sent("refund_issued", **{name: value}) == mail
        mails.refute_mail_sent("refund_issued", **{name: value + 1})
        mails.refute_mail_sent("refund_issued", nothing=1)

    def test_are_found_by_a_predicate(self, refunded):
        _, mails = refunded

        mail = mails.assert_mail_sent("refund_issued", where=lambda one: "refund" in one.type)

        mails.refute_mail_sent("refund_issued", where=lambda one: one != mail)

    def test_tell_what_there_is_instead(self, refunded):
        id, mails = refunded

        with pytest.raises(AssertionError) as caught:
            mails.assert_mail_sent("receipt", customer_id=99)

        assert "0 mails fit" in str(caught.value)
        assert f"refund_issued to ada@example.com, customer {id}" in str(caught.value)

    def test_tell_which_should_not_be_there(self, refunded):
        _, mails = refunded

        with pytest.raises(AssertionError, match="refund_issued to ada@example"):
            mails.refute_mail_sent("refund_issued")

    @pytest.mark.parametrize("ask", ["assert_mail_sent", "refute_mail_sent"])
    def test_know_no_type_that_is_none(self, refunded, ask):
        _, mails = refunded

        with pytest.raises(AssertionError, match="no mail is called 'refund_isued'"):
            getattr(mails, ask)("refund_isued")

    def test_that_are_skipped_count_for_nothing(self, scene, refunded):
        id, mails = refunded
        scene.recoup.mail.bounced(address="ada@example.com")

        scene.pace.settle()

        mails.refute_mail_sent("refund_issued")
        assert "nothing is sent to this address" in "".join(map(str, mails))
        assert id == next(iter(mails)).customer_id

    def test_go_out_when_a_worker_runs(self, scene, refunded):
        _, mails = refunded
        assert scene.outbox.to("ada@example.com") == []

        scene.pace.settle()

        assert mails.assert_mail_sent("refund_issued").state == "sent"
        assert scene.outbox.to("ada@example.com")

    def test_that_were_rolled_back_were_never_asked_for(self, scene):
        id = scene.customer_id(scene.subscriber())
        paid = scene.recoup.payments.charge(id, Money(1000, "EUR"), description="Pen")

        with captured_mails(scene.recoup) as mails, scene.recoup.database.connect() as connection:
            scene.recoup.using(connection).payments.refund(paid.id)
            connection.rollback()

        mails.refute_mail_sent("refund_issued")
