"""What an endpoint is, and what its function is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recoup.billing import Recoup
from recoup.store.database import reading
from recoup.store.queries import customers

PREFIX: Final = "/api/v1"
MOST_ROWS: Final = 100
#: A bigint holds no more digits.
_IDS: Final = 10**18

Cursor = Annotated[int, Meta(ge=0, lt=_IDS, description="Only rows behind this `next`.")]
Limit = Annotated[int, Meta(ge=1, le=MOST_ROWS, description="Rows at most.")]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No field at all."""


class Paging(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every list takes."""

    after: Cursor = 0
    limit: Limit = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that may be answered: who asks is the actor of `recoup`."""

    recoup: Recoup
    id: str  #: what stands in the path for {id}; "" where nothing does
    query: Any
    body: Any
    key: str | None  #: the command's; only endpoints that are keyed have one
    payer: int | None = None  #: the customer who asks in the host's session, for themselves

    def customer(self, reference: str | None = None) -> int:
        """
        Return our id of the customer that the path names, or `reference` does.

        Raises:
            NotFound: nobody has it.
        """
        with reading(self.recoup.database) as connection:
            return customers.find(connection, self.id if reference is None else reference)

    def whose(self) -> int | None:
        """Return our id of the customer that the query names, if it does."""
        named: str | None = self.query.customer
        return None if named is None else self.customer(named)


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of a list, read with one row more than was asked for."""

    found: Sequence[Any]

    def page(self, limit: int) -> tuple[Sequence[Any], int | None]:
        """Return the rows, and the id behind which the next page begins; None on the last."""
        more = len(self.found) > limit
        return self.found[:limit], self.found[limit - 1].id if more else None


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is no JSON."""

    name: str
    content: bytes
    digest: str  #: SHA-256 of the content, which is also its ETag


#: What files are.
MEDIA: Final = "application/pdf"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One method on one path.

    Args:
        path: Behind the prefix; `{id}` is the only part that varies.
        scope: The one that a key must have; no other opens it.
        run: Calls the verb; returns a view, or `Rows` where `listed`.
        answers: The type that is shown, made by `recoup.web.api.shapes`.
        takes: What the body may be, of a POST.
        query: What may stand in the query.
        keyed: It is a command, and its Idempotency-Key is that command's key.
        status: Of the answer when all is well.
        file: It answers with a `File`, which may take its time, and not with JSON.
    """

    method: Literal["GET", "POST"]
    path: str
    scope: str
    summary: str
    run: Callable[[Asked], Any]
    answers: type[Struct]
    takes: type[Struct] = Nothing
    query: type[Struct] = Nothing
    listed: bool = False
    keyed: bool = False
    status: int = 200
    file: bool = False

    @property
    def route(self) -> str:
        """The path as it is served."""
        return PREFIX + self.path

    @property
    def name(self) -> str:
        """What records and figures call it: no id is in it."""
        return f"{self.method} {self.route}"

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"
