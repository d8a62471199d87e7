from dataclasses import replace

import pytest

from recoup.mail.emails.access_restored.email import AccessRestored
from recoup.mail.template import render


@pytest.fixture
def released(facts):
    return replace(facts, owed=())


class TestAccessRestored:
    def test_says_that_all_is_open_and_asks_for_nothing(self, released, keys):
        email = AccessRestored.about(released)

        assert "your Team subscription" in render(email).subject
        assert {"open", "done", "button"} <= set(keys(email))

    def test_does_not_hide_what_is_still_owed(self, facts, read, keys):
        email = AccessRestored.about(facts)

        assert "€49.00" in read(email)
        assert {"left", "pay"} <= set(keys(email))
        assert "done" not in keys(email)

    def test_speaks_of_no_payment_that_came(self, released, read, keys):
        email = AccessRestored.about(released)

        assert "received" not in read(email)
        assert not [key for key in keys(email) if key.startswith("labels.")]

    def test_speaks_of_an_order_when_nothing_recurs(self, released, read):
        order = AccessRestored.about(replace(released, plan=None, recurring=False))

        assert "your order" in read(order)
        assert "subscription" not in read(order)
