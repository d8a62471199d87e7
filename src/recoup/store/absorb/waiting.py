"""Which events of a batch wait, for what, and what the others brought."""

from __future__ import annotations


class Waiting:
    """Who waits for whom."""

    def __init__(self) -> None:
        self.parents: dict[int, str] = {}  #: place of the event -> the first thing it lacks
        self.told: set[str] = set()  #: what was told and may be waited for

    def wait(self, event: int, parent: str) -> None:
        """Note that `event` lacks `parent`, "customer:cus_1"; the first lack counts."""
        self.parents.setdefault(event, parent)

    def arrived(self, parent: str) -> None:
        """Note that whoever waits for `parent` may go on."""
        self.told.add(parent)
