from __future__ import annotations

from recoup.testing.consequences import RestrictionConformance


class TestReadOnly(RestrictionConformance):
    name = "read_only"
