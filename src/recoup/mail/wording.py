"""
What becomes of words from outside before a mail shows them.

Everything passes `one_line`, so a value can not add a line to a mail, let alone a header.
"""

from __future__ import annotations

import re
import unicodedata
from email.utils import parseaddr
from typing import Final

#: Longest name, plan or reason that is shown whole, in characters.
LONGEST: Final = 100

#: What a person can not see, but a mail program may obey: controls, line and paragraph ends,
#: halves of surrogate pairs, and the format marks that turn text around.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: The two joiners are format marks that Persian and emoji are spelt with.
JOINERS: Final = frozenset("\u200c\u200d")

_LINK: Final = re.compile(r"(?:(https?)://[\w\[]|mailto:[\w.+-]+@)[!#-;=?-\[\]_a-z~]*", re.ASCII)

#: Consequences a customer does not notice.
SILENT: Final = frozenset({"notify", "write_off"})


def visible(text: str) -> str:
    """Return `text` with a space for each character that can not be seen, line ends included."""
    if text.isprintable():
        return text
    return "".join(
        " " if unicodedata.category(c) in UNSEEN and c not in JOINERS else c for c in text
    )


def one_line(text: str, *, longest: int = LONGEST) -> str:
    """
    Return `text` as one line of visible characters, cut to `longest`.

    What can not be seen becomes a space, runs of spaces one. A cut text ends in "…".
    """
    if len(text) <= longest and text.isprintable():
        return " ".join(text.split())
    # Four times as much is looked at, so that a huge value costs nothing.
    line = " ".join(visible(text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def change(consequence: str) -> str | None:
    """
    Return the name under which the catalogues have a consequence, without what comes after a
    colon; None when a customer does not notice it.
    """
    name = consequence.partition(":")[0]
    return None if name in SILENT else name


def business_of(mail_from: str) -> str:
    """Return the name in a sender such as "Acme <billing@acme.example>", or its domain."""
    name, address = parseaddr(mail_from)
    return one_line(name) or address.rpartition("@")[2]


def is_link(url: str, *schemes: str) -> bool:
    """
    Return whether `url` is one that a mail may lead to, whatever program shows it.

    Args:
        url: As it would stand in the mail: only visible ASCII, and nothing that ends an attribute.
        schemes: Those allowed; by default https and http.
    """
    match = _LINK.fullmatch(url)
    return match is not None and (match[1] or "mailto") in (schemes or ("https", "http"))
