from __future__ import annotations

from recoup.testing.consequences import RestrictionConformance


class TestSuspend(RestrictionConformance):
    name = "suspend"
