"""A browser that opens the pages of links, fills their forms in, and reads what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

import httpx
from starlette.testclient import TestClient

_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_WAY = re.compile(r'name="way" value="([^"]*)"')


@dataclass(frozen=True)
class Shown:
    """One page, as it was shown."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def text(self) -> str:
        """What can be read, on one line."""
        body = re.sub(r"<(style|title)>.*?</\1>", "", self.answer.text, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def fields(self) -> dict[str, str]:
        return {name: unescape(value) for name, value in _FIELD.findall(self.answer.text)}

    @property
    def ways(self) -> list[str]:
        return _WAY.findall(self.answer.text)


@dataclass(frozen=True)
class Browser:
    """What a customer has in hand."""

    client: TestClient

    def get(self, token: str, **headers: str) -> Shown:
        return Shown(self.client.get(f"/links/{token}", headers=headers))

    def send(self, token: str, form: dict[str, str], **headers: str) -> Shown:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return Shown(self.client.post(f"/links/{token}", data=form, headers=told))

    def does(self, token: str, what: str = "pay", way: str | None = None, **other: str) -> Shown:
        """Open the page and press a button; `way` is the first one there is, if not said."""
        page = self.get(token)
        first = page.ways[0] if page.ways else ""
        form = page.fields | {"do": what, "way": first if way is None else way} | other
        return self.send(token, form, sec_fetch_site="same-origin", origin="null")
