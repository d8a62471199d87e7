"""A host that follows customers' access, and is not always there."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal

from recoup.access.base import AccessState
from recoup.store import access
from recoup.testing.scene import Scene

HOUR: Final = timedelta(hours=1)
Mood = Literal["down", "forgetful"]


class Host:
    """
    A function of the host's: it keeps what it is told, unless it is down.

    While it is forgetful it does what it is told and says that it failed. One call is made at a
    time, so that a seed always gives the same history.
    """

    def __init__(self, scene: Scene, dice: random.Random) -> None:
        self.held: dict[int, AccessState] = {}
        self._scene = scene
        self._dice = dice
        self._mood: Mood = "down"
        self._until: datetime = scene.now
        scene.recoup.access.use(self._follow, read=self._read)
        for kind in (access.SYNC, access.RESTORE):
            handler = scene.recoup.handlers[kind]
            scene.recoup.handlers[kind] = replace(handler, batch=1)

    def fail(self) -> str:
        """Be down, or forgetful, for some hours."""
        self._mood = self._dice.choice(("down", "down", "forgetful"))
        self._until = self._scene.now + self._dice.randint(1, 60) * HOUR
        return f"the host is {self._mood} until {self._until:%m-%d %H:%M}"

    def recover(self) -> None:
        """Be there again."""
        self._until = self._scene.now

    @property
    def well(self) -> bool:
        return self._scene.now >= self._until

    def _follow(self, state: AccessState) -> None:
        if self._mood == "down" and not self.well:
            raise ConnectionError("the host is down")
        known = self.held.get(state.customer)
        if known is None or known.version < state.version:
            self.held[state.customer] = state
        if not self.well:
            raise TimeoutError("the host has forgotten to answer")

    def _read(self, customer: int) -> AccessState | None:
        if not self.well:
            raise ConnectionError("the host is down")
        return self.held.get(customer)
