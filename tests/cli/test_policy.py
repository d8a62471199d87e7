from __future__ import annotations

import json
from pathlib import Path

import pytest

SAME = '[[policy]]\nkey = "default"\nversion = 1\n'
#: A timer that is named as one of the host's own is.
TIMER = "recoup.core.collection.timers:class_aware"
PATIENT = """
[[policy]]
key = "default"
version = 2
ladder = [
    { name = "reminded", after = "0d", consequences = ["notify"] },
    { name = "soft", after = "12d", consequences = ["restrict_features"] },
    { name = "ended", after = "28d", consequences = ["cancel"] },
]
steps = [
    { key = "reminder", after = "0d", mail = "dunning_reminder" },
    { key = "final_notice", after = "5d", mail = "dunning_final_notice", announces = "ended" },
]
"""
HASTY = """
[[policy]]
key = "default"
version = 2
ladder = [
    { name = "reminded", after = "0d", consequences = ["notify"] },
    { name = "soft", after = "4d", consequences = ["restrict_features"] },
    { name = "ended", after = "28d", consequences = ["cancel"] },
]
steps = [
    { key = "hurry", after = "1d", mail = "dunning_final_notice", announces = "ended" },
]
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> str:
        file = Path(tmp_path, "policies.toml")
        file.write_text(text)
        return str(file)

    return write


class TestCheck:
    def test_shows_what_a_file_says(self, cli, written):
        result = cli("policy", "check", written(PATIENT))

        assert result.exit_code == 0
        assert "default/2, for everybody" in result.stdout
        assert "rung soft: restrict_features" in result.stdout

    def test_shows_for_whom_a_consequence_is(self, cli, written):
        text = PATIENT.replace(
            '["restrict_features"]',
            '[{ name = "restrict_features", when = { min_amount = "50.00 EUR" } }]',
        )
        result = cli("policy", "check", written(text))

        assert "restrict_features if min_amount 50.00 EUR" in result.stdout

    def test_shows_who_tries_again_and_when(self, cli, written):
        named = f'collector = "processor"\ntimer = "{TIMER}"\n'
        result = cli("policy", "check", written(SAME + named))

        assert f"Who tries again: the processor. Timer: {TIMER}." in result.stdout

    def test_shows_for_which_rollout_a_policy_is(self, cli, written):
        text = SAME + 'rollout = "patience"\n' + SAME.replace('"default"', '"rest"')
        result = cli("policy", "check", written(text))

        assert "default/1, for everybody in the rollout patience" in result.stdout
        assert "rest/1, for everybody\n" in result.stdout

    def test_exits_1_for_a_timer_that_can_not_be_had(self, cli, written):
        result = cli("policy", "check", written(SAME + 'timer = "nowhere.at_all:timer"\n'))

        assert result.exit_code == 1
        assert "the timer 'nowhere.at_all:timer', which can not be had" in result.stderr

    def test_exits_1_when_it_contradicts_itself(self, cli, written):
        result = cli("policy", "check", written(PATIENT.replace('after = "5d"', 'after = "30d"')))

        assert result.exit_code == 1
        assert "step 'final_notice' lies after the ladder's end" in " ".join(result.stderr.split())

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (
                "contact_hours = [8]",
                "contact_hours: expected two whole hours, as [8, 21], got [8]",
            ),
            ("contact_hours = [21, 8]", "as [8, 21], not [21, 8]"),
            ("max_strech = 3", "did you mean 'max_stretch'?); known are applies_to, bounce_hold"),
            ("schedule = 5", "policy 1: schedule: expected a list, got 5"),
            ("steps = 5", "policy 1: steps: expected a list, got 5"),
            ('ladder = "soft"', "policy 1: ladder: expected a list, got 'soft'"),
            ("timer = 5", "policy 1: timer: expected a text, got 5"),
            ('timer = "class-aware"', "'class-aware'; expected class_aware, fixed or package"),
            ('collector = ["recoup"]', "policy 1: collector: expected a text, got ['recoup']"),
            ('collector = "recoop"', "collector 'recoop'; expected processor or recoup"),
            ('min_notice = "999999999d"', "expected a span up to 36500d, got '999999999d'"),
            (
                'applies_to = { country = "Germany" }',
                "applies_to.country: expected a country by ISO 3166, as 'DE', got 'Germany'",
            ),
            (
                'applies_to = { currency = "eur" }',
                "applies_to.currency: expected a currency by ISO 4217, as 'EUR', got 'eur'",
            ),
            ("deep = " + 20_000 * "[", "nested too deeply"),
        ],
    )
    def test_exits_1_and_says_what_is_expected_and_in_which_file(self, cli, written, more, said):
        file = written(f"{SAME}{more}\n")
        result = cli("policy", "check", file)

        told = " ".join(result.stderr.split())
        assert result.exit_code == 1
        assert said in told
        assert f"{Path(file).name}: " in told

    @pytest.mark.parametrize("key", ["5", "[]", '""', '"a/b"'])
    def test_exits_1_for_a_key_that_can_not_be_named(self, cli, written, key):
        result = cli("policy", "check", written(f"[[policy]]\nkey = {key}\nversion = 1\n"))

        assert result.exit_code == 1
        assert "policy 1: key: expected a text without '/', got" in result.stderr

    def test_exits_1_for_a_policy_that_is_no_table(self, cli, written):
        result = cli("policy", "check", written("policy = [5]\n"))

        assert result.exit_code == 1
        assert "policy 1: expected a table, got 5" in result.stderr

    def test_says_which_line_is_no_text(self, cli, tmp_path):
        file = tmp_path / "latin.toml"
        file.write_bytes(b'# policies\n[[policy]]\nkey = "\xe9"\n')

        result = cli("policy", "check", str(file))

        assert result.exit_code == 1
        assert "latin.toml: expected text in UTF-8, and line 3 is none" in result.stderr

    def test_reads_a_file_that_begins_with_a_mark_of_its_encoding(self, cli, written):
        assert cli("policy", "check", written(f"\ufeff{PATIENT}")).exit_code == 0

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (
                'countries = ["AT", "de"]',
                "countries: expected a country by ISO 3166, as 'DE', got 'de'",
            ),
            (
                'currencies = ["€"]',
                "currencies: expected a currency by ISO 4217, as 'EUR', got '€'",
            ),
        ],
    )
    def test_exits_1_for_a_condition_that_no_debt_could_meet(self, cli, written, asked, said):
        of_a_rung = f'[{{ name = "restrict_features", when = {{ {asked} }} }}]'
        of_a_step = f'mail = "dunning_reminder", when = {{ {asked} }}'
        for text in (
            PATIENT.replace('["restrict_features"]', of_a_rung),
            PATIENT.replace('mail = "dunning_reminder"', of_a_step),
        ):
            result = cli("policy", "check", written(text))

            assert result.exit_code == 1
            assert f"policies.toml: policy 1: {said}" in result.stderr

    def test_names_the_consequences_that_there_are(self, cli, written):
        result = cli("policy", "check", written(PATIENT.replace('"cancel"', '"cancell"')))

        assert (
            "'cancell' is not a consequence; there are notify, restrict_features, "
            in result.stderr
        )

    def test_exits_1_for_a_version_below_the_first(self, cli, written):
        result = cli("policy", "check", written('[[policy]]\nkey = "a"\nversion = 0\n'))

        assert result.exit_code == 1
        assert "version begins at 1" in result.stderr

    def test_says_first_what_is_no_consequence(self, cli, written):
        text = PATIENT.replace('after = "5d"', 'after = "30d"').replace('"cancel"', '"cancell"')
        result = cli("policy", "check", written(text))

        assert "'cancell' is not a consequence" in result.stderr


class TestDiff:
    def test_says_by_name_and_field_what_changes(self, shop, written):
        told = shop.json("policy", "diff", written(PATIENT))

        assert told["raise_version"] == []
        assert "default: version: 1 -> 2" in told["differences"]
        assert "default: rung soft, from: 8 d -> 12 d" in told["differences"]
        assert "default: rung limited is gone" in told["differences"]
        assert "default: step final_notice, from: 21 d -> 5 d" in told["differences"]

    def test_says_that_nothing_does(self, shop, written):
        result = shop("policy", "diff", written(SAME))

        assert (result.exit_code, result.stdout) == (0, "Nothing changes.\n")

    def test_exits_1_for_a_version_that_is_kept_with_another_text(self, shop, written):
        file = written(SAME + "max_stretch = 3\n")
        result = shop("policy", "diff", file)

        assert result.exit_code == 1
        assert "default: max_stretch: 2 -> 3" in result.stdout
        assert "default/1 is kept with another text: raise its version." in result.stderr
        assert shop("tick", "--once", recoup_policy=file).exit_code == 2

    def test_says_who_is_to_try_again_and_by_which_timer(self, shop, written):
        file = written(PATIENT + f'collector = "processor"\ntimer = "{TIMER}"\n')
        told = shop.json("policy", "diff", file)

        assert "default: collector: recoup -> processor" in told["differences"]
        assert f"default: timer: class_aware -> {TIMER}" in told["differences"]

    def test_refuses_a_timer_that_can_not_be_had(self, shop, written):
        result = shop("policy", "diff", written(PATIENT + 'timer = "nowhere.at_all:timer"\n'))

        assert result.exit_code == 1
        assert "which can not be had" in result.stderr

    def test_refuses_a_file_that_contradicts_itself(self, shop, written):
        result = shop("policy", "diff", written('[[policy]]\nkey = "a"\n'))

        assert result.exit_code == 1
        assert "version is missing" in result.stderr


class TestDryRun:
    def test_exits_0_where_nobody_is_restricted_sooner(self, shop, written):
        result = shop("policy", "dry-run", written(PATIENT))

        assert result.exit_code == 0, result.output
        assert "3 running cases; 0 would change, 0 restricted sooner." in result.stdout

    def test_exits_1_and_says_who_would_be(self, shop, written):
        result = shop("policy", "dry-run", written(HASTY), "--json")
        told = json.loads(result.stdout)

        assert result.exit_code == 1
        assert (told["cases"], told["sooner"], told["failed"]) == (3, 3, [])
        first = told["changed"][0]
        assert (first["policy"], first["other"]) == ("default/1", "default/2")
        assert first["notices"] == ["hurry"]
        assert first["sooner"] == "soft from 2026-02-05, and without the change on 2026-02-09"

    def test_shows_who_would_be_given_something_back(self, shop, written):
        for day in ("03T12", "06T12", "10T12"):
            shop("tick", "--now", f"2026-02-{day}:00Z")
            shop("worker", "--drain")

        result = shop("policy", "dry-run", written(PATIENT))

        assert result.exit_code == 0, result.output
        assert "soft -> reminded; lift: restrict_features" in result.stdout

    def test_asks_a_timer_that_the_file_brings(self, shop, written):
        result = shop("policy", "dry-run", written(PATIENT + f'timer = "{TIMER}"\n'))

        assert result.exit_code == 0, result.output
        assert "3 running cases; 0 would change" in result.stdout

    def test_writes_nothing(self, shop, written):
        before = shop.json("cases", "list")
        shop("policy", "dry-run", written(HASTY))

        assert shop.json("cases", "list") == before

    def test_says_so_where_nothing_runs(self, cli, written):
        result = cli("policy", "dry-run", written(HASTY))

        assert result.exit_code == 0
        assert "0 running cases; 0 would change" in result.stdout
