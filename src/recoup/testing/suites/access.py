"""What all that follows a customer's access promises, as tests: subclass and give a `store`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from recoup.access.base import AccessStore, Ahead, CannotTell
from recoup.core.account.access import STAYS, AccessState, Closed

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLOSED: Final = Closed(
    scope="subscription:7",
    consequence="read_only",
    rung="limited",
    since=NOON,
    reason="unpaid since 2026-02-15, on rung limited",
    closes=("growth", "write"),
    prices=("price_pro",),
    plans=("pro",),
    features=("edit", "seats"),
)
RESTRICTED: Final = AccessState(
    customer=1,
    version=4,
    standing="limited",
    since=NOON,
    processor_id="cus_1",
    owner="team:7",
    restrictions=(CLOSED,),
)
RESTORED: Final = replace(RESTRICTED, version=5, standing="current", restrictions=())


class AccessStoreConformance:
    """
    `store` follows the newest version, whatever comes twice or late, and leaves the floor alone.

    What can not be read is only told: those who can read are looked into as well.
    """

    store: AccessStore

    def held(self, customer: int = 1) -> AccessState | None:
        """Return what the host holds; skips where nobody can tell."""
        try:
            return self.store.read(customer)
        except CannotTell as unknown:
            pytest.skip(str(unknown))

    def test_follows_what_it_is_told(self) -> None:
        self.store.apply(RESTRICTED)

        assert self.held() == RESTRICTED

    def test_told_twice_is_told_once(self) -> None:
        self.store.apply(RESTRICTED)
        self.store.apply(RESTRICTED)

        assert self.held() == RESTRICTED

    def test_gives_back_what_was_taken_away(self) -> None:
        self.store.apply(RESTRICTED)
        self.store.apply(RESTORED)

        found = self.held()
        assert found is not None
        assert found.restored

    def test_does_not_follow_a_version_that_is_older(self) -> None:
        self.store.apply(RESTORED)
        with suppress(Ahead):
            self.store.apply(RESTRICTED)

        assert self.held() == RESTORED

    def test_keeps_customers_apart(self) -> None:
        other = replace(RESTORED, customer=2, version=9)
        self.store.apply(RESTRICTED)
        self.store.apply(other)

        assert (self.held(1), self.held(2)) == (RESTRICTED, other)

    def test_leaves_the_floor_alone(self) -> None:
        self.store.apply(RESTRICTED)

        found = self.held()
        assert found is not None
        assert found.stays == STAYS
        assert all("floor" not in one.closes for one in found.restrictions)
