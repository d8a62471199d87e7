"""
Every mail from its sample, in every language, as files to look at, and pages that show them.

The first page leads through the types; one page for each frames its files, in every language, at
the width of a phone and of a desk. Nothing in any of them is loaded from elsewhere or runs: the
frames are sandboxed. All on one page would be hundreds of frames, which browsers load at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from recoup.errors import InvalidValue
from recoup.mail.base import Brand, Email
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.letter import NOON
from recoup.mail.message import compose
from recoup.mail.template import Rendered, render

#: What a mail can be written as; "pdf" are the documents that a type brings.
FORMATS: Final = ("html", "txt", "eml", "pdf")
#: Widths at which the page shows each mail, in CSS pixels: a phone, and a desk.
PHONE, DESK = 375, 1280

#: Type and language -> name and bytes of each document that such a mail brings.
Documents = Callable[[str, str], Iterable[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One type in one language, with the files that were written of it, by format."""

    type: str
    locale: str
    direction: str
    subject: str
    preview: str
    files: Mapping[str, str]  #: by format, beside the page of the type


def render_all(
    folder: Path,
    *,
    only: str | None = None,
    locale: str | None = None,
    formats: Sequence[str] = ("html", "txt", "eml"),
    brand: Brand | None = None,
    documents: Documents | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[Path]:
    """
    Write every type in every language, as all the formats; return the files, the page first.

    The same code gives the same bytes: the samples' date is fixed. Files of the same name are
    replaced, others stay.

    Args:
        only: This type alone.
        locale: This language alone.
        brand: Who writes; by default the samples' own.
        documents: Makes what mails bring; needed for "pdf".
        progress: Told how many mails are written.

    Raises:
        InvalidValue: there is no such type, language or format.
    """
    _check("mail", only, EMAILS)
    _check("language", locale, SHIPPED)
    for one in formats:
        _check("format", one, FORMATS)
    wanted = [
        (name, tag)
        for name in ([only] if only else EMAILS)
        for tag in ([locale] if locale else SHIPPED)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Shown] = []
    for name, tag in wanted:
        email = _sample(name, tag, brand)
        made.append(_written(folder, name, email, formats, documents))
        progress(len(made))
    pages = _pages(folder, [one for one in made if one.files])
    return [*pages, *(folder / one.type / path for one in made for path in one.files.values())]


def _pages(folder: Path, mails: Sequence[Shown]) -> list[Path]:
    """Write the page that leads to the types, and one for each."""
    loader = PackageLoader("recoup.mail", "layout")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    types: dict[str, list[Shown]] = {}
    for one in mails:
        types.setdefault(one.type, []).append(one)
    locales = {one.locale for one in mails}
    first = next(iter(types), "")
    pages = {
        folder / "index.html": made.get_template("previews.html").render(
            types=types, locales=locales, first=first
        )
    }
    for type, shown in types.items():
        pages[folder / type / "index.html"] = made.get_template("preview.html").render(
            type=type, mails=shown, widths=(PHONE, DESK)
        )
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return list(pages)


def _sample(name: str, tag: str, brand: Brand | None) -> Email:
    email = EMAILS[name].sample()
    facts = replace(email.facts, locale=tag)
    return type(email).about(facts if brand is None else replace(facts, brand=brand))


def _written(
    folder: Path, name: str, email: Email, formats: Sequence[str], documents: Documents | None
) -> Shown:
    rendered = render(email)
    files: dict[str, str] = {}
    (folder / name).mkdir(exist_ok=True)
    for called, content in _contents(name, email, rendered, formats, documents):
        path = f"{rendered.locale}.{called}"
        (folder / name / path).write_bytes(content)
        files[called] = path
    direction = "rtl" if 'dir="rtl"' in rendered.html[:200] else "ltr"
    return Shown(name, rendered.locale, direction, rendered.subject, rendered.preview, files)


def _contents(
    name: str,
    email: Email,
    rendered: Rendered,
    formats: Sequence[str],
    documents: Documents | None,
) -> Iterator[tuple[str, bytes]]:
    """Yield what is written of one mail: how each file ends, and its bytes."""
    brings = tuple(documents(name, rendered.locale)) if documents else ()
    if "html" in formats:
        yield "html", rendered.html.encode()
    if "txt" in formats:
        yield "txt", f"Subject: {rendered.subject}\n\n{rendered.text}".encode()
    if "eml" in formats:
        files = [(called, "application/pdf", content) for called, content in brings]
        message = compose(
            email, email.facts, key=f"preview:{name}:{rendered.locale}", case="preview",
            date=NOON, attachments=files,
        )  # fmt: skip
        yield "eml", message.as_bytes()
    if "pdf" in formats:
        for number, (_, content) in enumerate(brings, 1):
            yield "pdf" if number == 1 else f"{number}.pdf", content


def _check(what: str, name: str | None, known: Iterable[str]) -> None:
    names = tuple(known)
    if name is not None and name not in names:
        raise InvalidValue(f"no {what} is called {name!r}; there are {', '.join(names)}")
