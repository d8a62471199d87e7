"""What operators decide, in a shell: who, why, a rehearsal, exit codes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
import pytest

from recoup.cli import main
from recoup.commands.dunning import Dunning
from recoup.web import pay
from recoup.web.api.nouns import ENDPOINTS

#: Every command that decides something, as it can be done in the shop; in an order.
COMMANDS = {
    "recompute": ("2",),
    "pause-charging": (),
    "resume-charging": (),
    "cases hold": ("2", "--until", "2026-02-20T00:00:00Z"),
    "cases promise": ("2", "--until", "2026-02-20T00:00:00Z"),
    "cases grace": ("2", "--days", "3"),
    "cases exempt": ("2", "--until", "2026-02-20T00:00:00Z"),
    "cases release": ("2",),
    "cases skip-step": ("1", "restriction_notice"),
    "cases refund": ("1", "1.00 EUR"),
    "webhooks replay": ("1", "2"),
    "cases retry": ("INVOICE",),
    "debts mark-uncollectible": ("INVOICE",),
    "debts forgive": ("INVOICE",),
    "debts write-off": ("2",),
}
#: Possible only after another one.
LATER = {"resume-charging", "cases release"}
#: Only one of these can be done to a debt.
CLOSING = {"debts mark-uncollectible", "debts write-off", "cases retry"}


def command(words):
    found = main
    for word in words.split():
        found = found.get_command(click.Context(found), word)
    return found


def filled(shop, words):
    """The words, with the id of the invoice that customer 2 owes."""
    if "INVOICE" not in words:
        return words
    (owed,) = [
        one["id"]
        for one in shop.json("invoices", "list", "--customer", "2")["invoices"]
        if one["outcome"] != "paid"
    ]
    return (str(owed),)


def recorded(engine, kind):
    with engine.connect() as connection:
        return connection.exec_driver_sql(
            "SELECT actor, state, args->>'reason' FROM commands "
            f"WHERE kind = 'dunning.{kind}' ORDER BY id"
        ).all()


class TestEveryCommandOfAnOperator:
    @pytest.mark.parametrize(
        "words", [*COMMANDS, "cases set-policy", "cases resend-step", "debts pay"]
    )
    def test_takes_who_why_and_a_rehearsal(self, words):
        options = {option for p in command(words).params for option in p.opts}

        assert {"--reason", "--dry-run", "--actor", "--key", "--json"} <= options

    def test_rehearsed_writes_nothing(self, shop, engine):
        for words, more in COMMANDS.items():
            if words in LATER:
                continue

            result = shop(*words.split(), *filled(shop, more), "--reason", "asked", "--dry-run")

            assert result.exit_code == 0, (words, result.output)
        with engine.connect() as connection:
            (count,) = connection.exec_driver_sql("SELECT count(*) FROM commands").one()
        assert count == 0

    def test_done_keeps_who_and_why(self, shop, engine):
        for words, more in COMMANDS.items():
            if words in CLOSING:
                continue

            told = shop(
                *words.split(), *filled(shop, more), "--reason", "asked", "--actor", "cli:ann"
            )

            assert told.exit_code == 0, (words, told.output)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT kind, actor, args->>'reason' FROM commands WHERE kind LIKE 'dunning.%%'"
            ).all()
        assert len(rows) == len(COMMANDS) - len(CLOSING)
        assert {row[1:] for row in rows} == {("cli:ann", "asked")}

    def test_without_a_reason_is_called_wrongly(self, shop):
        for words, more in COMMANDS.items():
            if words in {"recompute", "webhooks replay"}:
                continue

            result = shop(*words.split(), *more)

            assert result.exit_code == 2, words
            assert "--reason" in result.output

    def test_refused_exits_with_one_and_is_on_record(self, shop, engine):
        for words in ("resume-charging", "cases release 2"):
            result = shop(*words.split(), "--reason", "asked", "--actor", "cli:ann")

            assert result.exit_code == 1, words

        for kind in ("resume_charging", "release"):
            assert recorded(engine, kind) == [("cli:ann", "refused", "asked")]


class TestCharging:
    def test_is_shown_as_it_is(self, shop):
        assert shop.json("cases", "charging") == {"paused": False}

        shop("pause-charging", "--reason", "wrong prices", "--actor", "cli:ann")

        told = shop.json("cases", "charging")
        assert (told["actor"], told["reason"]) == ("cli:ann", "wrong prices")


class TestARetry:
    def test_that_brings_no_money_exits_with_one(self, shop):
        invoice = filled(shop, ("INVOICE",))

        result = shop("cases", "retry", *invoice, "--reason", "asked")

        assert result.exit_code == 1
        assert "declined" in result.output


class TestAnotherPolicy:
    def test_is_for_one_case_or_for_all_of_a_version(self, shop):
        for words in (("1", "--all", "--from", "default/1"), ("--all",), ()):
            result = shop("cases", "set-policy", *words, "--to", "default/2", "--reason", "x")
            assert result.exit_code == 2

    def test_that_is_not_known_is_said(self, shop):
        result = shop("cases", "set-policy", "1", "--to", "default/9", "--reason", "x")

        assert result.exit_code == 2
        assert "no policy default/9 is known" in " ".join(result.output.split())

    def test_that_all_are_to_leave_is_known_too(self, shop):
        words = ("cases", "set-policy", "--all", "--to", "default/1", "--reason", "x")
        result = shop(*words, "--from", "foo/7")

        assert result.exit_code == 2
        assert "no policy foo/7 is known" in " ".join(result.output.split())

    def test_is_named_with_its_version(self, shop):
        result = shop("cases", "set-policy", "1", "--to", "default", "--reason", "x")

        assert result.exit_code == 2
        assert "--to: expected KEY/VERSION" in " ".join(result.output.split())

    def test_that_it_follows_already_is_refused_for_one_and_told_of_many(self, shop):
        one = shop("cases", "set-policy", "1", "--to", "default/1", "--reason", "x")
        assert one.exit_code == 1

        words = ("--all", "--from", "default/1", "--to", "default/1", "--reason", "x")
        many = shop("cases", "set-policy", *words, "--dry-run")

        assert many.exit_code == 1
        assert many.output.count("follows default/1 already") >= 1


class TestAKey:
    def test_makes_recomputing_one_decision(self, shop, engine):
        for _ in range(2):
            assert shop("recompute", "2", "--reason", "x", "--key", "once").exit_code == 0

        assert len(recorded(engine, "recompute_now")) == 1
        assert shop("recompute", "2", "3", "--key", "twice").exit_code == 2


class TestThePageAboutOperators:
    ROWS = tuple(
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in (Path(__file__).parents[2] / "docs/operators.md").read_text().splitlines()
        if line.startswith("| ") and line.count("`POST ") == 1
    )

    def test_has_every_verb_that_decides_something(self):
        named = {row[1].strip("`").partition("(")[0] for row in self.ROWS}
        verbs = {
            name
            for name, one in inspect.getmembers(Dunning, inspect.isfunction)
            if "reason" in inspect.signature(one).parameters and not name.startswith("_")
        }

        assert named == verbs

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
    def test_names_a_command_and_an_endpoint_that_exist(self, row):
        words = re.fullmatch(r"`recoup ((?:[a-z][a-z-]* )*[a-z][a-z-]*)(?: .*)?`", row[2])
        assert words is not None
        assert isinstance(command(words[1]), click.Command)
        path = re.match(r"`POST ([^`]+)`", row[3])
        assert path is not None
        assert path[1] in {one.path for one in (*ENDPOINTS, pay.ENDPOINT) if one.changes}
