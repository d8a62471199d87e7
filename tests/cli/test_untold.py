"""What could not be told: the deed, its exit code, and what is too long to be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recoup.errors import NotFound, UnknownOption
from recoup.web.api.refusals import refusal

PROGRAM = [sys.executable, "-c", "import sys; from recoup.cli import main; sys.exit(main())"]
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")


def run(environment, *words, into, buffered=True):
    """Run the program with its output into a file."""
    env = {**os.environ, **environment, "PYTHONUNBUFFERED": "" if buffered else "1"}
    with into.open("w") as output:
        return subprocess.run(
            [*PROGRAM, *words], env=env, stdout=output, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60,
        )  # fmt: skip


@needs_full
class TestAFullDisk:
    @pytest.mark.parametrize("buffered", [True, False])
    def test_does_not_hide_that_the_deed_is_done(self, cli, environment, buffered):
        cli("db", "upgrade")
        owner = ("--owner", "user:42")

        said = run(environment, "customers", "create", *owner, into=FULL, buffered=buffered)

        assert said.returncode == 3
        assert said.stderr == (
            "Error: the output could not be written: No space left on device. "
            "What was asked for is done: the same call again would ask again.\n"
        )
        assert cli("customers", "show", "user:42").exit_code == 0

    def test_promises_nothing_of_what_only_reads(self, cli, environment):
        cli("db", "upgrade")

        said = run(environment, "cases", "list", into=FULL)

        assert said.returncode == 3
        assert "may be done" in said.stderr

    def test_leaves_a_refusal_a_refusal(self, cli, environment):
        cli("db", "upgrade")

        said = run(environment, "cases", "release", "user:9", "--reason", "r", "--json", into=FULL)

        assert said.returncode == 2
        assert said.stderr.startswith("Error: there is no customer")
        assert "Traceback" not in said.stderr

    @pytest.mark.parametrize("buffered", [True, False])
    @pytest.mark.parametrize("words", [("--help",), ("--version",), ("cases", "--help")])
    def test_is_no_traceback_of_a_help(self, environment, words, buffered):
        said = run(environment, *words, into=FULL, buffered=buffered)

        assert said.returncode == 3
        assert said.stderr.startswith("Error: the output could not be written: No space left")
        assert said.stderr.count("\n") == 1


class TestWhoStopsReading:
    @pytest.mark.parametrize("words", [("--help",), ("config",)])
    def test_has_heard_enough(self, environment, words):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb", closefd=True) as output:
            said = subprocess.run(
                [*PROGRAM, *words], env={**os.environ, **environment}, stdout=output,
                stderr=subprocess.PIPE, text=True, check=False, timeout=60,
            )  # fmt: skip

        assert (said.returncode, said.stderr) == (3, "")


class TestANumberBelowNothing:
    @pytest.mark.parametrize(
        ("words", "given", "wanted"),
        [
            (("payments", "charge", "user:42", "-1.00 EUR"), "'-1.00 EUR'", "CUSTOMER AMOUNT"),
            (("cases", "show", "-5"), "'-5'", "CASE"),
            (("debts", "show", "-.5"), "'-.5'", "DEBT"),
        ],
    )
    def test_is_named_with_what_was_expected(self, cli, words, given, wanted):
        result = cli(*words)

        said = " ".join(result.stderr.split())
        assert result.exit_code == 2
        assert f"{given} was read as an option, because it begins with '-'" in said
        assert wanted in said
        assert "No such option" not in said

    def test_leaves_other_options_their_suggestion(self, cli):
        assert "No such option '--jsn'" in cli("cases", "show", "5", "--jsn").stderr

    def test_is_refused_behind_two_dashes_for_what_it_is(self, cli):
        cli("db", "upgrade")
        assert "no case -5" in cli("cases", "show", "--", "-5").stderr


class TestARefusal:
    @pytest.mark.parametrize("words", [(), ("--json",)])
    def test_names_the_option_and_no_call_in_a_program(self, cli, words):
        cli("db", "upgrade")
        cli("customers", "create", "--owner", "user:1")

        result = cli("customers", "delete", "user:1", "--reason", "\udcff", *words)

        assert result.exit_code == 2
        assert "reason: expected text without NUL and surrogates" in result.output
        assert "()" not in result.output

    def test_is_worded_alike_for_whoever_asks_over_http(self):
        told = refusal(UnknownOption("holds.hold(): until: expected an instant, got None"))

        assert told.message == "until: expected an instant, got None"


class TestWhatIsTooLong:
    @pytest.mark.parametrize(
        "words",
        [
            ("customers", "show", "x" * 100_000),
            ("invoices", "show", "x " * 50_000),
            ("cases", "show", "x" * 100_000),
            ("x" * 100_000,),
            ("cases", "list", "--" + "x" * 100_000),
        ],
    )
    def test_is_cut(self, cli, words):
        cli("db", "upgrade")

        result = cli(*words)

        assert result.exit_code == 2
        assert "characters)" in result.stderr
        assert len(result.stderr) < 500

    def test_is_cut_in_every_error(self):
        assert str(NotFound(f"no customer {'x' * 1000!r}")) == (
            f"no customer '{'x' * 59}…' (1,000 characters)"
        )

    @pytest.mark.parametrize("text", ["y" * 200, "it's " + "fine, " * 50 + "isn't it"])
    def test_is_nothing_that_can_be_read(self, text):
        assert str(NotFound(text)) == text
