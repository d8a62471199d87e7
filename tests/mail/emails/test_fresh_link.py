from dataclasses import replace

import pytest

from recoup.mail.emails.fresh_link.email import FreshLink
from recoup.mail.template import render

LINK = "https://pay.example.com/links/v1.x.y"


@pytest.fixture
def fresh(facts):
    return replace(facts, link=LINK, link_for="pay", days=30)


def words(facts, **told) -> str:
    return " ".join(render(FreshLink.about(facts), **told).text.split())


class TestFreshLink:
    @pytest.mark.parametrize(
        ("purpose", "does", "button"),
        [
            ("pay", "you can pay what is due", "Pay what is due:"),
            ("update", "you can change your payment method", "Change payment method:"),
            ("view", "you can see what is due", "See what is due:"),
            (None, "you can see what is due", "See what is due:"),
        ],
    )
    def test_says_what_it_is_for_and_brings_it(self, fresh, purpose, does, button):
        text = words(replace(fresh, link_for=purpose))

        assert f"With this link {does}." in text
        assert f"{button} {LINK}" in text

    @pytest.mark.parametrize(("days", "holds"), [(1, "for 1 day."), (30, "for 30 days.")])
    def test_says_for_whom_and_for_how_long(self, fresh, days, holds):
        assert f"meant for you alone and works {holds}" in words(replace(fresh, days=days))

    def test_says_that_nothing_has_changed_where_it_was_not_asked_for(self, fresh):
        assert "If you did not ask for it, you can ignore this email. Nothing has changed." in (
            words(fresh)
        )

    def test_says_nothing_of_money(self, fresh):
        assert "49" not in words(fresh)
        assert "Team" not in words(fresh)
