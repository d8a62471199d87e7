"""
What callers may pass to a verb, checked against its own signature before anything else happens.

    @verb
    def update(self, customer: Ref, *, email: str | None = None) -> Customer: ...

    customers.update(1, emial="a@b.c")
    UnknownOption: customers.update() has no option 'emial'; did you mean 'email'?

What was passed is never shown unless it is a small number: it may be somebody's address.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of

from recoup.core.billing.contact import storable
from recoup.core.money import Money
from recoup.errors import InvalidValue, UnknownOption

#: Checked by `recoup.core.billing.metadata`, which names the key that is wrong.
Metadata = Annotated[Mapping[str, str], "metadata"]

P = ParamSpec("P")
R = TypeVar("R")

_WORDS: Final[Mapping[object, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    datetime: "an instant with a time zone",
    date: "a date",
    timedelta: "a span of time",
    Money: "Money",
    NoneType: "None",
}
#: How a refusal begins: with the verb as a program calls it.
_CALL: Final = re.compile(r"^[a-z_]+\.[a-z_]+\(\): ")
#: `*args` and `**kwargs` are nobody's single value.
_SEVERAL: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
#: Longer ones are not shown: they could be a card's.
_MOST_DIGITS: Final = 9


def uncalled(refusal: str) -> str:
    """Return what is refused for whoever called no verb, but asked for it elsewhere."""
    return _CALL.sub("", refusal)


def verb(method: Callable[P, R]) -> Callable[P, R]:
    """
    Return `method` that refuses options it does not have and values of another type.

    Annotations are read at the first call, so what they name must be importable at run time.
    `str`, `int`, `bool`, `datetime`, `Money`, classes, `Mapping`, `Sequence`, `tuple`, `Literal`
    and unions are understood; anything else, and what is `Annotated`, passes. Nothing is
    converted.

    Raises:
        UnknownOption: at the call. It suggests the nearest option or word.
    """
    signature = inspect.signature(method)
    name = _shown(method.__qualname__)
    several = {n for n, p in signature.parameters.items() if p.kind in _SEVERAL}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())

    @cache
    def hints() -> Mapping[str, Any]:
        return hints_of(method, include_extras=True)

    @wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not takes_any:
            _known(name, kwargs, signature)
        given = signature.bind(*args, **kwargs).arguments
        for option, value in given.items():
            if option not in {"self", "key"} and not _writable(value):
                raise InvalidValue(f"{name}(): {option}: expected text without NUL and surrogates")
            fault = None if option in several else _fault(value, hints().get(option, Any))
            if fault is not None:
                raise UnknownOption(f"{name}(): {option}: {fault}")
        return method(*args, **kwargs)

    return checked


def _writable(value: object) -> bool:
    """Whether a text, or the texts of a list, can be kept; maps have rules of their own."""
    if isinstance(value, str):
        return storable(value)
    return not isinstance(value, list | tuple) or all(map(_writable, value))


def _known(name: str, given: Mapping[str, object], signature: inspect.Signature) -> None:
    options = [option for option in signature.parameters if option != "self"]
    for option in given:
        if option not in options:
            raise UnknownOption(f"{name}() has no option {option!r}{_nearest(option, options)}")


def _shown(qualified: str) -> str:
    """Return how callers write it: "Customers.update" is customers.update."""
    owner, _, method = qualified.rpartition(".")
    owner = owner.rpartition(".")[2].lower()
    return f"{owner}.{method}" if owner else method


def _nearest(word: str, words: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(words) or 'none'}"


def _fault(value: object, hint: Any) -> str | None:
    """Return what is wrong with `value`, or None."""
    if _fits(value, hint):
        return None
    options = _alternatives(hint)
    inner = [_within(value, option) for option in options]
    for fault in filter(None, inner):
        return fault
    expected = " or ".join(dict.fromkeys(map(_expected, options)))
    if isinstance(value, str):
        words = [w for option in options for w in _literals(option) if isinstance(w, str)]
        near = difflib.get_close_matches(value, words, n=1)
        if words:
            guess = f"; did you mean {near[0]!r}?" if near else ""
            return f"expected {expected}, got another text{guess}"
    return f"expected {expected}, got {_got(value)}"


def _within(value: object, hint: Any) -> str | None:
    """Return what is wrong inside a value that is of the right shape outside."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is None or not inner or not _is_shaped(value, origin):
        return None
    if isinstance(value, Mapping):
        for key, each in value.items():
            fault = _fault(key, inner[0])
            if fault is not None:
                return f"a key: {fault}"
            fault = _fault(each, inner[-1])
            if fault is not None:
                return f"[{key!r:.60}]: {fault}"
        return None
    if isinstance(value, Sequence | AbstractSet):
        for place, each in enumerate(value):
            fault = _fault(each, inner[min(place, len(inner) - 1)] if _fixed(hint) else inner[0])
            if fault is not None:
                return f"[{place}]: {fault}"
    return None


def _fixed(hint: Any) -> bool:
    return get_origin(hint) is tuple and get_args(hint)[-1] is not Ellipsis


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any or origin is Annotated or isinstance(hint, TypeVar):
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(hint))
    if origin is not None:
        return _is_shaped(value, origin) and _within(value, hint) is None
    return _is_plain(value, hint)


def _is_plain(value: object, hint: Any) -> bool:
    if not isinstance(hint, type) or getattr(hint, "_is_protocol", False):
        return True
    # Python counts True among the numbers and an instant among the dates; callers do not.
    if isinstance(value, bool) and hint in (int, float):
        return False
    if isinstance(value, datetime):
        return hint is not date and isinstance(value, hint) and value.utcoffset() is not None
    return isinstance(value, (int, float) if hint is float else hint)


def _is_shaped(value: object, origin: Any) -> bool:
    if not isinstance(origin, type):
        return True
    if isinstance(value, str | bytes) and origin is not type(value):
        return False
    return isinstance(value, origin)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _literals(hint: Any) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _expected(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    shape = get_origin(hint) or hint
    if shape is not hint and isinstance(shape, type):
        return "a map" if issubclass(shape, Mapping) else "a list"
    return _WORDS.get(shape) or str(getattr(shape, "__name__", shape))


def _got(value: object) -> str:
    if isinstance(value, datetime) and value.utcoffset() is None:
        return "one without"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float) and len(repr(value)) <= _MOST_DIGITS:
        return repr(value)
    return "text" if isinstance(value, str) else type(value).__name__
