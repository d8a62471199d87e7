import pytest

from recoup import wiring
from recoup.config import Config
from recoup.errors import ConfigError


class TestTheSettingsOfMails:
    @pytest.mark.parametrize(
        ("name", "given", "kept"),
        [
            ("mail_business", "  Acme \n GmbH ", "Acme GmbH"),
            ("mail_business", "", None),
            ("mail_support", "help@acme.example", "help@acme.example"),
            ("mail_support", "https://acme.example/help", "https://acme.example/help"),
            ("mail_address", "Acme, Main St 1", "Acme, Main St 1"),
            ("mail_logo", "https://acme.example/logo.png", "https://acme.example/logo.png"),
            ("mail_logo", "", None),
            ("mail_color", "#1F4FD8", "#1f4fd8"),
            ("mail_color", "#fA0", "#ffaa00"),
            ("mail_font", "Source Sans 3", "Source Sans 3"),
            ("mail_locale", "pt-BR", "pt-BR"),
            ("mail_time_zone", "Europe/Berlin", "Europe/Berlin"),
            (
                "mail_unsubscribe_url",
                "https://acme.example/stop?to={to}",
                "https://acme.example/stop?to={to}",
            ),
        ],
    )
    def test_are_taken(self, name, given, kept):
        assert getattr(Config.load(**{name: given}), name) == kept

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("mail_business", "x" * 201),
            ("mail_address", "a\u202eb"),
            ("mail_support", "javascript:alert(1)"),
            ("mail_support", "help"),
            ("mail_support", "a@b\r\nBcc: c@d"),
            ("mail_logo", "http://acme.example/logo.png"),
            ("mail_logo", "https://"),
            ("mail_logo", 'https://acme.example/"onerror="x'),
            ("mail_logo", "file:///etc/passwd"),
            ("mail_color", "red"),
            ("mail_color", "#12345"),
            ("mail_color", "#1f4fd8;x"),
            ("mail_font", "Inter', x"),
            ("mail_font", "}</style>"),
            ("mail_locale", "not a language"),
            ("mail_locale", ""),
            ("mail_time_zone", "Mars/Olympus"),
            ("mail_time_zone", "../../etc/passwd"),
            ("mail_unsubscribe_url", "http://acme.example"),
        ],
    )
    def test_are_refused_by_name(self, name, given):
        with pytest.raises(ConfigError, match=f"RECOUP_{name.upper()}: expected"):
            Config.load(**{name: given})

    def test_make_the_brand(self):
        brand = wiring.brand(Config.load(mail_from="Acme <us@acme.example>", mail_color="#0f766e"))

        assert brand.business == "Acme"
        assert brand.color == "#0f766e"
        assert brand.support is brand.address is brand.logo is brand.unsubscribe_url is None

    def test_name_the_business_otherwise_than_the_sender(self):
        config = Config.load(mail_from="Acme billing <us@acme.example>", mail_business="Acme")

        assert wiring.brand(config).business == "Acme"
