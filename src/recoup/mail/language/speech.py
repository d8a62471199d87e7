"""
From the parts of a mail to words in one language.

A value from outside is shown as it is: in HTML it is escaped, no name in it is filled, and where
letters run in both directions it is set apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from recoup.core.money import Money
from recoup.mail.language import formats
from recoup.mail.language.catalogues import Catalogue, Entry, Sentence
from recoup.mail.language.locales import Tongue
from recoup.mail.language.words import NOTHING, Words, apart, capital, escaped, turns, words
from recoup.mail.parts import Day, Link, Moment, Month, Percent, Say, Term, Value
from recoup.mail.wording import is_link, one_line

#: How many of a list are told by name.
MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Speech:
    """A mail's own words and those that all share, in one language, and a place's clock."""

    own: Catalogue
    shared: Catalogue
    tongue: Tongue
    place: ZoneInfo

    def has(self, key: str) -> bool:
        """Whether the mail's own words have a sentence of this name."""
        return key in self.own.entries

    def part(self, part: Say | Term) -> Words:
        """Return a sentence of the mail's own, or of those that all share."""
        return self.said(part.key, part.values) if isinstance(part, Say) else self.term(part)

    def said(self, key: str, values: Mapping[str, Value]) -> Words:
        """
        Return the sentence `key` of the mail's own.

        Raises:
            LookupError: there is no such sentence, or a name in it has no value.
            TypeError: a value is of no kind that can be written.
        """
        entry = self.own.entries.get(key)
        if entry is None:
            raise LookupError(f"no sentence is called {key!r}")
        sentence = entry if isinstance(entry, Sentence) else self._chosen(entry, values)
        made = self._filled(sentence, values)
        if sentence.names and not sentence.pieces[0]:
            return capital(made) if isinstance(values[sentence.names[0]], Term) else made
        return made

    def term(self, term: Term) -> Words:
        """Return words that all mails share; those the catalogue has not read as `otherwise`."""
        entry = self.shared.entries.get(term.key)
        if entry is None:
            return self.value(term.otherwise) if term.otherwise else NOTHING
        sentence = entry if isinstance(entry, Sentence) else self._chosen(entry, term.values)
        return self._filled(sentence, term.values)

    def label(self, name: str) -> Words:
        """Return the label `name` of a table; the name itself where the catalogue has none."""
        entry = self.shared.entries.get(f"labels.{name}")
        found = entry.still if isinstance(entry, Sentence) else None
        return found or words(name)

    def value(self, value: Value) -> Words:
        """Return a value as the language writes it."""
        if isinstance(value, Term):
            return self.term(value)
        if isinstance(value, Link):
            return self._link(value)
        text = one_line(value) if type(value) is str else self._written(value)
        if self.tongue.from_right or not (text.isascii() or not turns(text)):
            return apart(text)
        return words(text)

    def _written(self, value: Any) -> str:
        write = _WRITERS.get(type(value))
        if write is None and isinstance(value, str):
            return one_line(str(value))
        if write is None:
            raise TypeError(f"no language has words for a {type(value).__name__}")
        return write(self, value)

    def _listed(self, values: tuple[str, ...] | tuple[Money, ...]) -> str:
        shown = [self._written(value) for value in values[:MOST]]
        more = len(values) - MOST
        if more > 0:
            shown.append(self.term(Term("listing.more", {"count": more})).bare().text)
        return formats.listed(shown, self.tongue.customs)

    def _link(self, link: Link) -> Words:
        shown = self.value(link.shown)
        if not is_link(link.url, "https", "mailto"):
            return shown
        return Words(shown.text, f'<a href="{escaped(link.url)}">{shown.html}</a>')

    def _filled(self, sentence: Sentence, values: Mapping[str, Value]) -> Words:
        if sentence.still is not None:
            return sentence.still
        if len(sentence.rest) == 1:
            ((name, piece, safe),) = sentence.rest
            shown, shown_html = self.value(values[name])
            return Words(
                f"{sentence.pieces[0]}{shown}{piece}", f"{sentence.escaped[0]}{shown_html}{safe}"
            )
        text, html = [sentence.pieces[0]], [sentence.escaped[0]]
        for name, piece, safe in sentence.rest:
            shown, shown_html = self.value(values[name])
            text += shown, piece
            html += shown_html, safe
        return Words("".join(text), "".join(html))

    def _chosen(self, entry: Entry, values: Mapping[str, Value]) -> Sentence:
        if isinstance(entry, Sentence):
            return entry
        count = values["count"]
        if not isinstance(count, int):
            raise TypeError(f"a sentence by number needs a whole `count`, got {count!r}")
        category = formats.plural(count, self.tongue.customs)
        return entry.get(category, entry["other"])


def _day(speech: Speech, day: Day) -> str:
    return formats.day(formats.local(day.at, speech.place).date(), speech.tongue.customs)


#: How each kind of value is written.
_WRITERS: Final[Mapping[type, Callable[[Speech, Any], str]]] = {
    str: lambda _, text: one_line(text),
    int: lambda speech, value: formats.number(value, speech.tongue.customs),
    Money: lambda speech, due: formats.money(due.minor, due.currency, speech.tongue.customs),
    Percent: lambda speech, share: formats.percent(one_line(share.value), speech.tongue.customs),
    Day: _day,
    Moment: lambda speech, value: formats.moment(value.at, speech.place, speech.tongue.customs),
    Month: lambda speech, value: formats.month(value.year, value.month, speech.tongue.customs),
    tuple: lambda speech, values: speech._listed(values),  # noqa: SLF001  they are one
}
