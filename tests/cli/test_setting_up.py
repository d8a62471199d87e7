"""The commands about the database, the settings, the policies and the mails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recoup.config import Config, variable
from recoup.store import database

RECOUP = Path(sys.executable).with_name("recoup")
POLICY = '[[policy]]\nkey = "gentle"\nversion = 2\n'


@pytest.fixture
def bare(cli, engine):
    """A terminal on a named server that has no schema yet."""
    database.downgrade(engine, "base")
    return cli


class TestTheSchema:
    def test_of_a_named_server_is_left_to_its_owner(self, bare):
        result = bare("customers", "list")

        assert result.exit_code == 2
        assert "run `recoup db upgrade`" in result.output

    def test_is_made_once(self, bare):
        assert bare("db", "current").exit_code == 1
        assert "from nothing to" in bare("db", "upgrade").output
        assert "already" in bare("db", "upgrade").output
        assert bare.json("db", "current")["is_current"] is True
        assert bare("customers", "list").exit_code == 0

    def test_is_taken_back_only_by_someone_who_means_it(self, cli):
        assert cli("db", "downgrade", "base").exit_code == 1
        assert cli.json("db", "current")["is_current"] is True
        assert "to nothing" in cli("db", "downgrade", "base", "--yes").output
        assert cli.json("db", "current")["current"] is None

    def test_of_the_embedded_server_is_made_by_the_first_command(self, cli, home):
        started = cli("customers", "list", recoup_database_url="")
        stopped = cli("db", "stop", recoup_database_url="")
        again = cli("db", "stop", recoup_database_url="")

        assert started.output == "There are no customers.\n"
        assert f"under {home} is stopped" in stopped.output
        assert "No embedded server runs" in again.output

    def test_stop_leaves_a_named_server_alone(self, cli):
        assert "only the embedded one" in cli("db", "stop").output


class TestAHome:
    @pytest.mark.parametrize("inside", ["", "deeper"])
    def test_that_can_be_no_folder_is_named(self, cli, tmp_path, inside):
        taken = tmp_path / "taken"
        taken.touch()

        for words in (("customers", "show", "1"), ("doctor",)):
            result = cli(*words, recoup_home=str(taken / inside), recoup_database_url="")

            said = " ".join(result.output.split())
            assert result.exit_code in {1, 2}
            assert (
                f"RECOUP_HOME: expected a folder, or where one can be made, got '{taken}" in said
            )

    def test_is_not_asked_for_what_only_lists_settings(self, cli):
        assert cli("config", recoup_home="/dev/null").exit_code == 0


class TestConfig:
    def test_lists_every_setting(self, cli):
        told = cli.json("config")["settings"]

        assert [one["name"] for one in told] == [variable(name) for name in Config.model_fields]
        assert all(one["meaning"] for one in told)

    @pytest.mark.parametrize("words", [("config",), ("config", "--json")])
    def test_masks_secrets(self, cli, words):
        result = cli(
            *words,
            recoup_database_url="postgresql://u:sesame@db.test/x",
            recoup_smtp_url="smtp://u:sesame@mail.test",
        )

        assert "db.test" in result.output
        assert "sesame" not in result.output

    def test_of_a_wrong_value_exits_2(self, cli):
        result = cli("config", recoup_log="loud")

        assert result.exit_code == 2
        assert "RECOUP_LOG" in result.output


class TestPolicy:
    def test_that_is_sound_is_shown(self, cli, tmp_path):
        file = tmp_path / "policies.toml"
        file.write_text(POLICY)

        result = cli("policy", "check", str(file))

        assert result.exit_code == 0
        assert "gentle/2, for everybody" in result.output
        assert "rung suspended: suspend" in result.output
        assert cli.json("policy", "check", str(file))["policies"][0]["key"] == "gentle"

    @pytest.mark.parametrize("as_json", [(), ("--json",)])
    def test_that_contradicts_itself_exits_1(self, cli, tmp_path, as_json):
        file = tmp_path / "policies.toml"
        file.write_text(POLICY + "min_notice = 3\n")

        result = cli("policy", "check", str(file), *as_json)

        assert result.exit_code == 1
        assert "expected a span" in result.output

    def test_that_is_not_there_exits_2(self, cli):
        assert cli("policy", "check", "gone.toml").exit_code == 2


class TestMail:
    def test_preview_writes_every_mail_and_an_index(self, cli, tmp_path):
        told = cli.json("mail", "preview", "--to", str(tmp_path / "previews"))

        assert Path(told["files"][0]).name == "index.html"
        assert (tmp_path / "previews/dunning_reminder/en.eml").exists()

    def test_preview_writes_one_alone(self, cli, tmp_path):
        words = ("mail", "preview", "--only", "dunning_reminder", "--to", str(tmp_path))

        assert "Wrote 22 files" in cli(*words).output
        assert not (tmp_path / "dunning_final_notice").exists()

    def test_preview_of_an_unknown_mail_exits_2(self, cli):
        assert cli("mail", "preview", "--only", "postcard").exit_code == 2

    def test_preview_goes_where_it_is_kept_out_of_git(self, tmp_path):
        subprocess.run([RECOUP, "mail", "preview"], cwd=tmp_path, check=True, capture_output=True)

        assert (tmp_path / ".recoup/previews/index.html").exists()
