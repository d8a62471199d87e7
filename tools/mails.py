"""
Compiles the layouts of mails from MJML to Jinja2; `--check` only says which are not up to date.

A layout stands beside what is made of it: `mail.mjml` and `mail.html`, for all mails under
`mail/layout/`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import mrml

MAIL: Final = Path(__file__).parents[1] / "src/recoup/mail"


def compiled(mjml: str) -> str:
    """
    Return the Jinja2 template that a layout in MJML is compiled to.

    Raises:
        ValueError: it is no MJML.
    """
    made = mrml.to_html(mjml)
    if made.warnings:
        raise ValueError("; ".join(str(warning) for warning in made.warnings))
    # MJML has no name for the side at which lines start.
    html = made.content.replace("text-align:left;direction", "text-align:{{ start }};direction")
    return re.sub(r"\n\s+", "\n", re.sub(r"<!-- .*? -->", "", html)) + "\n"


def stale() -> Iterator[tuple[Path, str]]:
    """Yield each compiled layout that is not what its source is compiled to, and that."""
    for source in sorted(MAIL.rglob("*.mjml")):
        target, html = source.with_suffix(".html"), compiled(source.read_text("utf-8"))
        if not target.is_file() or target.read_text("utf-8") != html:
            yield target, html


def main() -> int:
    found = list(stale())
    for target, html in found:
        if "--check" in sys.argv[1:]:
            print(f"{target} is not up to date: run `python tools/mails.py`")
        else:
            target.write_text(html, "utf-8")
            print(f"wrote {target}")
    return 1 if found and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
