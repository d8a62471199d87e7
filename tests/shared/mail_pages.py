"""What a mail program makes of the HTML of a mail: its words, and whether it holds together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
#: What does not end a word.
WITHIN: Final = frozenset({"a", "bdi"})
#: Whatever is loaded when a page is shown, if it is given an address.
LOADING = frozenset({"src", "srcset", "background", "data", "poster"})


class Page(HTMLParser):
    """
    A page that was read. Tags that do not match are in `faults`; words that are shown in `text`,
    in order, with what no program shows left out.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.faults.append(f"<{tag}> says something twice")
        self.tags.append((tag, given))
        self._apart(tag)
        if tag not in VOID:
            unseen = tag in {"head", "style", "script"} or "display:none" in given.get("style", "")
            self._open.append((tag, unseen or (bool(self._open) and self._open[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
            return
        self._open.pop()
        self._apart(tag)

    def _apart(self, tag: str) -> None:
        if tag not in WITHIN:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self._open and not self._open[-1][1]:
            self.text.append(data)

    @property
    def words(self) -> list[str]:
        return words("".join(self.text))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.tags if name == tag]

    def links(self) -> Iterator[str]:
        for _, given in self.tags:
            if "href" in given:
                yield given["href"]

    def loads(self) -> Iterator[str]:
        for tag, given in self.tags:
            yield from (value for name, value in given.items() if name in LOADING)
            if tag in {"link", "script", "iframe", "object", "embed", "form", "base"}:
                yield tag
            yield from re.findall(r"url\(|@import|expression\(", given.get("style", ""))

    def scripts(self) -> list[str]:
        return [name for _, given in self.tags for name in given if name.startswith("on")]


def words(text: str) -> list[str]:
    """Return the words of a text, without marks of direction and of lists."""
    bare = re.sub("[\u2066-\u2069\u200e\u200f]", "", text)
    return [word for word in re.split(r"[\s:：]+|(?<!\S)-(?!\S)", bare) if word]
