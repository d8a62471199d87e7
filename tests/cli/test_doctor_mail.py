"""What the doctor and a process that starts say about mails."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from logos import SVG, svg
from resend_server import KEY
from sqlalchemy import text

from recoup.billing import Recoup
from recoup.cli.opening import warn_of_address
from recoup.config import Config

#: A process in which the extra `documents` is not installed whole.
WITHOUT = """
import sys
sys.modules["typst"] = None
from recoup.cli import main
main(["doctor", "--json"])
"""
ADDRESS = "Example GmbH, Musterstraße 1, 10115 Berlin, Germany"


def finding(cli, name, **settings):
    told = json.loads(cli("doctor", "--json", **settings).stdout)
    return next((one for one in told["findings"] if one["name"] == name), None)


def in_country(engine, country):
    sql = """INSERT INTO customers (processor, processor_id, country, created_at)
             VALUES ('fake', 'cus_1', :country, now())"""
    with engine.begin() as connection:
        connection.execute(text(sql), {"country": country})


class TestAnAudienceThatIsToBeToldAnAddress:
    @pytest.mark.parametrize("country", ["DE", "IE", "CA"])
    def test_is_a_warning_without_one(self, cli, engine, country):
        in_country(engine, country)

        found = finding(cli, "address")

        assert found["level"] == "warn"
        assert f"customers live in {country}" in found["what"]
        assert "RECOUP_MAIL_ADDRESS" in found["help"]
        assert finding(cli, "address", recoup_mail_address=ADDRESS) is None

    @pytest.mark.parametrize("country", ["US", "BR", None])
    def test_is_none_elsewhere(self, cli, engine, country):
        in_country(engine, country)

        assert finding(cli, "address") is None

    def test_is_named_when_a_process_starts(self, engine, database_url, home, capsys):
        in_country(engine, "DE")
        home.mkdir()
        config = Config.load(database_url=database_url, home=home)

        with Recoup(config) as recoup:
            warn_of_address(recoup)

        assert "customers live in DE" in capsys.readouterr().err


class TestTheSender:
    def test_is_files_unless_the_settings_say_otherwise(self, cli):
        assert "mails become files" in finding(cli, "mail")["what"]

    def test_by_http_is_named_without_its_key(self, cli):
        found = finding(
            cli, "mail", recoup_resend_api_key=KEY, recoup_mail_from="Shop <pay@shop.example>"
        )

        assert (found["level"], "https://api.resend.com" in found["what"]) == ("ok", True)
        assert KEY not in str(found)

    def test_by_http_warns_while_nobody_hears_of_bounces(self, cli):
        settings = {"recoup_resend_api_key": KEY, "recoup_mail_from": "Shop <pay@shop.example>"}
        secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODk="

        assert finding(cli, "bounces", **settings)["level"] == "warn"
        settings["recoup_resend_webhook_secrets"] = secret
        assert finding(cli, "bounces", **settings) is None


class TestPostsThatNobodyUnderstood:
    def test_are_a_warning(self, cli, engine):
        with engine.begin() as connection:
            connection.execute(
                text("""INSERT INTO mail_posts (source, key, raw, received_at, state, reason,
                                                ended_at)
                        VALUES ('resend', 'k', 'x', now(), 'parked', 'no json', now())""")
            )

        assert finding(cli, "bounces")["what"] == "1 posts could not be understood"


class TestDocumentsThatAreWanted:
    @pytest.mark.parametrize("wanted", ["true", "false"])
    def test_are_wrong_only_where_they_are_and_nothing_can_set_them(self, environment, wanted):
        settings = {**os.environ, **environment, "RECOUP_DOCUMENTS": wanted}
        ran = subprocess.run(
            [sys.executable, "-c", WITHOUT], env=settings, capture_output=True, check=False
        )

        found = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}
        assert ("documents" in found) == (wanted == "true")
        if wanted == "true":
            assert found["documents"]["level"] == "wrong"
            assert "typst is not installed" in found["documents"]["what"]
            assert "recoup[documents]" in found["documents"]["help"]

    def test_are_no_finding_where_they_can_be_made(self, cli):
        assert finding(cli, "documents", recoup_documents="true") is None


class TestALogoOfDocuments:
    def test_is_fine_where_it_can_be_set(self, cli, tmp_path):
        file = tmp_path / "logo.svg"
        file.write_bytes(SVG)

        found = finding(cli, "logo", recoup_documents_logo=str(file))

        assert (found["level"], found["what"]) == ("ok", f"{file} is at the head of documents")

    def test_is_wrong_where_it_can_not(self, cli, tmp_path):
        file = tmp_path / "logo.svg"
        file.write_bytes(svg("<script/>"))

        found = finding(cli, "logo", recoup_documents_logo=str(file))

        assert found["level"] == "wrong"
        assert "RECOUP_DOCUMENTS_LOGO: expected an SVG without programs" in found["what"]
        assert "recoup effects retry" in found["help"]

    def test_is_no_finding_where_there_is_none(self, cli):
        assert finding(cli, "logo") is None
