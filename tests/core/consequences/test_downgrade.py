from __future__ import annotations

import pytest

from recoup.core.consequences import consequence
from recoup.errors import InvalidPolicy
from recoup.testing.consequences import AskingConformance


class TestDowngrade(AskingConformance):
    name = "downgrade:price_small"

    def test_says_to_which_price(self):
        assert consequence("downgrade:price_small").to == "price_small"

    @pytest.mark.parametrize("named", ["downgrade", "downgrade:", "downgrade: "])
    def test_without_a_price_is_refused(self, named):
        with pytest.raises(InvalidPolicy, match="does not say to which price"):
            consequence(named)


class TestNaming:
    @pytest.mark.parametrize("named", ["suspend:soon", "suspend:"])
    def test_what_takes_nothing_after_a_colon_is_refused_with_it(self, named):
        with pytest.raises(InvalidPolicy, match="suspend takes nothing after a colon"):
            consequence(named)

    def test_a_stranger_is_refused(self):
        with pytest.raises(InvalidPolicy, match="'explode' is not a consequence"):
            consequence("explode")
