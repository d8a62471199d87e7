from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE
from recoup.mail.parts import Button, Part, Say

#: What a link is for, by the sentence that says so.
_FOR: Final = {"pay": "pay", "update": "update", "view": "view"}


@dataclass(frozen=True, slots=True)
class FreshLink(Email):
    """A new link, which somebody asked for on the page of one that had expired."""

    folder: ClassVar[str] = "fresh_link"

    @classmethod
    def sample(cls) -> Self:
        link = "https://app.example.com/links/v1.c2FtcGxl.0123456789abcdef"
        return cls.about(replace(SAMPLE, link=link, link_for="pay", days=30))

    def subject(self) -> Say:
        return Say("subject")

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        wanted = _FOR.get(facts.link_for or "", "view")
        yield Say(f"for_{wanted}")
        if facts.days:
            yield Say("holds", {"count": facts.days})
        yield Button(facts.pay_url, f"button_{wanted}")
        yield Say("unasked")
