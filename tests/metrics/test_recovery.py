from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recoup.core.money import Money
from recoup.metrics.recovery import survival
from recoup.processors.fake import LOST, NO_FUNDS, Broke, Declines

DAY = timedelta(days=1)


def one(table, **wanted):
    """The only row with these cells, as a mapping."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    return row


def debts(scene):
    """One is paid by a retry, one has a dead card for good, one runs still, over two months."""
    scene.subscriber(Broke(payday=scene.now + 44 * DAY, lasts=5 * DAY))
    scene.subscriber(Declines(LOST), price=Money(10_000, "EUR"))
    scene.live(days=20)
    scene.subscriber(Declines(NO_FUNDS), price=Money(700, "USD"))
    scene.live(days=45)


def failures(scene, amount=0):
    """When each failed obligation of this amount did, or of any."""
    sql = """
        SELECT first_failed_at AS at FROM invoices
        WHERE first_failed_at IS NOT NULL AND :amount IN (0, amount_due) ORDER BY 1"""
    return [row["at"] for row in scene.rows(sql, amount=amount)]


class TestRecovery:
    def test_counts_what_became_of_each_class_and_currency_apart(self, scene):
        debts(scene)

        table = scene.recoup.metrics.read("recovery")

        soft = one(table, **{"class": "soft", "currency": "EUR"})
        gone = len(failures(scene, 10_000))
        lost = one(table, failed_amount=10_000 * gone)
        dollars = one(table, **{"class": "soft", "currency": "USD"})
        months = len(failures(scene, 4900))
        assert (soft["failed"], soft["recovered"]) == (months, 1)
        assert soft["share_of_cases"] == soft["share_of_amount"] == round(1 / months, 4)
        assert (soft["failed_amount"], soft["recovered_amount"]) == (4900 * months, 4900)
        assert (lost["failed"], lost["recovered"], lost["exhausted"]) == (gone, 0, gone)
        assert (lost["share_of_amount"], lost["median_days"]) == (0.0, None)
        assert dollars["failed"] == dollars["open"] == len(failures(scene, 700))
        assert dollars["failed_amount"] == 700 * dollars["failed"]
        (took,) = scene.rows("SELECT closed_at - first_failed_at AS took FROM invoices "
                          "WHERE status = 'paid' AND first_failed_at IS NOT NULL")  # fmt: skip
        assert soft["median_days"] == round(took["took"] / DAY, 2)

    def test_takes_what_failed_in_the_window_and_nothing_else(self, scene):
        debts(scene)
        instants = failures(scene)

        def failed(**window):
            return sum(row[2] for row in scene.recoup.metrics.read("recovery", **window).rows)

        assert failed() == len(instants)
        for at in instants:
            assert failed(until=at) == sum(other < at for other in instants)
            assert failed(since=at) == sum(other >= at for other in instants)

    def test_does_not_call_recovered_what_was_resolved(self, scene):
        ada = scene.subscriber(Declines(LOST))
        scene.until_failed(ada)
        (invoice,) = scene.rows("SELECT id FROM invoices WHERE status = 'open'")
        scene.recoup.invoices.forgive(invoice["id"], reason="we were down")
        scene.pace.settle()

        (row,) = scene.recoup.metrics.read("recovery").rows

        assert row[2:8] == (1, 4900, 0, 0, 0.0, 0.0)
        assert row[8:11] == (0, 0, 1)

    def test_says_so_where_nothing_ever_failed(self, scene):
        scene.subscriber()
        for name in ("recovery", "cohorts", "survival", "attempts", "fees"):
            assert scene.recoup.metrics.read(name).rows == ()


class TestCohorts:
    def test_are_months_and_hold_what_the_classes_hold(self, scene):
        debts(scene)
        metrics = scene.recoup.metrics

        cohorts, classes = metrics.read("cohorts").rows, metrics.read("recovery").rows

        assert [row[0] for row in cohorts] == sorted(row[0] for row in cohorts)
        months = {row["month"] for row in scene.rows(
            "SELECT to_char(first_failed_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month "
            "FROM invoices WHERE first_failed_at IS NOT NULL")}  # fmt: skip
        assert {row[0] for row in cohorts} == months
        for place in (2, 3, 4, 5, 8, 9, 10):
            assert sum(r[place] for r in cohorts) == sum(r[place] for r in classes)


_days = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any), min_size=1, max_size=12
)


class TestSurvival:
    def test_is_told_by_days(self, scene):
        debts(scene)

        rows = scene.recoup.metrics.read("survival").rows

        assert rows[0][1] == sum(row[2] + row[3] for row in rows) == len(failures(scene))
        assert sum(row[2] for row in rows) == 1
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)

    @given(_days)
    def test_is_the_share_that_is_owed_when_nobody_is_lost_sight_of(self, found):
        rows = [(day, paid + lost, 0) for day, (paid, lost) in enumerate(found)]
        total, paid = sum(row[1] for row in rows), 0
        for (_, at_risk, won, _, owed), row in zip(survival(rows), rows, strict=True):
            assert at_risk == total - paid
            paid += row[1]
            assert won == row[1]
            assert abs(owed - Fraction(total - paid, total)) <= 0.0001

    @given(_days)
    def test_never_rises_and_only_payment_lowers_it(self, found):
        rows = [(day, paid, lost) for day, (paid, lost) in enumerate(found)]
        before = 1.0
        for _, at_risk, paid, lost, owed in survival(rows):
            assert 0 <= owed <= before
            assert at_risk >= paid + lost
            assert (owed == before) or paid
            before = owed
