"""What a shell is told when the answer is no, and what it is never told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from recoup.cli.asking import login
from recoup.cli.commands.fake import the_fake
from recoup.commands.bound import Silent
from recoup.errors import ConfigError
from recoup.processors.fake import FakeProcessor, Fault

BOOK = ("5.00 EUR", "--description", "Book")


@pytest.fixture
def shop(cli, simulated):
    """A terminal on a business with one customer, who has a card that pays."""
    simulated(datetime(2026, 3, 1, tzinfo=UTC))
    cli("customers", "create", "--owner", "user:42", "--email", "ann@example.com")
    method = cli.json("fake", "method")["method"]
    assert cli("methods", "attach", "user:42", method, "--default").exit_code == 0
    return cli


def card(shop, payer: str) -> str:
    method = shop.json("fake", "method", "--payer", payer)["method"]
    shop("methods", "attach", "user:42", method)
    return method


class TestARefusal:
    def test_exits_1_with_a_sentence(self, shop):
        shop("payments", "charge", "user:42", *BOOK, "--key", "k")

        result = shop("payments", "charge", "user:42", "6 EUR", *BOOK[1:], "--key", "k")

        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("Error: the key 'k")

    def test_as_json_is_a_document_too(self, shop):
        shop("payments", "charge", "user:42", *BOOK, "--key", "k")
        words = ("payments", "charge", "user:42", "6 EUR", *BOOK[1:], "--key", "k", "--json")

        result = shop(*words)

        assert result.exit_code == 1
        error = json.loads(result.stdout)["error"]
        assert error["type"] == "KeyConflict"
        assert error["message"] in result.stderr
        assert error["request_id"] is None

    def test_of_the_processor_says_which_request_it_was(self, shop):
        result = shop("methods", "attach", "user:42", "pm_unknown", "--json")

        assert result.exit_code == 1
        error = json.loads(result.stdout)["error"]
        assert error["type"] == "Rejected"
        assert "pm_unknown" in error["message"]

    def test_of_what_is_not_there_exits_2(self, shop):
        result = shop("invoices", "show", "in_unknown", "--json")

        assert result.exit_code == 2
        assert json.loads(result.stdout)["error"]["type"] == "NotFound"

    def test_of_a_stale_version_exits_1(self, shop):
        result = shop("customers", "update", "user:42", "--name", "A", "--version", "1", "--json")

        assert result.exit_code == 1
        assert json.loads(result.stdout)["error"]["type"] == "StaleRecord"

    def test_of_a_second_customer_exits_1_only_where_a_new_one_is_wanted(self, shop):
        words = ("customers", "create", "--owner", "user:42")

        assert shop(*words).exit_code == 0
        assert shop(*words, "--new").exit_code == 1

    def test_is_found_by_its_key_with_its_error(self, shop):
        shop("methods", "attach", "user:42", "pm_unknown", "--key", "k")

        shown = shop.json("commands", "show", "k")
        (listed,) = shop.json("commands", "list", "--state", "refused")["commands"]

        assert (shown["state"], shown["kind"]) == ("refused", "methods.attach")
        assert "pm_unknown" in str(shown["error"])
        assert listed == shown
        for verb in ("result", "wait"):
            assert shop("commands", verb, "k").exit_code == 1
        assert shop("commands", "show", "other").exit_code == 2


class TestAPaymentWithoutMoney:
    @pytest.mark.parametrize(
        ("payer", "outcome", "exits"),
        [("no-funds", "declined", 1), ("asks", "requires_action", 0), ("pays", "succeeded", 0)],
    )
    def test_exits_1_unless_money_may_come(self, shop, payer, outcome, exits):
        words = ("payments", "charge", "user:42", *BOOK, "--method", card(shop, payer), "--json")

        result = shop(*words)

        assert json.loads(result.stdout)["outcome"] == outcome
        assert result.exit_code == exits

    def test_exits_1_for_a_start_that_was_declined(self, shop):
        price = shop.json("fake", "price", "49 EUR")["price"]
        words = ("subscriptions", "start", "user:42", "--price", price)

        result = shop(*words, "--method", card(shop, "declines"), "--json")

        assert json.loads(result.stdout)["outcome"] == "incomplete"
        assert result.exit_code == 1


class TestAWrongCall:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("payments", "charge", "user:42", "5.005 EUR", *BOOK[1:]), "EUR has 2 decimals"),
            (("payments", "charge", "user:42", "5", *BOOK[1:]), "'12.50 EUR', got '5'"),
            (("payments", "charge", "user:42", "5 EUR"), "--description"),
            (("payments", "refund", "1", "--reason", "why"), "requested_by_customer"),
            (("invoices", "create", "user:42", "--line", "x"), "'--line'"),
            (("invoices", "void", "1"), "--reason"),
            (("subscriptions", "cancel", "1"), "exactly one of --now"),
            (("subscriptions", "cancel", "1", "--now", "--at-period-end"), "exactly one of"),
            (("subscriptions", "cancel", "1", "--at", "2026-05-01"), "no time zone"),
            (("subscriptions", "items", "1"), "expected --add, --set or --remove"),
            (("subscriptions", "start", "user:42", "--price", "p:0"), "'--price'"),
            (("customers", "create", "--owner", "42"), "an owner like user:42"),
            (("customers", "put-data", "user:42", "[1]"), "expected a JSON object"),
            (
                ("customers", "update", "user:42", "--metadata", "a=1", "--metadata", "a=2"),
                "twice",
            ),
            (("coupons", "create", "X", "--redeem-by", "2026-05-01"), "no time zone"),
            (("ledger", "as-of", "user:42", "2026-05-01T00:00:00"), "no time zone"),
        ],
    )
    def test_exits_2_and_says_what_was_expected(self, cli, words, told):
        result = cli(*words)

        assert result.exit_code == 2
        assert told in " ".join(result.stderr.split())

    def test_of_the_library_exits_2_and_names_the_option(self, shop):
        result = shop("customers", "update", "user:42", "--time-zone", "Mars")

        assert result.exit_code == 2
        assert "time_zone: expected" in result.stderr

    def test_never_shows_what_may_be_personal(self, cli):
        for words in (
            ("put-data", "user:42", "sesame"),
            ("update", "u:1", "--metadata", "sesame"),
        ):
            result = cli("customers", *words)

            assert result.exit_code == 2
            assert "sesame" not in result.output


class TestASecret:
    @pytest.mark.parametrize(
        "words", [("payments", "intent", "user:42", *BOOK), ("methods", "setup", "user:42")]
    )
    def test_is_printed_only_to_who_asks(self, shop, words):
        hidden = shop(*words, "--key", "k", "--json")
        plain = shop(*words, "--key", "k")
        again = shop("commands", "result", "k", "--json")
        shown = shop(*words, "--key", "k", "--json", "--show-secret")

        secret = json.loads(shown.stdout)["action"]["client_secret"]
        assert "_secret_" in secret
        assert json.loads(hidden.stdout)["action"]["client_secret"] is None
        assert "_secret_" not in hidden.output + plain.output + again.output

    def test_of_a_challenge_is_printed_only_to_who_asks(self, shop):
        words = ("payments", "charge", "user:42", *BOOK, "--method", card(shop, "asks"))
        made = shop.json(*words)

        shown = shop.json("payments", "show", str(made["id"]), "--show-secret")

        assert made["action"]["client_secret"] is None
        assert "_secret_" in shown["action"]["client_secret"]


class TestWhoAsks:
    @pytest.mark.parametrize(("words", "actor"), [((), login()), (("--actor", "bob"), "bob")])
    def test_is_kept_with_the_command_and_in_the_ledger(self, shop, words, actor):
        shop("customers", "update", "user:42", "--name", "Ann", "--key", "k", *words)

        assert shop.json("commands", "show", "k")["actor"] == actor
        entries = shop.json("ledger", "timeline", "user:42")["entries"]
        assert entries[-1]["type"] == "customers.update.done"
        assert entries[-1]["actor"] == actor

    @pytest.mark.parametrize("actor", ["", " ", "a\nb", "a" * 101])
    def test_has_a_name_of_one_line(self, shop, actor):
        result = shop("customers", "update", "user:42", "--name", "Ann", "--actor", actor)

        assert result.exit_code == 2
        assert "actor: " in result.stderr


class TestATerminal:
    def test_is_shown_views_as_names_and_values(self, shop):
        price = shop.json("fake", "price", "49 EUR")["price"]
        shop("subscriptions", "start", "user:42", "--price", price)

        shown = shop("subscriptions", "show", "1").output
        preview = shop("subscriptions", "preview", "1", "--price", f"{price}:3").output
        listed = shop("invoices", "list", "--limit", "1").output

        assert "period end" in shown
        assert "2026-04-01 00:00 UTC" in shown
        assert "98.00 EUR" in preview
        assert "49.00 EUR" in listed
        assert "no such coupons" in shop("coupons", "list").output

    def test_shows_a_customer_without_what_is_personal(self, shop):
        assert "ann@example.com" not in shop("customers", "show", "user:42", "--json").output
        assert "ann@example.com" in shop("customers", "show", "user:42", "--personal").output


class TestEntitlements:
    @pytest.mark.parametrize("who", ["user:42", "user:nobody", "cus_nobody", "7"])
    def test_of_whom_nothing_is_known_are_a_no(self, shop, who):
        assert shop("entitlements", "check", who, "export").exit_code == 1
        assert shop("entitlements", "within", who, "seats", "0").exit_code == 1

    def test_are_shown_of_nobody_with_2(self, shop):
        assert shop("entitlements", "show", "user:nobody").exit_code == 2


class TestTheFake:
    def test_is_played_with_only_where_it_is_the_processor(self):
        with pytest.raises(ConfigError, match=r"RECOUP_PROCESSOR: expected 'fake'.*got 'stripe'"):
            the_fake(Silent("stripe"))

    def test_refuses_a_challenge_that_nobody_waits_for(self, shop):
        bill = shop.json("payments", "intent", "user:42", *BOOK)["invoice"]["id"]

        result = shop("fake", "authenticate", str(bill))

        assert result.exit_code == 1
        assert "does not wait" in result.stderr

    def test_lets_a_challenge_fail_and_a_card_change_its_mood(self, shop):
        method = card(shop, "asks")
        words = ("payments", "charge", "user:42", *BOOK, "--method", method)
        bill = shop.json(*words)["invoice_id"]

        failed = shop.json("fake", "authenticate", str(bill), "--fails")
        shop("fake", "mood", method, "pays")

        assert failed["status"] == "requires_payment_method"
        assert shop.json(*words, "--key", "again")["outcome"] == "succeeded"

    def test_lets_a_refund_be_refused_and_arrive_after_all(self, shop):
        method = card(shop, "pays")
        paid = shop.json("payments", "charge", "user:42", *BOOK, "--method", method)
        words = ("payments", "refund", str(paid["id"]), "1 EUR")
        shop("fake", "refunds", method, "refused")

        refused = shop(*words)
        shop("fake", "refunds", method, "arrive")

        assert refused.exit_code == 1
        assert "charge_not_refundable" in refused.stderr
        assert shop(*words, "--key", "again").exit_code == 0

    def test_lets_money_come_only_where_none_is_owed(self, shop):
        bill = shop.json("payments", "charge", "user:42", *BOOK)["invoice_id"]
        owed = shop.json("payments", "intent", "user:42", *BOOK)["invoice"]["id"]

        slipped = shop.json("fake", "slip", str(bill))

        assert slipped["charge"].startswith("ch_fake_")
        assert shop("fake", "slip", str(owed)).exit_code == 1

    def test_has_bank_debits(self, shop):
        words = ("fake", "method", "--kind", "sepa_debit", "--payer", "slow")
        method = shop.json(*words)["method"]

        assert shop.json("methods", "attach", "user:42", method)["kind"] == "sepa_debit"


class TestGivingUpACommand:
    @pytest.fixture
    def stuck(self, shop, home):
        """Two updates of one customer, "old" and "young", while nobody answers."""
        with FakeProcessor(home / "fake.sqlite3") as fake:
            fake.add_fault(Fault("outage", times=2))
        for key, name in (("old", "Ann"), ("young", "Anna")):
            shop("customers", "update", "user:42", "--name", name, "--key", key)
        return shop

    def test_lets_what_waits_for_it_go_on(self, stuck):
        assert stuck.json("commands", "show", "young")["after"] == "old"

        given_up = stuck("commands", "cancel", "old", "--reason", "by hand")
        name = stuck.json("commands", "wait", "young")["name"]

        assert (given_up.exit_code, name) == (0, "Anna")
        assert "by hand" in str(stuck.json("commands", "show", "old")["error"])
        assert stuck("commands", "cancel", "old", "--reason", "again").exit_code == 1

    def test_is_not_done_by_its_effect(self, stuck):
        (effect, *_) = stuck.json("effects", "list", "--kind", "ask", "--state", "scheduled")[
            "effects"
        ]

        result = stuck("effects", "cancel", str(effect["id"]), "--reason", "x")

        assert result.exit_code == 2
        assert "recoup commands cancel" in result.stderr
