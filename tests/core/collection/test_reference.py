"""The tables load whole, and nothing in them is skipped."""

from __future__ import annotations

import csv
from importlib import resources

import pytest

from recoup.errors import ConfigError
from recoup.reference import COLUMNS, load_rules, parse

DATA = resources.files("recoup") / "data"
FILES = {name: (DATA / name).read_text("utf-8") for name in COLUMNS}


def rows(name):
    return list(csv.DictReader(FILES[name].splitlines()))


class TestLoading:
    def test_is_done_once(self):
        assert load_rules() is load_rules()

    @pytest.mark.parametrize(
        ("name", "table"),
        [
            ("stripe_decline_codes.csv", lambda r: r.declines),
            ("iso8583_codes.csv", lambda r: r.iso8583),
            ("mastercard_mac.csv", lambda r: r.mastercard),
            ("ach_return_codes.csv", lambda r: r.debits["us_bank_account"]),
            ("sepa_reason_codes.csv", lambda r: r.debits["sepa_debit"]),
        ],
    )
    def test_keeps_every_row(self, rules, name, table):
        assert [row["code"] for row in rows(name)] == list(table(rules))

    def test_keeps_every_other_table(self, rules):
        assert set(rules.visa) == {r["response_code"] for r in rows("visa_categories.csv")}
        assert len(rules.limits) == len(rows("network_limits.csv"))
        assert set(rules.schemes) == {r["scheme"] for r in rows("direct_debit_retryable.csv")}
        assert set(rules.advice) == {"do_not_try_again", "try_again_later", "confirm_card_data"}

    def test_tells_the_two_reports_of_bacs_apart(self, rules):
        bacs = rules.debits["bacs_debit"]

        assert bacs["1"] is bacs["ARUDD-1"]
        assert bacs["ADDACS-1"].meaning == "instruction cancelled by payer"

    def test_knows_the_edition_of_every_file(self, rules):
        assert {e.file for e in rules.editions} == set(COLUMNS) - {"editions.csv"}
        assert all(e.edition for e in rules.editions)

    def test_reads_the_numbers_of_the_limits(self, rules):
        assert [(w.limit, w.span.days) for w in rules.windows["visa"]] == [(20, 30)]
        assert [(w.limit, w.span.days) for w in rules.windows["mastercard"]] == [(10, 1), (35, 30)]
        assert str(rules.windows["mastercard"][0].fee) == "0.50 USD"
        assert rules.recommended_max == 8
        assert rules.barred_countries == {"IN"}

    def test_prefers_a_published_number_of_representments_to_a_habit(self, rules):
        schemes = rules.schemes

        assert (schemes["ACH"].representments, schemes["ACH"].window.days) == (2, 180)
        assert (schemes["SEPA"].representments, schemes["SEPA"].window.days) == (2, 42)
        assert (schemes["Bacs"].representments, schemes["Bacs"].window.days) == (3, 28)
        assert schemes["SEPA"].only_in == {"MS03": {"AT", "BE", "DE", "LU", "SK"}}


class TestAFaultyFile:
    @pytest.mark.parametrize(
        ("name", "old", "new", "complaint"),
        [  # the name without "_codes.csv" where that is how it ends
            ("stripe_decline_codes.csv", ",soft,payday,", ",sfot,payday,", "2: class is 'sfot'"),
            ("stripe_decline_codes.csv", ",payday,", ",someday,", "2: retry_policy is"),
            ("stripe_decline_codes.csv", ",yes,add", ",maybe,add", "row 2: disclosure is 'maybe'"),
            ("stripe_decline_codes.csv", ",8,24,", ",eight,24,", "row 2: max_retries_same_pm"),
            ("stripe_decline_codes.csv", "\ngeneric_decline", "\ndo_not_honor", "is there twice"),
            ("iso8583_codes.csv", ",disclosure,", ",secrecy,", "row 1: columns are"),
            ("iso8583_codes.csv", "none,,ISO", "yes,,ISO", "a wording in"),
            ("ach_return_codes.csv", ",payday,2,", ",payday,two,", "2: max_reinitiations"),
            ("sepa_reason_codes.csv", ",hard,", ",hrad,", "row 2: class is 'hrad'"),
            ("bacs_reason_codes.csv", ",soft,payday,", ",soft,,", "row 2: retry_policy is ''"),
            ("mastercard_mac.csv", ",wait,1,", ",wait,one,", "row 9: wait_hours is 'one'"),
            ("visa_categories.csv", ",no,0,", ",no,none,", "row 2: max_reattempts is 'none'"),
            ("network_limits.csv", "category 1 reattempt", "category 9", "2: rule is"),
            ("network_limits.csv", ",10 declines,", ",ten declines,", "5: limit is"),
            ("network_limits.csv", "rolling 30 d", "a month or so", "3: window is"),
            ("direct_debit_retryable.csv", "MS03 in AT", "MS03 in at", "row 8: retryable_codes"),
            ("direct_debit_retryable.csv", "\nBacs,", "\nBax,", "there is no row for Bacs"),
            ("direct_debit_retryable.csv", ",TK82-1,3,4 weeks,", ",TK82-1,3,", "has not one cell"),
        ],
    )  # fmt: skip
    def test_is_refused_by_file_row_and_value(self, name, old, new, complaint):
        assert old in FILES[name]
        faulty = {**FILES, name: FILES[name].replace(old, new, 1)}

        with pytest.raises(ConfigError, match=f"data.*({complaint})"):
            parse(faulty)
