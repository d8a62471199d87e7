"""What people are told of somebody in bad debt: what it closes, since when, and who ended it."""

from __future__ import annotations

from recoup.explain import explanation


def told(scene, debtor):
    with scene.recoup.database.connect() as connection:
        return explanation(connection, str(debtor.id), scene.recoup.engine, scene.now)


class TestExplainOfBadDebt:
    def test_says_what_is_closed_since_when_and_why(self, scene, debtor):
        (case,) = scene.rows("SELECT ended_at FROM cases WHERE ending = 'exhausted'")

        page = told(scene, debtor)

        assert page.standing == "bad_debt"
        (closed,) = page.restrictions
        assert (closed.consequence, closed.since, closed.live) == (
            "cancel",
            case["ended_at"],
            True,
        )
        assert closed.why.startswith(f"Bad debt since {case['ended_at']:%Y-%m-%d}")
        assert "it closes growth, read, write" in closed.why

    def test_agrees_with_what_hosts_are_told(self, scene, debtor):
        (entry,) = scene.rows(
            "SELECT max(occurred_at) AS at FROM ledger_entries WHERE customer_id = :id "
            "AND subject LIKE 'standing:%'",
            id=debtor.id,
        )
        (page,) = told(scene, debtor).restrictions

        state = scene.recoup.access.state(debtor.id)

        assert (state.version, state.since) == (0, entry["at"])
        (closed,) = state.restrictions
        assert (closed.consequence, closed.since) == (page.consequence, page.since)
        assert closed.reason.startswith(f"bad debt since {page.since:%Y-%m-%d}, unpaid since ")

    def test_prints_the_ids_that_verbs_take(self, scene, debtor):
        page = told(scene, debtor)

        assert {one.invoice_id for one in page.obligations} == set(debtor.invoices)
        assert {one.invoice_id for one in page.plan} == set(debtor.invoices)

    def test_tells_who_let_them_off_and_why(self, scene, debtor):
        first, _ = debtor.invoices
        ann = scene.recoup.acting_as("cli:ann").dunning
        ann.forgive(first, reason="kind")
        scene.pace.settle()
        scene.live(hours=1)
        ann.write_off(debtor.id, reason="bankrupt")
        scene.pace.settle()

        page = told(scene, debtor)

        words = [line.words for line in page.story]
        name = scene.recoup.invoices.get(first).processor_id
        assert f"Invoice {name} was forgiven by cli:ann: kind." in words
        assert "What is owed was written off by cli:ann: bankrupt." in words
        assert page.restrictions == ()
