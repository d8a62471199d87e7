from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.errors import DocumentsUnreachable
from recoup.store import database, documents
from recoup.store.documents import DatabaseContents, NewPaper
from recoup.testing.suites.documents import ContentsConformance

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class TestTheDatabase(ContentsConformance):
    @pytest.fixture(autouse=True)
    def contents_of_a_database(self, engine):
        self.contents = DatabaseContents(engine)
        self.engine = engine

    def test_that_was_changed_is_not_believed(self):
        name = self.contents.put(b"x")
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE document_contents SET content = 'y'"))

        with pytest.raises(DocumentsUnreachable, match="not what was put there"):
            self.contents.get(name)

    def test_that_is_gone_says_so(self):
        gone = database.connect(self.engine.url.set(database="nobodys"))

        with pytest.raises(DocumentsUnreachable):
            DatabaseContents(gone).put(b"x")
        with pytest.raises(DocumentsUnreachable):
            DatabaseContents(gone).get("0" * 64)
        gone.dispose()


@pytest.fixture
def invoice(engine):
    """A customer's invoice, by their ids."""
    with engine.begin() as connection:
        customer = connection.scalar(
            text(
                "INSERT INTO customers (processor, processor_id, metadata, data, version,"
                " deleted, created_at) VALUES ('fake', 'cus_1', '{}', '{}', 1, false, :now)"
                " RETURNING id"
            ),
            {"now": NOON},
        )
        connection.execute(
            text(
                "INSERT INTO invoices (id, customer_id, processor, processor_id, status, currency,"
                " amount_due, amount_paid, amount_remaining, reason, collection_method,"
                " created_at, seen_rank, seen_at, seen_tie, seen_event)"
                " VALUES (7, :customer, 'fake', 'in_7', 'open', 'EUR', 1, 0, 1, 'manual',"
                " 'charge_automatically', :now, 0, :now, 0, 'evt')"
            ),
            {"customer": customer, "now": NOON},
        )
    return customer


def paper(customer, *, frozen="a", content="b", locale="en", **more):
    told = {
        "customer_id": customer, "invoice_id": 7, "kind": "invoice", "subject": "",
        "number": "F-1", "locale": locale, "frozen": frozen * 64, "content": content * 64,
        "kept_in": "database", "facturx": False, "without_facturx": None, "issued_at": NOON,
    }  # fmt: skip
    return NewPaper(**told | more)


class TestADocumentOnRecord:
    def test_is_the_first_that_was_issued(self, engine, invoice):
        with engine.begin() as connection:
            first = documents.issue(connection, paper(invoice), now=NOON)
            again = documents.issue(connection, paper(invoice, content="c"), now=NOON)

        assert again == first
        assert first.content == "b" * 64

    def test_has_translations_that_say_the_same(self, engine, invoice):
        with engine.begin() as connection:
            first = documents.issue(connection, paper(invoice), now=NOON)
            german = documents.issue(
                connection, paper(invoice, locale="de", content="c"), now=NOON
            )

            assert documents.first(connection, 7, "invoice", "") == first
            assert documents.find(connection, 7, "invoice", "", "de") == german
            assert documents.newest(connection, 7, "invoice") == first

    def test_refuses_one_that_says_otherwise(self, engine, invoice):
        with engine.begin() as connection:
            documents.issue(connection, paper(invoice), now=NOON)

            assert documents.issue(connection, paper(invoice, frozen="d"), now=NOON) is None
            other = paper(invoice, frozen="d", locale="de")
            assert documents.issue(connection, other, now=NOON) is None

    def test_expires_only_when_it_is_told_to(self, engine, invoice):
        with engine.begin() as connection:
            documents.issue(connection, paper(invoice), now=NOON)

            assert documents.expire(connection, NOON) == (0, ())
            count, contents = documents.expire(connection, NOON + timedelta(seconds=1))

        assert count == 1
        assert contents == (("database", "a" * 64), ("database", "b" * 64))

    def test_leaves_contents_that_another_one_names(self, engine, invoice):
        later = NOON + timedelta(days=1)
        with engine.begin() as connection:
            documents.issue(connection, paper(invoice), now=NOON)
            documents.issue(
                connection, paper(invoice, locale="de", content="c", issued_at=later), now=NOON
            )

            assert documents.expire(connection, later) == (1, (("database", "b" * 64),))
