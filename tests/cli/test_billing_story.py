"""A business run from a shell: what is asked and what is answered are JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

EUR = "EUR"


def euro(minor: int) -> dict[str, object]:
    return {"minor": minor, "currency": EUR}


@pytest.fixture
def plans(tmp_path):
    path = tmp_path / "plans.toml"
    path.write_text(
        '[plans.team]\nprices = ["price_fake_000001"]\nfeatures = ["export"]\n'
        "limits = {seats = 10}\n"
    )
    return path


@pytest.fixture
def shell(cli, simulated, plans):
    """A shell whose every word must succeed; in the end everything that must be true is."""
    simulated(datetime(2026, 3, 1, tzinfo=UTC))
    cli.env["RECOUP_PLANS"] = str(plans)

    def say(*words: str, exits: int = 0, stdin: bytes | None = None):
        result = cli(*words, "--json", stdin=stdin)
        assert result.exit_code == exits, f"{words}: {result.output}"
        return json.loads(result.stdout)

    yield say
    say("fake", "deliver")
    assert say("verify")["violations"] == []


@pytest.fixture
def price(shell) -> str:
    return shell("fake", "price", "49.00 EUR")["price"]


@pytest.fixture
def ann(shell, price) -> int:
    """A customer with a card that pays."""
    made = shell("customers", "create", "--owner", "user:42", "--email", "ann@example.com")
    method = shell("fake", "method")["method"]
    shell("methods", "attach", "user:42", method, "--default")
    return made["id"]


@pytest.fixture
def subscription(shell, ann, price) -> int:
    started = shell("subscriptions", "start", "user:42", "--price", f"{price}:2", "--key", "s1")
    return started["subscription"]["id"]


class TestAStory:
    def test_from_customer_to_refund(self, shell, ann, price, subscription):
        again = shell("subscriptions", "start", "user:42", "--price", f"{price}:2", "--key", "s1")
        (bill,) = shell("invoices", "list", "--customer", "user:42")["invoices"]
        (paid,) = shell("payments", "list", "--invoice", str(bill["id"]))["payments"]
        may = shell("entitlements", "check", "user:42", "export")
        words = ("payments", "refund", str(paid["id"]), "9.00 EUR", "--key", "r1")
        refund, repeated = shell(*words), shell(*words)
        shell("subscriptions", "cancel", str(subscription), "--at-period-end")
        shell("subscriptions", "resume", str(subscription))
        shell("subscriptions", "cancel", str(subscription), "--now", "--comment", "bye")
        may_not = shell("entitlements", "check", "user:42", "export", exits=1)

        assert again["subscription"]["id"] == subscription
        assert (bill["outcome"], bill["due"]) == ("paid", euro(9800))
        assert (may, may_not) == ({"entitled": True}, {"entitled": False})
        assert refund == repeated
        assert refund["amount"] == euro(900)
        assert shell("payments", "show", str(paid["id"]))["refundable"] == euro(8900)
        assert shell("payments", "refunds", str(paid["id"]))["refunds"] == [refund]
        assert shell("subscriptions", "show", str(subscription))["ended"] is True
        assert shell("commands", "result", "r1") == refund

    def test_of_a_change_that_is_shown_first(self, shell, subscription, price):
        preview = shell("subscriptions", "preview", str(subscription), "--price", f"{price}:5")
        words = ("subscriptions", "change", str(subscription), "--preview", preview["id"])
        changed = shell(*words)
        fewer = shell("subscriptions", "quantity", str(subscription), "3", "--proration", "none")
        item = fewer["items"][0]["id"]
        other = shell("fake", "price", "10 EUR")["price"]
        more = shell(
            "subscriptions", "items", str(subscription),
            "--add", f"{other}:2", "--set", f"{item}=:4", "--proration", "none",
        )  # fmt: skip
        added = next(one["id"] for one in more["items"] if one["price"] == other)
        less = shell("subscriptions", "items", str(subscription), "--remove", added)

        assert preview["due_now"] == euro(3 * 4900)
        assert [one["quantity"] for one in changed["items"]] == [5]
        assert sorted((one["price"], one["quantity"]) for one in more["items"]) == [
            (price, 4),
            (other, 2),
        ]
        assert [one["quantity"] for one in less["items"]] == [4]

    def test_of_a_trial_a_discount_and_a_pause(self, shell, ann, price):
        shell("coupons", "create", "SPRING", "--percent-off", "25", "--duration", "forever")
        shell("coupons", "code", "create", "SPRING", "HELLO", "--customer", "user:42")
        started = shell(
            "subscriptions", "start", "user:42", "--price", price,
            "--trial-days", "7", "--promotion-code", "hello", "--metadata", "team=red",
        )  # fmt: skip
        id = str(started["subscription"]["id"])
        shell("subscriptions", "extend-trial", id, "2026-03-15T00:00:00Z")
        shell("subscriptions", "discount", "remove", id)
        discounted = shell("subscriptions", "discount", "apply", id, "--coupon", "SPRING")
        paused = shell("subscriptions", "pause", id, "--until", "2026-05-01T00:00:00Z")
        resumed = shell("subscriptions", "unpause", id)
        updated = shell("subscriptions", "update", id, "--metadata", "team=")

        assert started["outcome"] == "trialing"
        assert started["subscription"]["metadata"] == {"team": "red"}
        assert discounted["coupon"] == "SPRING"
        assert (paused["paused"], paused["resumes_at"]) == ("void", "2026-05-01T00:00:00Z")
        assert resumed["paused"] is None
        assert updated["trial_end"] == "2026-03-15T00:00:00Z"
        assert updated["metadata"] == {}

    def test_of_invoices_that_are_billed_once(self, shell, ann):
        line = ("--line", "Set-up=120.00 EUR tax 22.80", "--line", "Seats=30 EUR x3")
        draft = shell("invoices", "create", "user:42", *line, "--draft")
        words = ("--send-invoice", "14", "--metadata", "order=7")
        sent = shell("invoices", "create", "user:42", "--line", "Book=10 EUR", *words)
        owed = shell("invoices", "finalize", str(draft["id"]))
        paid = shell("invoices", "pay", str(draft["id"]))
        shell("invoices", "send", str(sent["id"]))
        elsewhere = shell("invoices", "paid-out-of-band", str(sent["id"]), "--reason", "bank")
        closed = {}
        for verb in ("void", "forgive", "uncollectible"):
            words = ("--line", f"{verb}=1 EUR")
            made = shell("invoices", "create", "user:42", *words)
            closed[verb] = shell("invoices", verb, str(made["id"]), "--reason", "r")
        first = shell("invoices", "list", "--customer", "user:42", "--limit", "2")
        after = shell("invoices", "list", "--limit", "9", "--after", str(first["next"]))

        assert (draft["outcome"], owed["outcome"]) == ("draft", "open")
        assert owed["due"] == euro(17280)
        assert (paid["outcome"], paid["amount"]) == ("succeeded", euro(17280))
        assert sent["due_at"] == "2026-03-15T00:00:00Z"
        assert elsewhere["resolved_as"] == "paid_out_of_band"
        assert {verb: one["resolved_as"] for verb, one in closed.items()} == {
            "void": "voided",
            "forgive": "forgiven",
            "uncollectible": "written_off",
        }
        assert [one["id"] for one in first["invoices"]] == [draft["id"], sent["id"]]
        assert (len(after["invoices"]), after["next"]) == (3, None)

    def test_of_a_challenge_that_is_passed(self, shell, ann):
        method = shell("fake", "method", "--payer", "asks")["method"]
        shell("methods", "attach", "user:42", method)
        words = ("user:42", "5.00 EUR", "--description", "Book", "--method", method, "--key", "c")
        waiting = shell("payments", "charge", *words)
        told = shell("fake", "authenticate", str(waiting["invoice_id"]))
        shell("fake", "deliver")
        paid = shell("payments", "charge", *words)

        assert (waiting["outcome"], told["status"]) == ("requires_action", "succeeded")
        assert (paid["id"], paid["outcome"]) == (waiting["id"], "succeeded")

    def test_of_a_payment_in_the_browser_that_is_disputed(self, shell, ann):
        words = ("payments", "intent", "user:42", "5.00 EUR", "--description", "Book")
        bill = str(shell(*words)["invoice"]["id"])
        shell("fake", "confirm", bill, shell("fake", "method")["method"])
        shell("fake", "deliver")
        (paid,) = shell("payments", "list", "--invoice", bill)["payments"]
        made = shell("fake", "dispute", str(paid["id"]), "2.00 EUR")
        shell("fake", "deliver")
        (opened,) = shell("payments", "disputes", "user:42")["disputes"]
        shell("fake", "decide", made["dispute"], "--lost")
        shell("fake", "deliver")
        (lost,) = shell("payments", "disputes", "user:42")["disputes"]

        assert (opened["open"], opened["amount"]) == (True, euro(200))
        assert (lost["open"], lost["lost"]) == (False, True)

    def test_of_coupons_and_codes(self, shell, ann):
        made = shell(
            "coupons", "create", "FIVE", "--amount-off", "5 EUR", "--duration", "repeating",
            "--months", "3", "--max-redemptions", "2", "--redeem-by", "2026-06-01T00:00:00Z",
            "--price", "price_fake_000001", "--name", "Five off",
        )  # fmt: skip
        words = ("--first-time", "--minimum", "20 EUR", "--expires-at", "2026-05-01T00:00:00Z")
        code = shell("coupons", "code", "create", "FIVE", "HI5", *words)
        off = shell("coupons", "code", "disable", "HI5")
        shell("tick", "--now", "2026-03-01T00:00:01Z")  # a processor tells seconds apart, no less
        on = shell("coupons", "code", "enable", "HI5")
        listed = shell("coupons", "code", "list", "--coupon", "FIVE")
        shell("coupons", "delete", "FIVE")

        assert (made["amount_off"], made["prices"]) == (euro(500), ["price_fake_000001"])
        assert (code["first_time"], code["minimum"]) == (True, euro(2000))
        assert (off["active"], on["active"]) == (False, True)
        assert listed["promotion_codes"] == [shell("coupons", "code", "show", "HI5")]
        assert shell("coupons", "show", "FIVE")["deleted"] is True
        assert [one["processor_id"] for one in shell("coupons", "list")["coupons"]] == ["FIVE"]

    def test_of_ways_to_pay(self, shell, ann):
        second, third = (shell("fake", "method")["method"] for _ in "ab")
        for one in (second, third):
            shell("methods", "attach", "user:42", one)
        consent = ("--consented-at", "2026-02-01T00:00:00Z", "--consented-by", "form")
        placed = shell("methods", "backups", "user:42", third, second, *consent)
        shell("methods", "default", "user:42", second)
        shell("methods", "detach", third)
        listed = shell("methods", "list", "user:42")
        setup = shell("methods", "setup", "user:42")
        shell("methods", "clear-backups", "user:42")

        assert [one["backup"] for one in placed["methods"]] == [1, 2]
        assert [one["default"] for one in listed["methods"]] == [True, False]
        assert listed["methods"][0]["processor_id"] == second
        assert setup["status"] == "requires_payment_method"
        assert shell("methods", "show", second)["backup"] is None
        everything = shell("methods", "list", "user:42", "--detached")["methods"]
        assert {one["processor_id"] for one in everything if one["detached"]} == {third}

    def test_of_a_customer_who_is_changed_and_forgotten(self, shell, ann):
        changed = shell(
            "customers", "update", "user:42", "--name", "Ann Lee", "--time-zone", "Europe/Berlin",
            "--metadata", "tier=gold",
        )  # fmt: skip
        here = shell(
            "customers", "tax-location", "user:42", "-",
            stdin=b'{"country": "DE", "postal_code": "10115"}',
        )  # fmt: skip
        put = shell("customers", "put-data", "user:42", "-", stdin=b'{"a": 1, "b": 2}')
        patched = shell("customers", "patch-data", "user:42", '{"b": 3}')
        shell("customers", "delete", "user:42", "--reason", "asked by mail")
        erased = shell("erase", "user:42", "--reason", "asked by mail")

        assert (changed["name"], changed["metadata"]) == ("Ann Lee", {"tier": "gold"})
        assert here["id"] == put["id"] == ann
        assert patched["data"] == {"a": 1, "b": 3}
        assert shell("customers", "show", str(ann), "--personal")["email"] != "ann@example.com"
        assert erased["owner_id"] != "42"
        assert shell("customers", "create", "--owner", "user:42")["id"] != ann

    def test_is_kept_in_the_ledger_with_who_asked(self, shell, ann, subscription):
        shell("subscriptions", "cancel", str(subscription), "--now", "--actor", "cli:bob")
        entries = shell("ledger", "timeline", "user:42")["entries"]
        before = shell("ledger", "as-of", "user:42", "2026-02-28T00:00:00Z")
        after = shell("ledger", "as-of", "user:42", "2026-03-02T00:00:00Z")
        words = ("--subject", f"subscription:{subscription}", "--until", "2026-02-28T00:00Z")

        assert "cli:bob" in {one["actor"] for one in entries}
        assert before == {}
        assert after[f"subscription:{subscription}"]["status"] == "canceled"
        assert shell("ledger", "timeline", "user:42", *words)["entries"] == []
