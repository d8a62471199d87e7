"""
What Stripe's endpoints take, by the official SDK's own definitions of their parameters.

Each `…Params` of `stripe.params` becomes a tree of `Shape`; a form is checked against it and
becomes integers, booleans, lists and maps. The texts and codes of refusals are Stripe's.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal, TypedDict, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions

from recoup.testing.stripe_server.forms import Form
from recoup.testing.stripe_server.route import Refusal

#: What every endpoint takes and the server plays for all of them.
ALWAYS: Final = frozenset({"expand"})
_OPTIONS: Final = frozenset(RequestOptions.__annotations__)
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")
#: Integers that are instants, by how Stripe names them.
_INSTANT: Final = re.compile(r".*(_at|_date|_end|_start|_anchor)|created|gte?|lte?|start|end")
_LAST_INSTANT: Final = 253_402_300_799  #: of the year 9999
_KEYS, _KEY, _VALUE = 50, 40, 500  #: of metadata


@dataclass(slots=True)
class Shape:
    """What a value may be: any of these. `clears`: an empty text, which unsets it."""

    text: bool = False
    integer: bool = False
    boolean: bool = False
    number: type[float | Decimal] | None = None
    words: tuple[str, ...] = ()
    clears: bool = False
    items: Shape | None = None
    values: Shape | None = None
    maps: tuple[Fields, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """What a map has, by name."""

    known: Mapping[str, Shape]
    required: frozenset[str] = field(default_factory=frozenset)


@lru_cache(maxsize=512)
def fields(definition: type) -> Fields:
    """Return what `definition`, a TypedDict of the SDK, has; request options are left out."""
    own = {k: v for k, v in definition.__annotations__.items() if k not in _OPTIONS}
    holder = type("Own", (), {"__annotations__": own})
    hints = get_type_hints(holder, vars(sys.modules[definition.__module__]))
    required: frozenset[str] = getattr(definition, "__required_keys__", frozenset())
    return Fields({name: shape(hint) for name, hint in hints.items()}, required - _OPTIONS)


def widened(definition: type, **hints: Any) -> type:
    """Return `definition` with more, or other, fields: those of versions before the SDK's own."""
    made: type = TypedDict(definition.__name__, {**definition.__annotations__, **hints})  # type: ignore[misc]
    made.__module__ = definition.__module__  # its other fields are named there
    return made


def shape(hint: Any) -> Shape:
    """Return what a value of the type `hint` may be."""
    made = Shape()
    for one in _alternatives(hint):
        if get_origin(one) is Literal:
            words = [word for word in get_args(one) if word]
            made.clears = made.clears or "" in get_args(one)
            made.words += tuple(words)
        elif get_origin(one) is list:
            made.items = shape(get_args(one)[0])
        elif get_origin(one) is dict:
            made.values = shape(get_args(one)[1])
        elif hasattr(one, "__required_keys__"):  # a TypedDict, of typing or its extensions
            made.maps += (fields(one),)
        elif one is bool:
            made.boolean = True
        elif one is int:
            made.integer = True
        elif one in {float, Decimal}:
            made.number = one
        elif one is str or one is Any:
            made.text = True
    return made


def _alternatives(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in {Union, types.UnionType}:
        for one in get_args(hint):
            yield from _alternatives(one)
    else:
        yield hint


def checked(
    form: Form, definition: type, *, played: frozenset[str], clears: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """
    Return `form` as `definition` understands it.

    Raises:
        Refusal: unknown, missing, wrong, or known to Stripe and not played here.
    """
    params = _Check(clears).of_map(form, fields(definition), "", "")
    _refuse_unplayed(params, played | ALWAYS, "")
    return params


def _refuse_unplayed(value: Any, played: frozenset[str], path: str) -> None:
    if path in played:
        return
    inside = not path or any(name.startswith(path + ".") for name in played)
    if inside and isinstance(value, dict):
        for name, part in value.items():
            _refuse_unplayed(part, played, f"{path}.{name}" if path else name)
    elif inside and isinstance(value, list):
        for part in value:
            _refuse_unplayed(part, played, path)
    elif not (inside and value == ""):
        raise Refusal(
            f"The server for tests does not play the parameter {path}",
            code="not_played",
            param=path,
        )


class _Check:
    """One request's parameters; `param` is their name in brackets, `path` with dots."""

    def __init__(self, clears: frozenset[str]) -> None:
        self._clears = clears

    def of_map(self, form: Form, known: Fields, param: str, path: str) -> dict[str, Any]:
        def inner(name: str) -> str:
            return f"{param}[{name}]" if param else name

        unknown = [inner(name) for name in form if name not in known.known]
        if unknown:
            raise Refusal(
                f"Received unknown parameter{'s' * (len(unknown) > 1)}: {', '.join(unknown)}",
                code="parameter_unknown",
                param=unknown[0],
            )
        for name in sorted(known.required - set(form)):
            raise Refusal(
                f"Missing required param: {inner(name)}.",
                code="parameter_missing",
                param=inner(name),
            )
        return {
            name: self.of(value, known.known[name], inner(name), f"{path}.{name}".lstrip("."))
            for name, value in form.items()
        }

    def of(self, value: Any, wanted: Shape, param: str, path: str) -> Any:
        if isinstance(value, str):
            return self._of_text(value, wanted, param, path)
        listed = _listed(value)
        if wanted.items is not None and listed is not None:
            each = wanted.items
            return [self.of(one, each, f"{param}[{n}]", path) for n, one in enumerate(listed)]
        if isinstance(value, dict) and wanted.values is not None:
            return _metadata(value, wanted.values, param, self, path)
        if isinstance(value, dict) and wanted.maps:
            return self._of_any_map(value, wanted.maps, param, path)
        kind = "array" if wanted.items else "object" if wanted.maps else _kind(wanted)
        raise Refusal(f"Invalid {kind}", param=param)

    def _of_any_map(
        self, value: Form, maps: tuple[Fields, ...], param: str, path: str
    ) -> dict[str, Any]:
        refused: Refusal | None = None
        for known in maps:
            try:
                return self.of_map(value, known, param, path)
            except Refusal as refusal:
                refused = refused or refusal
        assert refused is not None
        raise refused

    def _of_text(self, text: str, wanted: Shape, param: str, path: str) -> Any:
        if "\0" in text:
            raise Refusal(f"Invalid string: {param} has a NUL", param=param)
        if not text:
            if wanted.clears or path in self._clears:
                return ""
            raise Refusal(
                f"You passed an empty string for '{param}'. We assume empty values are an attempt"
                f" to unset a parameter; however '{param}' cannot be unset. You should remove"
                f" '{param}' from your request or supply a non-empty value.",
                code="parameter_invalid_empty",
                param=param,
            )
        if text in wanted.words:
            return text
        if wanted.integer and _INTEGER.fullmatch(text):
            return _whole(int(text), param)
        if wanted.boolean and text in {"true", "false"}:
            return text == "true"
        if wanted.number is not None:
            return _number(text, wanted.number, param)
        if wanted.text and not wanted.words:
            return text
        raise _wrong(text, wanted, param)


def _listed(value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return value
    if all(name.isascii() and name.isdigit() for name in value):
        return [value[name] for name in sorted(value, key=int)]
    return None


def _name(param: str) -> str:
    return param.rpartition("[")[2].rstrip("]")


def _whole(value: int, param: str) -> int:
    if _INSTANT.fullmatch(_name(param)) and not 0 <= value <= _LAST_INSTANT:
        raise Refusal("Invalid timestamp: must be an integer Unix timestamp", param=param)
    return value


def _number(text: str, kind: type[float | Decimal], param: str) -> float | Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise Refusal(f"Invalid decimal: {text}", code="parameter_invalid_decimal", param=param)
    return kind(value)


def _kind(wanted: Shape) -> str:
    if wanted.integer:
        return "integer"
    return "boolean" if wanted.boolean else "string"


def _wrong(text: str, wanted: Shape, param: str) -> Refusal:
    if wanted.integer and _INSTANT.fullmatch(_name(param)):
        return Refusal("Invalid timestamp: must be an integer Unix timestamp", param=param)
    if wanted.integer:
        code = "parameter_invalid_integer"
        return Refusal(f"Invalid integer: {text}", code=code, param=param)
    if wanted.boolean:
        return Refusal(f"Invalid boolean: {text}", param=param)
    if wanted.words:
        return Refusal(f"Invalid {_name(param)}: must be {_one_of(wanted.words)}", param=param)
    return Refusal("Invalid array" if wanted.items else "Invalid object", param=param)


def _one_of(words: tuple[str, ...]) -> str:
    if len(words) == 1:
        return words[0]
    *most, last = words
    return f"one of {', '.join(most)}{',' * (len(most) > 1)} or {last}"


def _metadata(parts: Form, each: Shape, param: str, check: _Check, path: str) -> dict[str, Any]:
    if len(parts) > _KEYS:
        raise Refusal(f"You can have up to {_KEYS} keys, but passed {len(parts)}", param=param)
    for name, value in parts.items():
        for text, most, what in ((name, _KEY, "key"), (value, _VALUE, "value")):
            if isinstance(text, str) and len(text) > most:
                raise Refusal(
                    f"Metadata {what}s can have up to {most} characters, but you passed in a"
                    f" {what} that is {len(text)} characters. Invalid {what}: {text}",
                    param=f"{param}[{name}]",
                )
    return {
        name: value if value == "" else check.of(value, each, f"{param}[{name}]", path)
        for name, value in parts.items()
    }
