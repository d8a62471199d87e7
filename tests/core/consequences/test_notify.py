from __future__ import annotations

from recoup.core.consequences import CONSEQUENCES
from recoup.core.decide import decide
from recoup.core.policy import Policies
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, owing


class TestNotify:
    def test_takes_nothing_away(self):
        account = decide(owing(), policies=Policies(), rules=load_rules(), now=NOON).desired

        assert not CONSEQUENCES["notify"].takes_away
        assert CONSEQUENCES["notify"].hold(account, account.cases[0], now=NOON) is account
        assert account.restrictions == ()

    def test_has_an_inverse_that_says_so(self):
        assert CONSEQUENCES["notify"].inverse == "nothing was taken away"
