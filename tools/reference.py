"""
Writes docs/reference from the docstrings; `--check` only says whether it is up to date.

A verb's page is what its docstring says: first the sentence, then arguments and errors. Values are
tables of their fields with the comments behind `#:`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from recoup import errors
from recoup.commands.changes import Changes
from recoup.commands.coupons import Coupons
from recoup.commands.customers import Customers
from recoup.commands.invoices import Invoices
from recoup.commands.methods import Methods
from recoup.commands.payments import Payments
from recoup.commands.subscriptions import Subscriptions
from recoup.core.billing import answers, views
from recoup.entitlements import Entitlements
from recoup.timeline import Ledger

FOLDER = Path(__file__).parents[1] / "docs/reference"
NOUNS = {
    "customers": Customers,
    "methods": Methods,
    "subscriptions": Subscriptions,
    "changes": Changes,
    "invoices": Invoices,
    "payments": Payments,
    "coupons": Coupons,
    "entitlements": Entitlements,
    "ledger": Ledger,
}
SECTIONS = {"Args:": "Arguments", "Raises:": "Raises", "Returns:": "Returns"}


def pages() -> dict[str, str]:
    """Return every page of the reference by its file's name."""
    made = {f"{name}.md": "\n".join(_noun(name, kind)) + "\n" for name, kind in NOUNS.items()}
    made["values.md"] = "\n".join(_values()) + "\n"
    made["errors.md"] = "\n".join(_errors()) + "\n"
    return made


def _noun(name: str, kind: type) -> Iterator[str]:
    yield f"# `recoup.{name}`\n"
    yield from _prose(kind)
    for verb, function in inspect.getmembers(kind, callable):
        if not verb.startswith("_") and verb not in getattr(kind, "__dataclass_fields__", {}):
            yield f"\n## `{verb}`\n"
            yield f"```text\n{_signature(verb, function)}\n```\n"
            yield from _prose(function)


def _signature(verb: str, function: object) -> str:
    found = inspect.signature(inspect.unwrap(function))  # type: ignore[arg-type]
    parameters = [each for name, each in found.parameters.items() if name != "self"]
    given = str(found.replace(parameters=parameters)).replace("'", "")
    given = re.sub(r"\b(?:views|answers)\.", "", given)
    line = f"{verb}{given}"
    if len(line) <= 88:
        return line
    head, _, result = given.rpartition(")")
    inside = re.split(r", (?![^\[]*\])", head[1:])
    return f"{verb}(\n" + "".join(f"    {each},\n" for each in inside) + f"){result}"


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
        names = ", ".join(f"`{each}`" for each in name.split(", "))
        yield f"- {names}: {meaning}" if found else f"- {name}"
    yield ""


def _values() -> Iterator[str]:
    yield "# Values\n\nWhat verbs return. They are frozen: ask again for news.\n"
    for module in (views, answers):
        comments = _comments(module)
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                yield f"## `{name}`\n"
                yield from _prose(kind) if _told(kind) else ()
                yield from _fields(kind, comments.get(name, {}))


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
    return str(annotation).replace("|", "or")


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
