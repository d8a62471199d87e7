from datetime import timedelta

import pytest
from papers import read

from recoup.effects._attaching import ENOUGH
from recoup.pdf.stores import Folder, Null
from recoup.testing.suites.documents import Failing

ALL_ON = {"mail_off": ""}


def brought(shop, number):
    """Return the files of the mails that name an invoice, or bring something of it."""
    found = []
    for message in shop.scene.outbox.messages:
        files = [
            (a.get_filename(), a.get_payload(decode=True)) for a in message.iter_attachments()
        ]
        if number in message.as_string() or any(number in name for name, _ in files):
            found.append(files)
    return found


class TestAMail:
    def test_brings_the_receipt_of_what_was_paid(self, open_shop):
        shop = open_shop(**ALL_ON)
        bill = shop.bill()
        shop.pay(bill)
        shop.scene.live(hours=1)

        files = [one for files in brought(shop, bill.number) for one in files]

        assert [name for name, _ in files] == [f"receipt-{bill.number}.pdf"]
        assert files[0][1] == shop.papers.pdf(bill.id, kind="receipt").content
        assert read(files[0][1]).pages
        assert shop.scene.violations() == ()

    def test_brings_the_credit_note_of_what_was_given_back(self, open_shop):
        shop = open_shop(**ALL_ON)
        bill = shop.bill()
        paid = shop.pay(bill)
        shop.scene.recoup.payments.refund(paid.id, reason="duplicate")
        shop.scene.live(hours=1)

        names = [name for files in brought(shop, bill.number) for name, _ in files]

        assert f"credit_note-{bill.number}-CN1.pdf" in names

    def test_waits_for_its_document_and_does_not_block_the_queue(self, open_shop, tmp_path):
        shop = open_shop(**ALL_ON)
        shop.keep_in(Failing(Folder(tmp_path), times=3))
        bill = shop.bill()
        shop.pay(bill)
        waiting = shop.scene.rows(
            "SELECT reason FROM effects WHERE kind = 'send_mail' AND state = 'scheduled'"
        )

        shop.scene.live(hours=1)

        assert {row["reason"] for row in waiting} == {"its document is being made"}
        assert brought(shop, bill.number)[-1][0][0] == f"receipt-{bill.number}.pdf"

    @pytest.mark.parametrize("store", ["failing", "null"])
    def test_goes_without_when_that_takes_too_long(self, open_shop, tmp_path, store):
        shop = open_shop(**ALL_ON)
        shop.keep_in(Null() if store == "null" else Failing(Folder(tmp_path)))
        bill = shop.bill()
        shop.pay(bill)
        shop.scene.live(hours=0.2)
        assert brought(shop, bill.number) == []

        shop.scene.live(hours=0.2)

        assert brought(shop, bill.number) == [[]]

    def test_asks_a_store_that_is_down_a_few_times_a_batch(self, open_shop, tmp_path):
        shop = open_shop(**ALL_ON)
        bills = [shop.bill(minor=4900 + n) for n in range(5)]
        for bill in bills:
            shop.scene.recoup.invoices.pay(bill.id, off_session=True)
        shop.scene.pace.settle()  # they are made now, and the mails look again in five seconds
        down = Failing(shop.papers._contents)
        shop.keep_in(down)

        shop.scene.live(hours=0.002)

        assert 0 < down.asked <= ENOUGH
        down.times = 0
        shop.scene.live(hours=0.1)
        assert all(len(brought(shop, bill.number)[-1]) == 1 for bill in bills)

    def test_waits_no_longer_than_the_setting_says(self, open_shop, tmp_path):
        shop = open_shop(**ALL_ON, documents_patience_minutes=0)
        shop.keep_in(Failing(Folder(tmp_path)))
        bill = shop.bill()
        shop.pay(bill)

        sent = shop.scene.rows(
            "SELECT sent_at - queued_at AS after FROM mails WHERE type = "
            "'receipt' AND state = 'sent'"
        )
        assert [row["after"] for row in sent] == [timedelta(0)]

    def test_brings_nothing_where_documents_are_off(self, open_shop):
        shop = open_shop(**ALL_ON, documents=False)
        bill = shop.bill()
        shop.pay(bill)
        shop.scene.live(hours=1)

        assert brought(shop, bill.number)
        assert not any(brought(shop, bill.number))
