"""
Writes docs/reference from the docstrings; `--check` only says whether it is up to date.

A noun's page has its verbs in the order in which the source has them, its own before those it
inherits: the call, what its words may be, the docstring, arguments and errors. Values are tables
of their fields with the comments behind `#:`. What hosts have no use for is left out.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from recoup import errors, timeline
from recoup.billing import Recoup
from recoup.commands.coupons import Coupons
from recoup.commands.customers import Customers
from recoup.commands.dunning import Dunning
from recoup.commands.invoices import Invoices
from recoup.commands.methods import Methods
from recoup.commands.payments import Payments
from recoup.commands.subscriptions import Subscriptions
from recoup.core import activation, money
from recoup.core.billing import answers, requests, views
from recoup.core.dunning import acts
from recoup.core.dunning import views as debts
from recoup.effects import endpoints as noun
from recoup.effects._mailing import Mailing
from recoup.effects._papers import Papers
from recoup.effects.endpoints import Endpoints
from recoup.entitlements import Entitlements
from recoup.links import Links
from recoup.store.events import catalogue, deliveries, endpoints
from recoup.store.operators import charging, holds
from recoup.timeline import Ledger

FOLDER = Path(__file__).parents[1] / "docs/reference"
#: What a Recoup has, by the name it has it under; changes are verbs of subscriptions.
NOUNS = {
    "customers": Customers,
    "methods": Methods,
    "subscriptions": Subscriptions,
    "invoices": Invoices,
    "payments": Payments,
    "coupons": Coupons,
    "dunning": Dunning,
    "documents": Papers,
    "links": Links,
    "mail": Mailing,
    "entitlements": Entitlements,
    "endpoints": Endpoints,
    "ledger": Ledger,
}
#: Module -> those of its values that hosts meet; None: all.
VALUES: Mapping[ModuleType, frozenset[str] | None] = {
    money: frozenset({"Money"}),
    activation: frozenset({"PaymentGate"}),
    views: None,
    answers: frozenset({"NextAction", "PreviewLine"}),
    requests: frozenset({"ItemChange", "LineWanted"}),
    timeline: frozenset({"Change"}),
    acts: frozenset({"Acted"}),
    debts: None,
    holds: frozenset({"HoldRow"}),
    charging: frozenset({"Pause"}),
    catalogue: frozenset({"Event"}),
    noun: frozenset({"Secret"}),
    endpoints: frozenset({"Endpoint", "Try"}),
    deliveries: frozenset({"Delivery", "Stand"}),
}
SECTIONS = {"Args:": "Arguments", "Raises:": "Raises", "Returns:": "Returns"}
RULES = "What holds for every verb, keys and errors included: [Commands](../commands.md).\n"
WIDTH = 88
#: Names of types that are written out, or described in words.
SAID = frozenset({"Ref", "Host", "Metadata"})
#: Values that hosts make themselves are imported from there.
TAKEN = {money: "recoup", activation: "recoup", catalogue: "recoup", requests: requests.__name__}


def pages() -> dict[str, str]:
    """Return every page of the reference by its file's name."""
    made = {
        f"{name}.md": _page([f"# `recoup.{name}`\n", *_noun(kind)]) for name, kind in NOUNS.items()
    }
    made["recoup.md"] = _page(["# `Recoup`\n", *_noun(Recoup), *_attributes()])
    made["values.md"] = _page(_values())
    made["errors.md"] = _page(_errors())
    return made


def _attributes() -> Iterator[str]:
    yield "## Its nouns\n"
    yield from (f"- [`recoup.{name}`]({name}.md)" for name in NOUNS)


def _page(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _noun(kind: type) -> Iterator[str]:
    yield from _prose(kind)
    if "office" in getattr(kind, "__dataclass_fields__", {}):
        yield RULES
    for verb, function in verbs(kind).items():
        yield f"## `{verb}`\n"
        yield f"```text\n{_signature(verb, function)}\n```\n"
        yield from _words(function)
        yield from _prose(function)
        yield from _returned(function)


def verbs(kind: type) -> dict[str, Any]:
    """Return the verbs for hosts: of a noun with an office those that are marked as such."""
    marked = "office" in getattr(kind, "__dataclass_fields__", {})
    found: dict[str, Any] = {}
    for each in kind.__mro__[:-1]:
        for name, member in vars(each).items():
            function = getattr(member, "__func__", member)
            if name.startswith("_") or not inspect.isfunction(function):
                continue
            if not marked or hasattr(function, "__wrapped__"):
                found.setdefault(name, inspect.unwrap(function))
    return found


def _parameters(function: Any) -> list[inspect.Parameter]:
    """Return what can be given; what is annotated `object` is not there yet and refused."""
    given = list(inspect.signature(function).parameters.values())[1:]
    return [each for each in given if each.annotation != "object"]


def _signature(verb: str, function: Any) -> str:
    parts: list[str] = []
    for each in _parameters(function):
        if each.kind is each.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(_parameter(each))
    result = _plain(inspect.signature(function).return_annotation)
    line = f"{verb}({', '.join(parts)}) -> {result}"
    if len(line) <= WIDTH:
        return line
    return f"{verb}(\n" + "".join(f"    {part},\n" for part in parts) + f") -> {result}"


def _parameter(one: inspect.Parameter) -> str:
    stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    said = f"{stars}{one.name}: {_plain(one.annotation)}"
    return said if one.default is one.empty else f"{said} = {_default(one.default)}"


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        return f"timedelta(seconds={value.total_seconds():.0f})"
    if isinstance(value, Mapping):
        return "…"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _plain(annotation: str) -> str:
    text = re.sub(r"\b(?:views|answers|commands)\.", "", annotation)
    text = re.sub(r"\bMetadata\b", "Mapping[str, str]", text)
    return re.sub(r"\bRef\b", "int | str", text)


def _words(function: Any) -> Iterator[str]:
    """Say what the names of types in a signature stand for, where they are ours."""
    told: dict[str, str] = {}
    for each in _parameters(function):
        for name in re.findall(r"\b[A-Z]\w+", each.annotation):
            meant = function.__globals__.get(name)
            if name not in SAID and get_origin(meant) is not None:
                told[name] = _meaning(meant)
    if told:
        yield from (f"- `{name}` is {meaning}" for name, meaning in told.items())
        yield ""


def _meaning(meant: Any) -> str:
    if get_origin(meant) is Literal:
        return ", ".join(f'`"{word}"`' for word in get_args(meant))
    return f"`{re.sub(r'[a-z_]+[.](?=[a-zA-Z])', '', str(meant))}`"


def _returned(function: Any) -> Iterator[str]:
    """Link the value that comes back."""
    for name in re.findall(r"\b[A-Z]\w+", inspect.signature(function).return_annotation):
        if any(name == kind.__name__ for _, kind in _valued()):
            yield f"**Returns** [`{name}`](values.md#{name.lower()})\n"


def _prose(thing: object) -> Iterator[str]:
    """A docstring as Markdown: sections become lists."""
    text = inspect.getdoc(thing) or ""
    for block in re.split(r"\n\n+", text):
        head, _, rest = block.partition("\n")
        if head in SECTIONS:
            yield f"**{SECTIONS[head]}**\n"
            yield from _items(textwrap.dedent(rest))
        else:
            yield _indented(block) + "\n"


def _indented(block: str) -> str:
    return f"```text\n{textwrap.dedent(block)}\n```" if block.startswith("    ") else block


def _items(text: str) -> Iterator[str]:
    for item in re.split(r"\n(?=\S)", text):
        name, found, meaning = " ".join(item.split()).partition(": ")
        names = ", ".join(map(_linked, name.split(", ")))
        yield f"- {names}: {meaning}" if found else f"- {names}"
    yield ""


def _linked(name: str) -> str:
    """A name, and the way to where it is described if it is an error's."""
    link = f"(errors.md#{name.lower()})"
    return f"[`{name}`]{link}" if hasattr(errors, name) else f"`{name}`"


def _values() -> Iterator[str]:
    yield "# Values\n\nWhat verbs return and take. They are frozen: ask again for news.\n"
    for module, kind in _valued():
        yield f"## `{kind.__name__}`\n"
        if module in TAKEN:
            yield f"`from {TAKEN[module]} import {kind.__name__}`\n"
        yield from _prose(kind) if _told(kind) else ()
        yield from _fields(kind, _comments(module).get(kind.__name__, {}))


def _valued() -> Iterator[tuple[ModuleType, type]]:
    for module, wanted in VALUES.items():
        for name, kind in vars(module).items():
            ours = inspect.isclass(kind) and kind.__module__ == module.__name__
            if ours and (name in wanted if wanted else not issubclass(kind, Ledger)):
                yield module, kind


def _told(kind: type) -> bool:
    return bool(kind.__doc__) and not kind.__doc__.startswith(f"{kind.__name__}(")


def _fields(kind: type, comments: dict[str, str]) -> Iterator[str]:
    if issubclass(kind, Enum):
        rows = [(f"`{each.value}`", comments.get(each.name, "")) for each in kind]
        yield "| value | |\n|---|---|"
    else:
        rows = [
            (f"`{each.name}`: {_type(each.type)}", comments.get(each.name, ""))
            for each in dataclasses.fields(kind)
        ]
        yield "| field | |\n|---|---|"
    yield from (f"| {left} | {right} |" for left, right in rows)
    yield ""


def _type(annotation: object) -> str:
    text = re.sub(
        r"Literal\[(.*?)\]", lambda found: found[1].replace(", ", " | "), str(annotation)
    )
    return text.replace("|", "or").replace("'", '"')


def _comments(module: object) -> dict[str, dict[str, str]]:
    """Return class -> field -> what stands behind its `#:`."""
    source = inspect.getsource(module)  # type: ignore[arg-type]
    lines = source.splitlines()
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                target = getattr(each, "target", None) or next(
                    iter(getattr(each, "targets", ())), None
                )
                told = lines[each.lineno - 1].partition("#:")[2].strip()
                if isinstance(target, ast.Name) and told:
                    found.setdefault(node.name, {})[target.id] = told
    return found


def _errors() -> Iterator[str]:
    yield "# Errors\n"
    head, _, tree = (errors.__doc__ or "").strip().partition("\n\n")
    yield f"{head}\n\n```text\n{tree}\n```\n"
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.RecoupError):
            yield f"## `{name}`\n"
            yield from _prose(kind)


def main() -> int:
    """Write the pages, or with `--check` name those that differ."""
    stale = 0
    made = pages()
    for name, text in made.items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            stale += 1
            if "--check" in sys.argv:
                print(f"{path.name} is not what the docstrings say: run `make docs`")
            else:
                path.write_text(text)
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            stale += 1
            print(f"{path.name} belongs to nothing any more: delete it")
    return 1 if "--check" in sys.argv and stale else 0


if __name__ == "__main__":
    sys.exit(main())
