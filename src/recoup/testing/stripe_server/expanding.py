"""
`expand[]`: ids in an answer become the objects they name, and parts that wait to be asked for
are put in. Paths have dots and up to four names; in a list they begin with `data`, one of these.
Source: docs.stripe.com/expand, where `data.payment_method.customer.default_source` is the deepest.

Resources register how an object is shown by the prefix of its id (`SHOWS`), and parts that are
there only when asked for by object and field (`PARTS`, "invoice.payments").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recoup.processors.fake.world import Session
from recoup.testing.stripe_server.route import Json, Refusal

#: (session, id, version) -> the object as that version of the API shows it.
Show = Callable[[Session, str, str], Json]
#: (session, the object it is a part of, version) -> the part.
Part = Callable[[Session, Json, str], Any]

DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Expanding:
    """How this server's objects are shown and what more they have."""

    shows: Mapping[str, Show]
    parts: Mapping[str, Part]

    def show(self, s: Session, id_: str, version: str) -> Json:
        """
        Return the object called `id_`.

        Raises:
            LookupError: nothing with such an id is shown by this server.
        """
        return self.shows[id_.partition("_")[0]](s, id_, version)

    def expanded(self, s: Session, answer: Json, paths: list[str], version: str) -> Json:
        """
        Return `answer` with everything in `paths` put in.

        Raises:
            Refusal: a path is too deep, or nothing that can be expanded is there.
        """
        for path in paths:
            names = path.split(".")
            if len(names) > DEEPEST:
                raise Refusal(
                    f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}"
                )
            self._within(s, answer, names, path, version)
        return answer

    def _within(self, s: Session, at: Any, names: list[str], path: str, version: str) -> None:
        if isinstance(at, list):
            for one in at:
                self._within(s, one, names, path, version)
            return
        if not names or at is None:
            return
        if not isinstance(at, dict):
            raise _not_expandable(path)
        name, *rest = names
        value, part = at.get(name), self.parts.get(f"{at.get('object')}.{name}")
        if part is not None and (value is None or isinstance(value, str)):
            at[name] = part(s, at, version)
        elif isinstance(value, str):
            at[name] = self._named(s, value, path, version)
        elif isinstance(value, list):
            at[name] = [
                self._named(s, one, path, version) if isinstance(one, str) else one
                for one in value
            ]
        elif name not in at or not (value is None or isinstance(value, dict)):
            raise _not_expandable(path)
        self._within(s, at[name], rest, path, version)

    def _named(self, s: Session, id_: str, path: str, version: str) -> Json:
        try:
            return self.show(s, id_, version)
        except LookupError:
            raise _not_expandable(path) from None


def _not_expandable(path: str) -> Refusal:
    hint = (
        ""
        if path.startswith("data.")
        else f" You may want to try expanding 'data.{path}' instead."
    )
    return Refusal(
        f"This property cannot be expanded because it doesn't exist: {path}.{hint}", param="expand"
    )
