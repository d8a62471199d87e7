from __future__ import annotations

import pytest

from recoup.config import Config
from recoup.errors import ConfigError

SECRET = "s3/cr3t@x"
WEBHOOKS = "whsec_of_the_tests_0001"


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
            ("RECOUP_DOCUMENTS_LOGO", "/nowhere/logo.png"),
            ("RECOUP_DOCUMENTS_LOGO", "https://cdn.example.com/logo.png"),
            ("RECOUP_DOCUMENTS_LOGO", "/"),
            ("RECOUP_HOME", ""),
            ("RECOUP_LOG", "loud"),
            ("RECOUP_LIVE_MODE", "perhaps"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", ","),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", f"{WEBHOOKS},"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", f"{WEBHOOKS},,{WEBHOOKS}2"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", f"{WEBHOOKS},{WEBHOOKS}"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", f"{WEBHOOKS} {WEBHOOKS}2"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", "x" * 15),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", "x" * 201),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", "whsec_ümlaut_ümlaut_ümlaut"),
            ("RECOUP_STRIPE_WEBHOOK_SECRETS", ",".join(f"{WEBHOOKS}{n}" for n in range(9))),
            ("RECOUP_QUEUES", "billing,post"),
            ("RECOUP_QUEUES", " , "),
            ("RECOUP_ACTIVATION_MINUTE", "60"),
            ("RECOUP_ACTIVATION_MINUTE", "-1"),
            ("RECOUP_ACTIVATION_MINUTE", "1.5"),
        ],
    )
    def test_that_are_wrong_name_themselves(self, monkeypatch, name, value):
        monkeypatch.setenv(name, value)

        with pytest.raises(ConfigError, match=name):
            Config.load()

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("RECOUP_SCHEMA", "1x", "a name of at most 63 small letters, digits and _"),
            ("RECOUP_SCHEMA", "a" * 64, "a name of at most 63 small letters, digits and _"),
            ("RECOUP_SCHEMA", "x\n", "a name of at most 63 small letters, digits and _"),
            ("RECOUP_CAMPAIGN_ENGINE", "mine", "builtin, or package.module:name"),
        ],
    )
    def test_that_are_no_names_say_in_words_what_was_expected(
        self, monkeypatch, name, value, wanted
    ):
        monkeypatch.setenv(name, value)

        with pytest.raises(ConfigError) as refused:
            Config.load()

        assert str(refused.value).startswith(f"{name}: expected {wanted}")
        assert "pattern" not in str(refused.value)

    @pytest.mark.parametrize("name", ["RECOUP_DATABASE_URL", "RECOUP_SMTP_URL"])
    def test_never_show_a_password(self, monkeypatch, name):
        scheme = "postgresql" if "DATABASE" in name else "smtp"
        monkeypatch.setenv(name, f"{scheme}://user:{SECRET}@127.0.0.1/x".replace("/cr", "%2Fcr"))

        shown, _ = Config.load().shown()[name]

        assert shown == f"{scheme}://***@127.0.0.1/x"

    def test_never_show_what_webhooks_are_signed_with(self, monkeypatch):
        for given in (WEBHOOKS, f"{WEBHOOKS},https://u@{WEBHOOKS}"):
            monkeypatch.setenv("RECOUP_STRIPE_WEBHOOK_SECRETS", given)
            config = Config.load()

            assert config.shown()["RECOUP_STRIPE_WEBHOOK_SECRETS"][0] == "***"
            assert WEBHOOKS not in repr(config) + str(config.model_dump())

        monkeypatch.setenv("RECOUP_STRIPE_WEBHOOK_SECRETS", f"{WEBHOOKS},{WEBHOOKS}")
        with pytest.raises(ConfigError) as raised:
            Config.load()
        assert WEBHOOKS not in str(raised.value)

    @pytest.mark.parametrize("unset", ["", " ", "\t\n"])
    def test_have_no_webhook_secret_that_is_empty(self, monkeypatch, unset):
        monkeypatch.setenv("RECOUP_STRIPE_WEBHOOK_SECRETS", unset)

        assert Config.load().secrets() == ()

    def test_have_several_webhook_secrets_while_they_are_rolled(self, monkeypatch):
        monkeypatch.setenv("RECOUP_STRIPE_WEBHOOK_SECRETS", f" {WEBHOOKS} ,{WEBHOOKS}2\n")

        assert Config.load().secrets() == (WEBHOOKS, f"{WEBHOOKS}2")

    def test_an_empty_url_is_an_unset_one(self, monkeypatch):
        monkeypatch.setenv("RECOUP_DATABASE_URL", "")

        assert Config.load().database_url is None

    def test_name_some_of_the_queues_once_each(self, monkeypatch):
        monkeypatch.setenv("RECOUP_QUEUES", "mail, billing,,mail ")

        loaded = Config.load()

        assert loaded.queues == ("mail", "billing")
        assert loaded.shown()["RECOUP_QUEUES"][0] == "mail,billing"

    def test_name_every_queue_unless_told(self):
        assert Config.load().queues == ("billing", "webhooks", "mail", "documents", "default")

    @pytest.mark.parametrize("minute", [0, 59])
    def test_have_any_minute_of_an_hour(self, monkeypatch, minute):
        monkeypatch.setenv("RECOUP_ACTIVATION_MINUTE", str(minute))

        assert Config.load().activation_minute == minute
