from __future__ import annotations

from recoup.core.consequences import CONSEQUENCES
from recoup.testing.consequences import LastingConformance


class TestWriteOff(LastingConformance):
    name = "write_off"

    def test_takes_nothing_from_the_customer(self):
        assert not CONSEQUENCES["write_off"].takes_away
