"""
Layouts: ours, and those that a host brings.

A layout is filled with words, never with facts, and whatever it shows is escaped. One of the
host's runs in a sandbox all the same: who may edit it need not be who may run code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from recoup.errors import ConfigError

FOLDER: Final = Path(__file__).parent
NAME: Final = "mail.html"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How a mail looks, as HTML and as text; docs/emails.md lists what it may show."""

    html: Template
    text: Template

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """
        Return the layout in a Jinja2 file of HTML. The text part stays ours.

        Read once, when this is called; what it includes is looked for beside it.

        Raises:
            ConfigError: it can not be read, or is no template.
        """
        environment = _environment(ImmutableSandboxedEnvironment, path.parent, html=True)
        try:
            return cls(environment.get_template(path.name), ours().text)
        except (OSError, UnicodeError, TemplateError) as error:
            raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error

    def fill(self, words: Mapping[str, object]) -> tuple[str, str]:
        """Return HTML and text."""
        return self.html.render(words), self.text.render(words)


@cache
def ours(folder: str | Path = FOLDER) -> Layout:
    """
    Return the layout of a type: its own where it brings one, compiled, else the one of all mails.

    Args:
        folder: Where its catalogues are: under `emails/`, or any folder.
    """
    own = FOLDER.parent / "emails" / folder  # a whole path stays what it is
    if own != FOLDER and not (own / NAME).is_file():
        return ours()
    html = _environment(Environment, own, html=True).get_template(NAME)
    return Layout(html, _environment(Environment, FOLDER, html=False).get_template("mail.txt"))


def _environment(kind: type[Environment], folder: Path, *, html: bool) -> Environment:
    return kind(
        loader=FileSystemLoader(folder),
        autoescape=html,
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=not html,
    )
