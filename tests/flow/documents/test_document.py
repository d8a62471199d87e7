from datetime import timedelta

import pytest
from dying_contents import Dying, Killed

from recoup.effects import document
from recoup.errors import Unreachable
from recoup.jobs.loop import OurDesk
from recoup.pdf.stores import Folder
from recoup.processors.fake.idempotency import Fault
from recoup.testing.suites.documents import Failing


class TestTheClock:
    def test_has_made_what_was_issued_paid_and_given_back(self, shop):
        bill = shop.bill()
        shop.issue()
        paid = shop.pay(bill)
        shop.issue()
        shop.scene.recoup.payments.refund(paid.id, reason="duplicate")
        shop.scene.pace.settle()
        shop.issue()

        made = [(kind, subject) for kind, number, subject in shop.made() if bill.number in number]
        (refund,) = shop.scene.rows("SELECT id FROM refunds")
        assert made == [
            ("invoice", ""), ("receipt", "paid"), ("credit_note", f"refund:{refund['id']}"),
        ]  # fmt: skip
        assert shop.scene.violations() == ()

    def test_makes_nothing_twice(self, shop):
        shop.bill()
        for _ in range(3):
            shop.issue()

        assert len(shop.made()) == len(set(shop.made())) == len(shop.effects())

    def test_makes_nothing_of_what_is_not_issued_or_closed_without_money(self, shop):
        shop.issue()
        before = shop.made()
        shop.bill(finalize=False)
        mistake = shop.bill()
        shop.scene.recoup.invoices.void(mistake.id, reason="a mistake")
        shop.scene.pace.settle()
        shop.issue()

        assert [one[0] for one in shop.made()[len(before) :]] == ["invoice"]

    def test_leaves_what_is_long_ago_until_somebody_asks(self, shop):
        bill = shop.bill()
        shop.scene.clock.set(shop.scene.now + document.LATELY + timedelta(seconds=1))
        shop.issue()

        assert shop.made() == []
        assert shop.papers.pdf(bill.id).number == bill.number

    def test_makes_nothing_unless_documents_are_on(self, open_shop):
        shop = open_shop(documents=False)
        shop.bill()
        shop.issue()

        assert (shop.made(), shop.effects()) == ([], [])


class TestTheEffect:
    def test_is_on_a_queue_of_its_own(self, shop):
        shop.bill()
        desk = OurDesk(shop.scene.recoup.database, shop.scene.clock, {})
        document.want_all(desk)

        rows = shop.scene.rows("SELECT DISTINCT queue FROM effects WHERE kind = 'document'")
        assert [row["queue"] for row in rows] == ["documents"]

    def test_is_tried_again_where_nobody_answers(self, shop, tmp_path):
        failing = Failing(Folder(tmp_path))
        shop.keep_in(failing)
        bill = shop.bill()
        shop.issue()
        assert shop.made() == []
        assert {state for _, state, _ in shop.effects()} == {"scheduled"}

        failing.times = 0
        shop.scene.live(hours=1)

        assert ("invoice", bill.number, "") in shop.made()

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", [1, 2], ids=["what it says", "how it looks"])
    def test_killed_while_keeping_makes_the_same_again(self, shop, after, at):
        bill = shop.bill()
        own = shop.papers._contents
        shop.keep_in(Dying(own, after=after, at=at))
        with pytest.raises(Killed):
            shop.papers.pdf(bill.id)
        assert shop.made() == []

        shop.keep_in(own)
        issued = shop.papers.pdf(bill.id)

        assert shop.papers.pdf(bill.id).content == issued.content
        (row,) = shop.scene.rows("SELECT count(*) AS n FROM document_contents")
        assert row["n"] == 2

    def test_of_a_silent_processor_is_tried_again_and_stops_nothing(self, shop):
        bill = shop.bill()
        shop.scene.fake.add_fault(Fault("outage", call="bill"))
        with pytest.raises(Unreachable):
            shop.papers.pdf(bill.id)

        assert shop.papers.pdf(bill.id).number == bill.number
