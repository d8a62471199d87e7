import pytest

from recoup import wiring
from recoup.config import Config
from recoup.errors import ConfigError

KEY = "k" * 40


class TestTheSettings:
    @pytest.mark.parametrize(
        ("given", "where"),
        [
            (None, "http://localhost:8000"),
            ("https://pay.example.com/x/", "https://pay.example.com/x"),
            ("", "http://localhost:8000"),
        ],
    )
    def test_say_where_the_pages_are(self, given, where):
        pages = wiring.pages(Config.load(secret_key=KEY, links_url=given))

        assert pages is not None
        assert pages.where == where
        assert pages.mailed is bool(given)

    def test_make_no_pages_without_a_key(self):
        assert wiring.pages(Config.load()) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"links_url": "pay.example.com"},
            {"links_url": "https://ann@pay.example.com"},
            {"links_url": "https://pay.example.com/?a=b"},
            {"links_url": "javascript:alert(1)"},
            {"link_days": 0},
            {"link_days": 366},
            {"old_secret_keys": "short"},
            {"old_secret_keys": " ".join(chr(97 + n) * 32 for n in range(9))},
        ],
    )
    def test_that_can_not_be_are_refused(self, wrong):
        with pytest.raises(ConfigError) as refused:
            Config.load(**wrong)

        assert "short" not in str(refused.value)

    def test_keep_old_keys_secret(self):
        config = Config.load(secret_key=KEY, old_secret_keys=f"{'a' * 32} {'b,' * 16}")

        assert config.signed_before() == ("a" * 32, "b," * 16)
        assert "a" * 32 not in repr(config)
        assert config.shown()["RECOUP_OLD_SECRET_KEYS"][0] == "***"
