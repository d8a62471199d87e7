"""One attempt at the processor: intent first, answers as facts, and what silence means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.processors.fake import Broke, Fault, Pays

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def states(world):
    return [attempt["state"] for attempt in world.attempts()]


class TestAnIntent:
    def test_is_committed_before_the_processor_is_asked(self, world):
        ada = world.debtor(funds_on=1)
        seen = []
        sql = "SELECT state, requested_at, idempotency_key FROM attempts WHERE ordinal = 1"
        world.watch.meanwhile["received"] = lambda key: seen.append((key, world.rows(sql)))

        world.pace.at(world.first_try)

        ((key, (row,)),) = seen
        assert row == {
            "state": "requested",
            "requested_at": world.first_try,
            "idempotency_key": key,
        }
        assert states(world) == ["succeeded"]
        assert world.charged(ada) == 1

    def test_is_asked_for_without_any_open_transaction(self, world):
        world.debtor(funds_on=1)
        found = []
        for step in ("received", "done"):
            world.watch.meanwhile[step] = lambda _key: found.append(world.in_transaction())

        world.pace.at(world.first_try)

        assert found == [(0, 0), (0, 0)]

    def test_survives_every_connection_being_cut_while_the_bank_is_asked(self, world):
        ada = world.debtor(funds_on=1)
        cut = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        gone = []

        def restart(_key):
            with world.recoup.database.connect() as connection:
                gone.append(connection.scalar(cut))

        with world.recoup.database.connect(), world.recoup.database.connect():
            pass  # two connections wait in the pool
        world.watch.meanwhile["received"] = restart
        world.pace.at(world.first_try)

        assert gone[0] >= 1
        assert states(world) == ["succeeded"]
        assert world.charged(ada) == 1


class TestAKey:
    def test_is_new_for_every_attempt_and_names_invoice_purpose_and_number(self, world):
        ada = world.debtor()

        for days in (4, 8, 11):
            world.pace.at(world.failed_at + days * DAY)

        invoice = world.invoice(ada)
        keys = [f"recoup:{len(invoice)}:{invoice}:retry:{n}" for n in (1, 2, 3)]
        assert world.watch.keys == keys
        assert [attempt["idempotency_key"] for attempt in world.attempts()] == keys
        assert states(world) == ["declined"] * 3

    def test_is_the_same_however_often_one_attempt_is_repeated(self, world):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("outage", call="pay_invoice", times=2))

        for wait in (timedelta(0), 5 * MINUTE, 65 * MINUTE):
            world.pace.at(world.first_try + wait)

        (attempt,) = world.attempts()
        assert set(world.watch.keys) == {attempt["idempotency_key"]}
        assert (attempt["state"], world.charged(ada)) == ("succeeded", 1)


class TestALostReply:
    def test_is_looked_up_after_five_minutes_and_charges_once(self, world):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("lost_reply", call="pay_invoice"))
        asked = world.first_try

        world.fake.advance(asked)
        world.clock.set(asked)
        world.recoup.sweep()
        world.recoup.worker().drain()  # the processor's events are not heard yet
        assert states(world) == ["unknown"]
        assert world.effect("collect")["due_at"] == asked + 5 * MINUTE

        later = asked + 5 * MINUTE
        world.clock.set(later)
        world.recoup.worker().drain()

        assert states(world) == ["succeeded"]
        assert world.charged(ada) == 1
        assert len(world.watch.keys) == 1
        assert world.effect("collect")["state"] == "done"
        world.pace.settle()

    def test_is_looked_up_after_an_hour_and_then_daily_while_nobody_knows(self, world):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("lost_reply", call="pay_invoice"))
        world.fake.add_fault(Fault("outage", call="find_payment", times=4))
        worker = world.recoup.worker()
        now, waits, lookups = world.first_try, [], []
        world.fake.advance(now)
        world.clock.set(now)
        world.recoup.sweep()
        while states(world) in ([], ["intended"], ["unknown"]):
            worker.drain()
            lookups.append(world.attempts()[0]["lookups"])
            due = world.effect("collect")["due_at"]
            waits.append(due - now)
            now = due
            world.clock.set(now)

        assert waits[:5] == [5 * MINUTE, HOUR, DAY, DAY, DAY]
        assert lookups == [1, 2, 3, 4, 5, 5]
        assert (states(world), world.charged(ada)) == (["succeeded"], 1)
        assert len(world.watch.keys) == 1
        world.pace.settle()

    def test_costs_no_attempt_of_the_effect_however_long_it_takes(self, world):
        world.debtor()
        world.fake.add_fault(Fault("outage", times=None, until=world.first_try + 15 * DAY))
        for days in range(15):
            world.pace.at(world.first_try + days * DAY)
            effect = world.effect("collect")
            assert (effect["state"], effect["attempt"]) == ("scheduled", 0)
            assert "unknown" in effect["reason"]


class TestAnOutage:
    def test_consumes_nothing_and_is_no_refusal(self, world):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("outage", times=None, until=world.first_try + 6 * HOUR))

        world.pace.at(world.first_try)
        assert states(world) == ["unknown"]
        world.pace.until(world.first_try + 2 * DAY)

        (*dropped, last) = world.attempts()
        assert [a["state"] for a in dropped if a["state"] != "canceled"] == []
        assert last["state"] == "succeeded"
        assert [a["decline_code"] for a in world.attempts()] == [None] * len(world.attempts())
        assert world.charged(ada) == 1
        assert len(world.fake.charges_of(world.invoice(ada))) == 2  # with the renewal's own

    def test_does_not_move_the_days_of_the_tries_that_follow(self, world):
        ada = world.debtor()
        world.fake.add_fault(Fault("outage", times=None, until=world.first_try + 2 * MINUTE))
        world.pace.until(world.failed_at + 12 * DAY)

        asked = [a["requested_at"] - world.failed_at for a in world.attempts()]
        assert states(world) == ["declined"] * 3
        assert asked == [3 * DAY, 6 * DAY, 10 * DAY]
        assert len(world.fake.charges_of(world.invoice(ada))) == 4

    def test_keeps_the_customer_from_falling_while_nobody_knows(self, world):
        ada = world.debtor()
        world.fake.add_fault(Fault("outage", times=None, until=world.first_try + 10 * DAY))

        for days in range(10):
            world.pace.at(world.first_try + days * DAY)
            world.pace.at(world.first_try + days * DAY + 12 * HOUR)

        assert world.standing(ada) == "reminded"
        assert world.rows("SELECT * FROM restrictions") == []


class TestAnErrorOfTheProcessor:
    def test_that_charged_is_found_and_not_repeated(self, world):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("error_after", call="pay_invoice"))

        world.pace.at(world.first_try)
        world.pace.at(world.first_try + 5 * MINUTE)

        assert (states(world), world.charged(ada)) == (["succeeded"], 1)
        assert len(world.watch.keys) == 1

    def test_that_charged_nothing_is_asked_again_with_its_key_until_that_is_old(self, world):
        """The processor repeats its 500 for as long as it knows the key; only then a new one."""
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("error", call="pay_invoice"))

        world.pace.until(world.first_try + 3 * DAY)

        first, second = world.attempts()
        assert (first["state"], second["state"]) == ("canceled", "succeeded")
        assert first["note"] == "it never reached the bank"
        assert first["decline_code"] is None
        assert second["requested_at"] >= first["requested_at"] + 20 * HOUR
        assert second["idempotency_key"] != first["idempotency_key"]
        assert world.charged(ada) == 1


class TestABusyProcessor:
    @pytest.mark.parametrize(
        ("after", "wait"),
        [(None, timedelta(seconds=30)), (7.0, timedelta(seconds=7))],
        ids=["silent", "told"],
    )
    def test_is_asked_later_at_no_cost(self, world, after, wait):
        ada = world.debtor(funds_on=1)
        world.fake.add_fault(Fault("busy", call="pay_invoice", after=after))

        world.pace.at(world.first_try)
        effect = world.effect("collect")
        assert (effect["state"], effect["attempt"]) == ("scheduled", 0)
        assert effect["due_at"] == world.first_try + wait
        assert states(world) == ["requested"]

        world.pace.at(world.first_try + wait)

        assert (states(world), world.charged(ada)) == (["succeeded"], 1)
        assert world.attempts()[0]["lookups"] == 0


class TestAnObligationThatIsPaidMeanwhile:
    def test_is_not_charged_again_when_we_know(self, world):
        ada = world.debtor()
        world.fake.advance(world.first_try)
        world.clock.set(world.first_try)
        world.recoup.sweep()
        assert states(world) == ["intended"]

        world.fake.update_method(ada.method, payer=Pays())
        world.fake.customer_pays(world.invoice(ada))
        world.pace.settle()

        (attempt,) = world.attempts()
        assert (attempt["state"], attempt["requested_at"]) == ("canceled", None)
        assert world.watch.keys == []
        assert (world.charged(ada), world.standing(ada)) == (1, "current")
        assert world.effect("collect")["state"] == "canceled"

    def test_is_not_charged_again_when_only_the_processor_knows(self, world):
        ada = world.debtor()

        def pay(_key):
            world.fake.update_method(ada.method, payer=Pays())
            world.fake.customer_pays(world.invoice(ada))

        world.watch.meanwhile["received"] = pay
        world.pace.at(world.first_try)

        assert states(world) == ["canceled"]
        assert (world.charged(ada), world.standing(ada)) == (1, "current")
        assert [case["ending"] for case in world.rows("SELECT ending FROM cases")] == ["recovered"]


class TestAnAnswerAndItsEvent:
    def heard_first(self, world, *, answer_lost):
        """Hear the processor's events before the answer is recorded, or instead of it."""
        if answer_lost:
            world.fake.add_fault(Fault("lost_reply", call="pay_invoice"))
        world.watch.meanwhile["done"] = lambda _key: world.pace.listen()

    @pytest.mark.parametrize("first", ["answer", "event", "event alone"])
    @pytest.mark.parametrize("funds_on", [1, None], ids=["paid", "declined"])
    def test_are_one_attempt_whichever_comes_first(self, world, first, funds_on):
        ada = world.debtor(funds_on=funds_on)
        if first != "answer":
            self.heard_first(world, answer_lost=first == "event alone")

        world.pace.at(world.first_try)
        world.pace.at(world.first_try + 6 * MINUTE)

        (attempt,) = world.attempts()
        charges = world.fake.charges_of(world.invoice(ada))
        assert attempt["state"] == ("declined" if funds_on is None else "succeeded")
        assert attempt["processor_id"] == charges[-1].id
        assert attempt["ended_at"] == world.first_try
        invoices = "SELECT count(*) FROM attempts a JOIN invoices i ON i.id = a.invoice_id "
        invoices += "WHERE i.processor_id = :id"
        assert world.rows(invoices, id=world.invoice(ada)) == [{"count": len(charges)}]
        assert len(charges) == 2
        assert world.effect("collect")["state"] in {"done", "canceled"}


class TestADatabaseThatIsUnwell:
    @pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "57014"])
    @pytest.mark.parametrize("when", ["requested", "succeeded"])
    def test_costs_time_and_never_a_charge(self, world, code, when):
        """Three failures of the statement that records the intent, or the answer."""
        ada = world.debtor(funds_on=1)
        world.do("CREATE SEQUENCE hiccups")
        world.do(
            f"""CREATE FUNCTION hiccup() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.state = '{when}' AND nextval('hiccups') <= 3 THEN
                RAISE EXCEPTION 'unwell' USING ERRCODE = '{code}';
            END IF; RETURN NEW; END $$"""
        )
        world.do(
            "CREATE TRIGGER hiccup BEFORE UPDATE ON attempts "
            "FOR EACH ROW EXECUTE FUNCTION hiccup()"
        )

        world.fake.advance(world.first_try)
        world.clock.set(world.first_try)
        world.recoup.sweep()
        worker = world.recoup.worker()
        for minutes in range(4):
            world.clock.set(world.first_try + minutes * MINUTE)
            worker.drain()
        world.pace.settle()

        assert (states(world), world.charged(ada)) == (["succeeded"], 1)
        assert len(world.watch.keys) == 1
        assert world.rows("SELECT last_value FROM hiccups")[0]["last_value"] >= 4


class TestABatchOfAttempts:
    def test_is_not_stopped_by_one_that_breaks(self, world):
        people = [world.subscriber() for _ in range(4)]
        for one in people:
            flush = Broke(world.failed_at + DAY, lasts=9 * DAY)
            world.fake.update_method(one.method, payer=flush)
        world.pace.at(world.failed_at)
        broken = world.customer_id(people[1])
        world.fake.advance(world.first_try)
        world.clock.set(world.first_try)
        world.recoup.sweep()
        world.do(
            "UPDATE effects SET args = '{\"attempt_id\": \"x\"}' WHERE kind = 'collect' "
            "AND customer_id = :id",
            id=broken,
        )

        world.pace.settle()

        assert [world.charged(one) for one in people] == [1, 0, 1, 1]
        effect = world.rows("SELECT * FROM effects WHERE kind='collect' AND state='scheduled'")
        assert [(e["customer_id"], e["attempt"]) for e in effect] == [(broken, 1)]
        assert "invalid literal" in effect[0]["reason"]
