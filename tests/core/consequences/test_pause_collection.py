from __future__ import annotations

from recoup.testing.consequences import AskingConformance


class TestPauseCollection(AskingConformance):
    name = "pause_collection"
