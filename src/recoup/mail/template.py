"""
Templates: our own files, filled with values that are never looked at again.

`$name` in a file is replaced by a value; what a value holds stays as it is, be it `$name`,
`{{ }}` or `%s`. A name without a value is an error, not a gap.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Final

#: RFC 5322 asks for at most 78 characters a line; a link is never broken.
WIDTH: Final = 72


@cache
def source(mail: str, name: str) -> str:
    """Return the text of one template file of the mail type `mail`."""
    return (resources.files("recoup.mail.emails") / mail / name).read_text("utf-8")


def filled(template: str, values: Mapping[str, str]) -> str:
    """
    Return `template` with its names replaced, wrapped, paragraphs apart by one empty line.

    A line of the template is a line of the mail, however long. A paragraph that comes out empty
    is left out.

    Raises:
        KeyError: the template names something that has no value.
    """
    paragraphs = (Template(part).substitute(values) for part in template.split("\n\n"))
    return "\n\n".join(_wrapped(part) for part in paragraphs if part.strip()) + "\n"


def _wrapped(paragraph: str) -> str:
    return "\n".join(
        textwrap.fill(
            line.strip(),
            WIDTH,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in paragraph.strip("\n").split("\n")
    )
