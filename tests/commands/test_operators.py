"""Every operator's verb alike: who, why, a rehearsal, and on record when it is refused."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

from recoup.commands.dunning import Dunning
from recoup.core.money import Money
from recoup.errors import InvalidValue, NotPossible, Unreachable
from recoup.processors.fake import Declines
from recoup.processors.fake.idempotency import Fault
from recoup.store.records import commands

DAY = timedelta(days=1)
#: A verb that is an engine's asking, and no operator's decision.
OTHERS = {"send_step"}
#: Verbs that are a customer's too, who needs no reason; what an operator says is kept.
ANYBODYS = {"pay_bad_debt"}
WHY = "a customer called"


def decisions():
    """Every verb that decides something, with its signature."""
    found = inspect.getmembers(Dunning, inspect.isfunction)
    made = {name: inspect.signature(one) for name, one in found if not name.startswith("_")}
    return {
        name: sign
        for name, sign in made.items()
        if "dry_run" in sign.parameters or "key" in sign.parameters
        if name not in OTHERS
    }


def calls(scene, id):
    """Verb -> how it is called so that it can be done; in an order in which each can."""
    (case,) = [row["id"] for row in scene.rows("SELECT id FROM cases WHERE ending IS NULL")]
    owed = [
        row["id"]
        for row in scene.rows(
            "SELECT id FROM invoices WHERE status = 'open' AND first_failed_at IS NOT NULL"
        )
    ]
    (paid,) = [r["id"] for r in scene.rows("SELECT id FROM attempts WHERE state = 'succeeded'")]
    until = {"until": scene.now + 5 * DAY}
    return {
        "recompute_now": ((id,), {}),
        "pause_charging": ((), {}),
        "resume_charging": ((), {}),
        "hold": ((id,), until),
        "promise": ((id,), until),
        "extend_grace": ((id,), {"days": 3}),
        "exempt": ((id,), until),
        "release": ((id,), {}),
        "skip_step": ((case, "restriction_notice"), {}),
        "resend_step": ((case, "reminder"), {}),
        "retry": ((owed[0],), {}),
        "refund": ((paid, Money(100, "EUR")), {}),
        "replay": (([1, 2],), {}),
        "change_policy": ((case, "default/1@"), {}),
        "mark_uncollectible": ((owed[0],), {}),
        "forgive": ((owed[0],), {}),
        "write_off": ((id,), {}),
    }


#: What concerns no single customer is in nobody's ledger: the command itself stays for good.
EVERYBODYS = {"pause_charging", "resume_charging", "replay"}
#: What is done before, where a verb is possible only then.
FIRST = {"resume_charging": "pause_charging", "release": "hold"}
#: Who can not be had twice from one scene, or asks for another scene (bad debt: tests/debts).
APART = {"change_policy", "change_policies", "pay_bad_debt"}


def counts(scene):
    """How much there is of everything that a verb could have added."""
    names = (
        "commands", "ledger_entries", "decisions", "holds", "attempts", "notices", "mails",
        "refunds", "runs", "effects", "settings",
    )  # fmt: skip
    return {name: scene.rows(f"SELECT count(*) n FROM {name}")[0]["n"] for name in names}


@pytest.fixture
def bob(scene):
    """Our id of a subscriber whose renewal failed six days ago."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=31 + 6)
    return scene.customer_id(who)


class TestEveryVerbOfAnOperator:
    def test_takes_a_reason_a_rehearsal_and_a_key(self):
        for name, signature in decisions().items():
            wanted = {"reason", "dry_run"} | ({"key"} if name != "change_policies" else set())

            assert wanted <= {*signature.parameters}, name
            needed = None if name in ANYBODYS else inspect.Parameter.empty
            assert signature.parameters["reason"].default is needed, name
            assert signature.parameters["dry_run"].default is False, name

    def test_is_tried_here(self, scene, bob):
        assert {*calls(scene, bob)} | APART == {*decisions()}

    def test_rehearsed_tells_who_and_why_and_writes_nothing(self, scene, bob, ann):
        for name, (args, more) in calls(scene, bob).items():
            if name in APART or name in FIRST:
                continue
            before = counts(scene)

            told = getattr(ann, name)(*args, **more, reason=WHY, dry_run=True)

            assert counts(scene) == before, name
            kept = (told.verb, told.actor, told.reason, told.dry_run)
            assert kept == (f"dunning.{name}", "cli:ann", WHY, True)
            assert told.changes or name == "recompute_now"

    def test_done_is_on_record_with_who_and_why(self, scene, bob, ann):
        for name, (args, more) in calls(scene, bob).items():
            if name in APART or name in {"mark_uncollectible", "write_off"}:
                continue  # nothing is owed any more once one of the three is done

            told = getattr(ann, name)(*args, **more, reason=WHY)

            assert (told.actor, told.reason, told.dry_run) == ("cli:ann", WHY, False)
            (row,) = scene.rows(
                "SELECT id, actor, state, args->>'reason' AS why FROM commands WHERE kind = :k",
                k=f"dunning.{name}",
            )
            assert (row["actor"], row["state"], row["why"]) == ("cli:ann", "done", WHY), name
            entries = scene.rows(
                "SELECT actor FROM ledger_entries WHERE subject = :s", s=f"command:{row['id']}"
            )
            wanted = set() if name in EVERYBODYS else {"cli:ann"}
            assert {one["actor"] for one in entries} == wanted, name
            scene.pace.settle()

    def test_refused_is_on_record_with_who_and_why(self, scene, bob, ann):
        every = calls(scene, bob)
        ann.forgive(*every["forgive"][0], reason="the first time")
        ann.refund(every["refund"][0][0], reason="all of it")
        for name in (
            "resume_charging", "release", "retry", "refund", "mark_uncollectible", "forgive",
            "write_off", "skip_step", "resend_step",
        ):  # fmt: skip
            args, more = every[name]
            before = counts(scene)["commands"]

            with pytest.raises(NotPossible):
                getattr(ann, name)(*args, **more, reason=WHY)

            rows = scene.rows(
                "SELECT actor, args->>'reason' AS why FROM commands "
                "WHERE kind = :k AND state = 'refused'",
                k=f"dunning.{name}",
            )
            assert [(r["actor"], r["why"]) for r in rows] == [("cli:ann", WHY)], name
            assert counts(scene)["commands"] == before + 1, name

    def test_without_a_reason_is_none(self, scene, bob, ann):
        before = counts(scene)
        for name, (args, more) in calls(scene, bob).items():
            with pytest.raises(InvalidValue, match="reason"):
                getattr(ann, name)(*args, **more, reason=" ")

        assert counts(scene) == before


class TestWhatIsDecidedAboutEverybody:
    def test_is_kept_when_other_commands_are_forgotten(self, scene, ada, ann):
        ann.pause_charging(reason=WHY)
        ann.hold(ada, until=scene.now + DAY, reason=WHY)

        with scene.recoup.database.begin() as connection:
            commands.prune(connection, scene.now + DAY)

        kinds = [row["kind"] for row in scene.rows("SELECT kind FROM commands")]
        assert kinds == ["dunning.pause_charging"]


class TestARefundByAnOperator:
    def test_gives_back_once_however_often_it_is_asked(self, scene, bob, ann):
        args, _ = calls(scene, bob)["refund"]

        made = [ann.refund(*args, reason=WHY, key="press") for _ in range(3)]

        assert len({one.refund.id for one in made}) == 1
        assert made[0].refund.amount == Money(100, "EUR")
        assert scene.rows("SELECT amount FROM refunds") == [{"amount": 100}]

    def test_pressed_again_while_nobody_answers_is_the_same_one(self, scene, bob, ann):
        args, _ = calls(scene, bob)["refund"]
        scene.fake.add_fault(Fault("outage", call="CreateRefund"))

        with pytest.raises(Unreachable):
            ann.refund(*args, reason=WHY)
        ann.refund(*args, reason=WHY)
        scene.live(hours=1)
        afterwards = scene.rows("SELECT amount FROM refunds")
        ann.refund(*args, reason=WHY)

        assert afterwards == [{"amount": 100}]
        assert scene.rows("SELECT amount FROM refunds") == [{"amount": 100}] * 2

    def test_rehearsed_says_how_much_is_left(self, scene, bob, ann):
        (payment, _), _ = calls(scene, bob)["refund"]
        ann.refund(payment, Money(100, "EUR"), reason=WHY)

        told = ann.refund(payment, reason=WHY, dry_run=True)

        assert told.changes == (f"give back 48.00 EUR of payment {payment}",)
        assert told.refund is None
        with pytest.raises(NotPossible, match=r"48.00 EUR remains"):
            ann.refund(payment, Money(4801, "EUR"), reason=WHY, dry_run=True)

    def test_is_made_under_the_operators_name(self, scene, bob, ann):
        args, _ = calls(scene, bob)["refund"]

        ann.refund(*args, reason=WHY)

        kinds = {"dunning.refund", "payments.refund"}
        rows = scene.rows("SELECT kind, actor FROM commands WHERE kind LIKE '%refund'")
        assert {(r["kind"], r["actor"]) for r in rows} == {(kind, "cli:ann") for kind in kinds}
