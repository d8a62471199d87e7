from __future__ import annotations

import pytest

from recoup.access import STORES
from recoup.access.base import CannotTell
from recoup.access.none import Nobody
from recoup.testing.suites.access import RESTRICTED


class TestNobody:
    def test_takes_what_it_is_told_and_holds_nothing_that_could_be_told(self):
        Nobody().apply(RESTRICTED)

        with pytest.raises(CannotTell, match="the host asks us"):
            Nobody().read(RESTRICTED.customer)

    def test_is_one_of_three(self):
        assert STORES["none"] is Nobody
        assert set(STORES) == {"webhook", "callable", "none"}
