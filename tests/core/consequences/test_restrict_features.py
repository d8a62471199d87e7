from __future__ import annotations

from recoup.testing.consequences import RestrictionConformance


class TestRestrictFeatures(RestrictionConformance):
    name = "restrict_features"
