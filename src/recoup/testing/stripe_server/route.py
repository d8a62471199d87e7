"""One route of the server: what it takes, what it does to the fake's world, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recoup.processors.fake.world import BASIL, Session

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request, checked and understood. `session` is the fake's world, all of it or nothing.

    `ids` are those in the path; `params` are decoded by the SDK's own definitions: integers,
    booleans, lists and maps as there, an empty text where Stripe takes it as "clear this".
    """

    session: Session
    ids: tuple[str, ...]
    params: Mapping[str, Any]
    version: str  #: of this request

    @property
    def basil(self) -> bool:
        """Whether this request's version has the shapes of 2025-03-31.basil or later."""
        return self.version[:10] >= BASIL


@dataclass(frozen=True, slots=True)
class Route:
    """
    What one method and path take and do.

    `params` is the SDK's definition of its parameters: what it does not know is refused as
    `parameter_unknown`. `played` are those that the server plays, dotted where nested
    ("items.price"; "metadata" is all of it): what Stripe knows and the server does not play is
    refused by name, never ignored. `clears` are texts, dotted too, that an empty one unsets
    although the SDK's definition does not say so.
    """

    answer: Callable[[Call], Json]
    params: type
    played: frozenset[str] = frozenset()
    clears: frozenset[str] = frozenset()


class Refusal(Exception):
    """
    An error as Stripe answers it. With `kept`, what was done stays done: a decline has effects.

    `more` are further fields of the error object ("payment_intent", "decline_code", …).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        given = {"type": type, "code": code, "message": message, "param": param, **more}
        self.error: Final[Json] = {k: v for k, v in given.items() if v is not None}
