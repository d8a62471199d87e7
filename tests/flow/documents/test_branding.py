from hashlib import sha256

import pytest
from dying_contents import Dying, Killed
from logos import SVG, figures, svg

from recoup.errors import ConfigError, DocumentsUnreachable, NotFound
from recoup.pdf.stores import Folder, Null


@pytest.fixture
def logo(tmp_path):
    file = tmp_path / "logo.svg"
    file.write_bytes(SVG)
    return file


@pytest.fixture
def branded(open_shop, logo):
    """A shop whose documents are made by themselves."""
    return open_shop(documents_logo=logo)


@pytest.fixture
def asked(open_shop, logo):
    """A shop whose documents are made when they are asked for, and not before."""
    return open_shop(documents_logo=logo, documents=False)


def has_logo(issued):
    return figures(issued.content) == ["Beispiel GmbH"]


def kept(shop):
    return {bytes(row["content"]) for row in shop.scene.rows("SELECT * FROM document_contents")}


class TestALogo:
    def test_is_on_every_document_and_kept_once(self, asked):
        bill = asked.bill()
        paid = asked.pay(bill)
        asked.scene.recoup.payments.refund(paid.id, reason="duplicate")
        asked.scene.pace.settle()

        made = [asked.papers.pdf(bill.id, kind=kind) for kind in ("invoice", "receipt")]
        made += [asked.papers.pdf(bill.id, kind="credit_note", locale="ar")]

        assert [has_logo(one) for one in made] == [True, True, True]
        assert len(kept(asked)) == 2 * 3 + 1
        assert SVG in kept(asked)
        assert asked.scene.violations() == ()

    def test_stays_what_it_was_when_the_file_is_another_or_gone(self, asked, logo):
        bill = asked.bill()
        issued = asked.papers.pdf(bill.id)
        german = asked.others().pdf(bill.id, locale="de")

        logo.write_bytes(svg("<circle r='5'/>"))
        assert asked.papers.pdf(bill.id).content == issued.content
        logo.unlink()
        asked.pay(bill)

        assert asked.papers.pdf(bill.id, locale="de").content == german.content
        assert has_logo(asked.papers.pdf(bill.id, locale="fr"))
        assert has_logo(asked.papers.pdf(bill.id, kind="receipt"))

    def test_is_on_nothing_of_an_invoice_that_was_issued_without(self, shop, logo):
        bill = shop.bill()
        issued = shop.papers.pdf(bill.id)
        shop.pay(bill)
        later = shop.others(logo=logo)

        made = [later.pdf(bill.id, locale="de"), later.pdf(bill.id, kind="receipt")]

        assert later.pdf(bill.id).content == issued.content
        assert [has_logo(one) for one in made] == [False, False]
        assert SVG not in kept(shop)

    def test_goes_along_where_documents_are_kept_elsewhere_since(self, asked, tmp_path):
        bill = asked.bill()
        asked.papers.pdf(bill.id)
        asked.pay(bill)
        moved = asked.others(contents=Folder(tmp_path / "kept"))

        receipt = moved.pdf(bill.id, kind="receipt")
        asked.papers._contents.delete(sha256(SVG).hexdigest())

        assert has_logo(receipt)
        assert has_logo(moved.pdf(bill.id, kind="receipt", locale="de"))
        name = sha256(SVG).hexdigest()
        assert (tmp_path / "kept" / name[:2] / name).read_bytes() == SVG

    def test_is_changed_for_nobody_who_keeps_nothing(self, asked):
        papers = asked.others(contents=Null())
        bill = asked.bill()

        assert has_logo(papers.pdf(bill.id))
        with pytest.raises(NotFound, match="nothing is kept"):
            papers.pdf(bill.id)

    def test_stays_when_documents_are_forgotten_as_it_is_no_document(self, asked):
        asked.papers.pdf(asked.bill().id)

        asked.papers.expire(asked.scene.now.replace(year=asked.scene.now.year + 1))

        assert kept(asked) == {SVG}

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", [1, 2, 3], ids=["logo", "what it says", "how it looks"])
    def test_killed_while_keeping_makes_the_same_again(self, asked, after, at):
        bill = asked.bill()
        own = asked.papers._contents
        asked.keep_in(Dying(own, after=after, at=at))
        with pytest.raises(Killed):
            asked.papers.pdf(bill.id)
        assert asked.made() == []

        asked.keep_in(own)
        issued = asked.papers.pdf(bill.id)

        assert asked.papers.pdf(bill.id).content == issued.content
        assert len(kept(asked)) == 3


class TestALogoThatCanNotBeHad:
    def test_for_a_while_has_the_document_tried_again(self, branded, logo):
        logo.unlink()
        bill = branded.bill()
        branded.issue()

        assert branded.made() == []
        reasons = {(state, "RECOUP_DOCUMENTS_LOGO" in why) for _, state, why in branded.effects()}
        assert reasons == {("scheduled", True)}
        with pytest.raises(DocumentsUnreachable):
            branded.papers.pdf(bill.id)

        logo.write_bytes(SVG)
        branded.scene.live(hours=1)

        assert ("invoice", bill.number, "") in branded.made()
        assert has_logo(branded.papers.pdf(bill.id))

    def test_at_all_is_told_and_freezes_nothing(self, branded, logo):
        logo.write_bytes(b"not a picture")
        bill = branded.bill()
        branded.issue()

        assert (branded.made(), kept(branded)) == ([], set())
        told = {(state, why.partition(", got")[0]) for _, state, why in branded.effects()}
        assert told == {("parked", "RECOUP_DOCUMENTS_LOGO: expected a PNG, JPEG or SVG")}
        with pytest.raises(ConfigError, match="RECOUP_DOCUMENTS_LOGO"):
            branded.papers.pdf(bill.id)

        logo.write_bytes(SVG)
        assert has_logo(branded.papers.pdf(bill.id))

    def test_stops_no_mail(self, open_shop, logo):
        shop = open_shop(documents_logo=logo, mail_off="")
        logo.write_bytes(b"not a picture")
        bill = shop.bill()
        shop.pay(bill)
        shop.scene.live(hours=1)

        sent = [mail.as_string() for mail in shop.scene.outbox.messages]
        assert any(bill.number in one for one in sent)

    def test_matters_to_nothing_that_was_issued(self, branded, logo):
        bill = branded.bill()
        issued = branded.papers.pdf(bill.id)
        logo.unlink()

        assert branded.papers.pdf(bill.id).content == issued.content
