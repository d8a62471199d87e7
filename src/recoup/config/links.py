"""Signed links for customers: where their pages are, and how long they hold."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from recoup.config.reading import Settings

_LONG: Final = re.compile(r"[!-~]{32,200}")
_MOST: Final = 8


class Links(Settings):
    """Signed links for customers."""

    links_url: str | None = Field(
        None,
        description="where customers reach the pages of signed links, as `recoup serve` answers "
        "them; unset: mails link to the host's own pages, below RECOUP_BASE_URL",
    )
    link_days: int = Field(30, ge=1, le=365, description="how long signed links in mails hold")
    old_secret_keys: SecretStr | None = Field(
        None,
        description="what RECOUP_SECRET_KEY was before, separated by blanks: links signed with "
        "these open until they expire",
    )

    @field_validator("links_url")
    @classmethod
    def _is_place(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.username is not None:
            raise ValueError("an http:// or https:// URL without a user")
        if parts.query or parts.fragment:
            raise ValueError("a URL that ends with its path")
        return value.rstrip("/")

    @field_validator("old_secret_keys")
    @classmethod
    def _were_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        given = value.get_secret_value().split()
        if not all(map(_LONG.fullmatch, given)) or len(given) > _MOST:
            raise ValueError(f"up to {_MOST} secrets of 32 to 200 visible characters each")
        return value

    def signed_before(self) -> tuple[str, ...]:
        """Return what links were signed with before, in the clear."""
        return (
            ()
            if self.old_secret_keys is None
            else tuple(self.old_secret_keys.get_secret_value().split())
        )
