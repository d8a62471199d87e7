"""A mail that is still true, once: the guard, the hours, and what became of the sending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoup.errors import MailUnreachable, Undeliverable
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store import tables
from recoup.store.writer import Writer

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: The renewal fails at 1 in the morning; mails go out from 8.
EIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)


def mails(world):
    """The mails of notices; what other mails follow is told of in tests/flow/mails."""
    return world.rows("SELECT * FROM mails WHERE key LIKE 'notice:%' ORDER BY id")


def notices(world):
    return [(n["step"], n["state"]) for n in world.rows("SELECT * FROM notices ORDER BY id")]


def pay(world, who):
    world.fake.update_method(who.method, payer=Pays())
    world.fake.customer_pays(world.invoice(who))


class TestAMail:
    def test_is_sent_once_and_its_row_says_when_and_as_what(self, world):
        world.debtor()
        world.pace.at(EIGHT)
        world.pace.at(EIGHT + HOUR)

        (message,) = world.outbox.messages
        (mail,) = mails(world)
        assert (mail["state"], mail["sent_at"], mail["reason"]) == ("sent", EIGHT, None)
        assert mail["message_id"] == message["Message-ID"]
        assert notices(world) == [("reminder", "sent")]
        assert world.rows("SELECT delivered_at FROM notices") == [{"delivered_at": EIGHT}]
        assert world.effect("send_mail", "mail:notice:")["state"] == "done"

    def test_is_handed_over_without_any_open_transaction(self, world):
        world.debtor()
        found = []
        world.outbox.meanwhile = lambda _message: found.append(world.in_transaction())

        world.pace.at(EIGHT)

        assert found == [(0, 0)]

    def test_is_still_queued_while_it_is_handed_over(self, world):
        world.debtor()
        found = []
        world.outbox.meanwhile = lambda _message: found.append(mails(world)[0]["state"])

        world.pace.at(EIGHT)

        assert (found, mails(world)[0]["state"]) == (["queued"], "sent")

    def test_that_was_dealt_with_is_not_sent_by_an_effect_that_comes_again(self, world):
        world.debtor()
        world.pace.at(EIGHT)
        world.do(
            "UPDATE effects SET state = 'scheduled', ended_at = NULL WHERE kind = 'send_mail'"
        )

        world.pace.settle()

        assert len(world.outbox.messages) == 1
        assert (
            world.effect("send_mail", "mail:notice:")["reason"] == "the mail has been dealt with"
        )


class TestContactHours:
    @pytest.mark.parametrize(
        ("zone", "country", "first"),
        [
            pytest.param(None, "ZZ", EIGHT, id="UTC where none is known"),
            pytest.param("Europe/Berlin", "US", EIGHT - HOUR, id="the customer's own"),
            pytest.param("Asia/Tokyo", None, EIGHT - 7 * HOUR, id="in which it is day already"),
            pytest.param("Moon/Crater", "ZZ", EIGHT, id="UTC where it is unknown"),
            pytest.param(None, "FR", EIGHT - HOUR, id="their country's"),
            pytest.param(None, "CA", EIGHT + 8 * HOUR, id="every one of their country"),
        ],
    )
    def test_hold_a_mail_until_they_begin(self, world, zone, country, first):
        ada = world.subscriber(Declines(NO_FUNDS), country=country)
        id = world.customer_id(ada)
        world.do("UPDATE customers SET time_zone = :zone WHERE id = :id", zone=zone, id=id)
        world.pace.at(world.failed_at)
        if first > world.failed_at:
            effect = world.effect("send_mail", "mail:notice:")
            assert (effect["due_at"], effect["reason"]) == (first, "outside contact hours")
            assert effect["attempt"] == 0
            world.pace.at(first - timedelta(seconds=1))
            assert world.outbox.messages == []

        world.pace.at(first)

        assert len(world.outbox.messages) == 1

    def test_end_at_nine_in_the_evening(self, world):
        world.debtor()
        world.pace.at(EIGHT)
        evening = world.failed_at + 5 * DAY + 20 * HOUR  # 21:00 on the day of the second notice

        world.pace.at(evening)
        assert len(world.outbox.messages) == 1
        assert world.effect("send_mail", "mail:notice:")["due_at"] == evening + 11 * HOUR

        world.pace.at(evening + 11 * HOUR)
        assert len(world.outbox.messages) == 2


class TestACustomerWhoHasPaid:
    def test_before_the_mail_went_out_is_never_written_to(self, world):
        ada = world.debtor()
        world.pace.at(EIGHT - HOUR)
        pay(world, ada)
        world.pace.settle()

        world.pace.at(EIGHT)

        assert world.outbox.messages == []
        (mail,) = mails(world)
        assert (mail["state"], mail["reason"]) == ("skipped", "the case has ended")
        assert notices(world) == [("reminder", "canceled")]
        assert world.effect("send_mail", "mail:notice:")["state"] == "canceled"

    def test_and_whose_failure_is_heard_of_afterwards_is_never_written_to(self, world):
        ada = world.subscriber(Declines(NO_FUNDS))
        world.fake.advance(world.failed_at)
        pay(world, ada)
        told = [body for _, body in world.fake.events()]
        world.clock.set(EIGHT)
        world.recoup.ingest(reversed(told))

        world.pace.settle()
        world.pace.at(EIGHT + 20 * DAY)

        assert world.outbox.messages == []
        assert notices(world) == []

    def test_while_the_mail_was_on_its_way_is_told_apart(self, world):
        ada = world.debtor()

        def heard(_message):
            world.outbox.meanwhile = None
            pay(world, ada)
            world.pace.listen()

        world.outbox.meanwhile = heard
        world.pace.at(EIGHT)
        world.pace.until(EIGHT + 20 * DAY)

        assert len(world.outbox.messages) == 1
        (mail,) = mails(world)
        assert (mail["state"], mail["sent_at"]) == ("sent", EIGHT)
        assert notices(world) == [("reminder", "canceled")]
        assert [case["ending"] for case in world.rows("SELECT ending FROM cases")] == ["recovered"]


class TestAHold:
    def hold(self, world, who, *, until):
        with world.recoup.database.begin() as connection:
            writer = Writer(connection, now=world.now, actor="eve", cause="test")
            row = {
                "customer_id": world.customer_id(who),
                "kind": "hold",
                "reason": "asked for time",
                "actor": "eve",
                "since": world.now,
                "until": until,
            }
            id = writer.insert(tables.holds, row)
            writer.flush()
        return row | {"id": id}

    def test_defers_a_mail_to_its_end_and_within_hours(self, world):
        ada = world.debtor()
        self.hold(world, ada, until=EIGHT + 2 * DAY + 4 * HOUR)

        world.pace.at(EIGHT)
        effect = world.effect("send_mail", "mail:notice:")
        assert effect["reason"] == "held (asked for time)"
        assert effect["due_at"] == EIGHT + 2 * DAY + 4 * HOUR

        world.pace.at(EIGHT + 2 * DAY + 4 * HOUR)
        assert len(world.outbox.messages) == 1

    def test_without_an_end_has_it_looked_at_four_times_a_day(self, world):
        ada = world.debtor()
        hold = self.hold(world, ada, until=None)

        for hours in (0, 6, 12):
            world.pace.at(EIGHT + hours * HOUR)
            effect = world.effect("send_mail", "mail:notice:")
            assert (effect["state"], effect["attempt"]) == ("scheduled", 0)
            assert effect["due_at"] == EIGHT + (hours + 6) * HOUR
        with world.recoup.database.begin() as connection:
            writer = Writer(connection, now=world.now, actor="eve", cause="test")
            writer.update(tables.holds, hold, {"until": world.now})
            writer.flush()
        world.pace.at(EIGHT + DAY)

        assert len(world.outbox.messages) == 1

    def test_does_not_keep_a_mail_that_payment_made_untrue(self, world):
        ada = world.debtor()
        self.hold(world, ada, until=EIGHT + 9 * DAY)
        world.pace.at(EIGHT)
        pay(world, ada)
        world.pace.settle()

        world.pace.at(EIGHT + 9 * DAY)

        assert world.outbox.messages == []
        assert mails(world)[0]["state"] == "skipped"


class TestADispute:
    def test_defers_a_mail_without_end(self, world):
        world.debtor()
        world.do("UPDATE invoices SET disputed = true WHERE status = 'open'")
        world.pace.at(EIGHT)
        assert world.effect("send_mail", "mail:notice:")["reason"] == "the payment is disputed"

        world.do("UPDATE invoices SET disputed = false WHERE status = 'open'")
        world.pace.at(EIGHT + 6 * HOUR)

        assert len(world.outbox.messages) == 1


class TestABounce:
    def test_is_recorded_and_becomes_a_task(self, world):
        world.debtor()
        world.outbox.script(Undeliverable("550 no such user"))

        world.pace.at(EIGHT)

        (mail,) = mails(world)
        assert (mail["state"], mail["reason"]) == ("bounced", "550 no such user")
        assert mail["message_id"] is not None
        assert world.rows("SELECT state, delivered_at, bounced_at FROM notices") == [
            {"state": "sent", "delivered_at": None, "bounced_at": EIGHT}
        ]
        (task,) = world.rows("SELECT kind, closed_at FROM tasks")
        assert task == {"kind": "unreachable", "closed_at": None}
        assert world.effect("send_mail", "mail:notice:")["state"] == "done"

    def test_of_an_address_that_is_none_needs_no_server(self, world):
        ada = world.subscriber(Declines(NO_FUNDS), email="not an address")
        world.pace.at(world.failed_at)

        world.pace.at(EIGHT)

        assert world.outbox.messages == []
        (mail,) = mails(world)
        assert (mail["state"], mail["message_id"]) == ("bounced", None)
        assert [t["customer_id"] for t in world.rows("SELECT customer_id FROM tasks")] == [
            world.customer_id(ada)
        ]


class TestACustomerWithoutAnAddress:
    def test_gets_no_mail_and_somebody_a_task(self, world):
        world.debtor(email=None)

        world.pace.at(EIGHT)

        assert (world.outbox.messages, mails(world)) == ([], [])
        assert world.rows("SELECT state, reason FROM notices") == [
            {"state": "skipped", "reason": "no address to write to"}
        ]
        assert [task["kind"] for task in world.rows("SELECT kind FROM tasks")] == ["unreachable"]

    def test_any_more_is_found_out_when_the_mail_is_made(self, world):
        ada = world.debtor()
        world.do("UPDATE customers SET email = NULL WHERE id = :id", id=world.customer_id(ada))

        world.pace.at(EIGHT)

        assert world.outbox.messages == []
        assert mails(world)[0]["state"] == "bounced"
        assert [task["kind"] for task in world.rows("SELECT kind FROM tasks")] == ["unreachable"]


class TestAServerThatCanNotBeReached:
    def test_is_tried_again_after_growing_waits_with_the_same_message(self, world):
        world.debtor()
        world.outbox.script(MailUnreachable("421 later"), MailUnreachable("timed out"))
        world.pace.at(EIGHT)
        effect = world.effect("send_mail", "mail:notice:")
        assert (effect["state"], effect["attempt"], effect["reason"]) == (
            "scheduled", 1, "421 later",
        )  # fmt: skip
        assert mails(world)[0]["state"] == "queued"
        first = effect["due_at"] - EIGHT

        world.pace.at(effect["due_at"])
        second = world.effect("send_mail", "mail:notice:")["due_at"] - effect["due_at"]
        world.pace.at(EIGHT + HOUR)

        assert timedelta(seconds=7) <= first <= timedelta(seconds=10) < second
        assert len(world.outbox.messages) == 1
        assert mails(world)[0]["state"] == "sent"

    def test_that_took_the_mail_and_did_not_say_so_gets_it_once_more_at_most(self, world):
        world.debtor()
        world.outbox.script(MailUnreachable("no reply", accepted_maybe=True))

        world.pace.at(EIGHT)
        world.pace.until(EIGHT + 2 * DAY)

        first, second = world.outbox.ids
        assert first == second
        assert mails(world)[0]["message_id"] == first

    def test_for_hours_loses_no_mail_and_delays_no_other_customer(self, world):
        people = [world.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com") for n in "abc"]
        world.pace.at(world.failed_at)
        world.outbox.script(None, MailUnreachable("greylisted"), None)

        world.pace.at(EIGHT)
        assert len(world.outbox.messages) == 2
        world.pace.at(EIGHT + MINUTE)

        assert sorted(str(m["To"]) for m in world.outbox.messages) == [
            f"Ada Lovelace <{n}@example.com>" for n in "abc"
        ]
        assert len(people) == len(set(world.outbox.ids)) == 3


class TestAMailThatCanNotBeMade:
    def test_is_parked_at_last_and_stops_no_other(self, world):
        """A mail of a type that this version does not know."""
        for n in range(5):
            world.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com")
        world.pace.at(world.failed_at)
        world.do(
            "UPDATE mails SET type = 'carrier_pigeon' WHERE id = :id", id=mails(world)[2]["id"]
        )

        world.pace.at(EIGHT)
        assert len(world.outbox.messages) == 4
        assert len(set(world.outbox.ids)) == 4
        world.pace.until(EIGHT + 12 * HOUR)

        (parked,) = world.rows("SELECT attempt, reason FROM effects WHERE state = 'parked'")
        assert parked["attempt"] == 12
        assert "carrier_pigeon" in parked["reason"]
        assert len(world.outbox.messages) == 4
        world.do("UPDATE mails SET type = 'dunning_reminder' WHERE type = 'carrier_pigeon'")

    def test_and_one_whose_sending_breaks_are_the_only_ones_tried_again(self, world):
        """What no sender should raise is that mail's failure; the others were sent, once."""
        for n in range(5):
            world.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com")
        world.pace.at(world.failed_at)
        world.outbox.script(None, None, RuntimeError("a bug"), None, None)

        world.pace.at(EIGHT)
        assert len(world.outbox.messages) == 4
        assert (
            "a bug"
            in world.rows(
                "SELECT reason FROM effects WHERE kind = 'send_mail' AND state = 'scheduled'"
            )[0]["reason"]
        )
        world.pace.at(EIGHT + MINUTE)

        assert len(world.outbox.messages) == len(set(world.outbox.ids)) == 5
