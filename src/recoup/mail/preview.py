"""Every mail from its sample, as files to look at. Nothing in them is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from recoup.errors import InvalidValue
from recoup.mail.base import Email
from recoup.mail.emails import EMAILS
from recoup.mail.letter import NOON, SAMPLE
from recoup.mail.message import compose

PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Mails</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; }}
pre {{ background: #f4f4f4; color: #111; padding: 1rem; white-space: pre-wrap; }}
</style>
<h1>Mails</h1>
{mails}
</html>
"""

MAIL: Final = """<h2 id="{name}">{name}</h2>
<p><strong>{subject}</strong> – <a href="{name}.txt">text</a>, <a href="{name}.eml">eml</a></p>
<pre>{text}</pre>"""


def render_all(folder: Path, *, only: str | None = None) -> list[Path]:
    """
    Write every type, or `only` one, into `folder`; return the files, `index.html` first.

    The same code gives the same bytes: the samples' date is fixed. Files of the same name are
    replaced, others stay.

    Raises:
        InvalidValue: no type is called `only`.
    """
    if only is not None and only not in EMAILS:
        raise InvalidValue(f"no mail is called {only!r}; there are {', '.join(EMAILS)}")
    folder.mkdir(parents=True, exist_ok=True)
    samples = {name: EMAILS[name].sample() for name in ([only] if only else EMAILS)}
    index = folder / "index.html"
    sections = "\n".join(_section(name, email) for name, email in samples.items())
    index.write_text(PAGE.format(mails=sections), "utf-8")
    return [index, *_files(folder, samples)]


def _files(folder: Path, samples: dict[str, Email]) -> Iterator[Path]:
    for name, email in samples.items():
        text = folder / f"{name}.txt"
        text.write_text(f"Subject: {email.subject}\n\n{email.text}", "utf-8")
        yield text
        mail = folder / f"{name}.eml"
        message = compose(email, SAMPLE, key=f"preview:{name}", case="preview", date=NOON)
        mail.write_bytes(message.as_bytes())
        yield mail


def _section(name: str, email: Email) -> str:
    return MAIL.format(name=name, subject=escape(email.subject), text=escape(email.text))
