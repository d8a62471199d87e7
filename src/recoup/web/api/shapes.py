"""
What the API shows of a view: the same fields by the same names, and money by its `amount`.

The types are made of the views' own, so a field that a view gains is shown and documented.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from recoup.core.money import Money

Instant = Annotated[datetime, Meta(tz=True, description="ISO 8601, in UTC.")]


class Amount(Struct, frozen=True, rename={"minor": "amount"}):
    """Money."""

    minor: Annotated[int, Meta(description="In minor units: cents, yen, fils.")]
    currency: Annotated[str, Meta(description="ISO 4217.")]


#: What holds others, and what it is shown as.
_GENERIC: Final[Mapping[type, Any]] = {
    tuple: tuple,
    list: list,
    Sequence: list,
    dict: dict,
    Mapping: dict,
}
#: Of everything that was made, so that one view has one shape and one name.
_made: Final[dict[str, tuple[type, type[Struct]]]] = {}


def shape(view: type, *, name: str | None = None, without: Collection[str] = ()) -> type[Struct]:
    """
    Return the type that is shown of a dataclass.

    Args:
        name: Among the schemas; by default the dataclass's own.
        without: Fields that are not shown.
    """
    name = name or view.__name__
    known = _made.get(name)
    if known is not None:
        assert known[0] is view, f"two shapes are called {name}"  # noqa: S101  a slip of ours
        return known[1]
    hints = get_type_hints(view)
    fields = [
        (one.name, _shown(hints[one.name]))
        for one in dataclasses.fields(view)
        if one.name not in without
    ]
    made = msgspec.defstruct(name, fields, frozen=True, module=__name__)
    made.__doc__ = ""
    _made[name] = (view, made)
    return made


def paged(one: type[Struct]) -> type[Struct]:
    """Return the type of a page of these."""
    rows: Any = tuple[one, ...]  # type: ignore[valid-type]  # made at run time
    after: Any = Annotated[int | None, Meta(description="Of the next page; null: this was all.")]
    return msgspec.defstruct(
        f"{one.__name__}List", [("data", rows), ("next", after, field())], frozen=True
    )


def _shown(hint: Any) -> Any:
    hint = getattr(hint, "__supertype__", hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return reduce(or_, [None if one is NoneType else _shown(one) for one in inner])
    if isinstance(origin, type) and origin in _GENERIC:
        return _GENERIC[origin][tuple(map(_within, inner))]
    return _plain(hint)


def _within(hint: Any) -> Any:
    return hint if hint is Ellipsis else _shown(hint)


def _plain(hint: Any) -> Any:
    if hint is datetime:
        return Instant
    if hint is not Money and dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return shape(hint)
    return Amount if hint is Money else hint
