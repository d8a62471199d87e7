from __future__ import annotations

import pytest

from recoup.config import Config
from recoup.errors import ConfigError

SECRET = "s3/cr3t@x"


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("RECOUP_DATABASE_URL", "mysql://x/y"),
            ("RECOUP_DATABASE_URL", "postgresql://u:p@h:notaport/x"),
            ("RECOUP_SMTP_URL", "http://h"),
            ("RECOUP_SMTP_URL", "smtp://u:p@h:99999"),
            ("RECOUP_BASE_URL", "ftp://h"),
            ("RECOUP_BASE_URL", "http://u:p@h/"),
            ("RECOUP_SCHEMA", "1x"),
            ("RECOUP_SCHEMA", "pg_foo"),
            ("RECOUP_PROCESSOR", "paypal"),
            ("RECOUP_POLICY", "/nowhere/policy.toml"),
            ("RECOUP_HOME", ""),
            ("RECOUP_LOG", "loud"),
        ],
    )
    def test_that_are_wrong_name_themselves(self, monkeypatch, name, value):
        monkeypatch.setenv(name, value)

        with pytest.raises(ConfigError, match=name):
            Config.load()

    @pytest.mark.parametrize("name", ["RECOUP_DATABASE_URL", "RECOUP_SMTP_URL"])
    def test_never_show_a_password(self, monkeypatch, name):
        scheme = "postgresql" if "DATABASE" in name else "smtp"
        monkeypatch.setenv(name, f"{scheme}://user:{SECRET}@127.0.0.1/x".replace("/cr", "%2Fcr"))

        shown, _ = Config.load().shown()[name]

        assert shown == f"{scheme}://***@127.0.0.1/x"

    def test_an_empty_url_is_an_unset_one(self, monkeypatch):
        monkeypatch.setenv("RECOUP_DATABASE_URL", "")

        assert Config.load().database_url is None
