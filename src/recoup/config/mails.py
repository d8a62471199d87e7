"""How mails read and look: who writes them, in which language, in which colour."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from recoup.config.documents import Documents
from recoup.core.occasions import types

_COLOR: Final = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_FONT: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,60}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_ADDRESS: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_URL: Final = re.compile(r"[!#-;=?-~]{1,1000}")  # visible ASCII without quotes and brackets


class Mails(Documents):
    """Mails, and who writes them."""

    mail_off: Annotated[tuple[str, ...], NoDecode] = Field(
        ("invoice_finalized", "invoice_paid"),
        description="types of mail that are not sent, comma separated; by default those that the "
        "processor usually sends itself",
    )
    mail_from: str = Field("Billing <billing@example.com>", description="the sender of every mail")
    mail_business: str | None = Field(
        None, description="who writes, as customers know it; unset: the sender's name"
    )
    mail_support: str | None = Field(
        None, description="where customers may ask: an address or an https URL; unset: they reply"
    )
    mail_address: str | None = Field(
        None, description="the postal address below mails, which the EU and Canada ask for"
    )
    mail_logo: str | None = Field(
        None, description="https URL of a picture at the head of mails; unset: the name"
    )
    mail_color: str = Field("#1f4fd8", description="the colour of buttons and links: `#rrggbb`")
    mail_font: str | None = Field(
        None, description="the first of the fonts that mails are set in: `Inter`"
    )
    mail_locale: str = Field(
        "en", description="the language of mails to customers of whom no other is known: `pt-BR`"
    )
    mail_time_zone: str = Field(
        "Etc/UTC", description="the time zone of customers of whom no other is known"
    )
    mail_unsubscribe_url: str | None = Field(
        None,
        description="https URL that mail programs post to when somebody wants no more of these "
        "(RFC 8058), `{to}` being the address; unset: mails offer it not",
    )

    @field_validator("mail_off", mode="before")
    @classmethod
    def _types(cls, value: object) -> object:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            return given
        names = tuple(dict.fromkeys(str(name).strip() for name in given if str(name).strip()))
        strange = sorted(set(names) - set(types()))
        if strange:
            raise ValueError(f"types of mail, comma separated, and not {', '.join(strange)}")
        return names

    @field_validator(
        "mail_business", "mail_support", "mail_address", "mail_logo", "mail_font",
        "mail_unsubscribe_url", mode="before",
    )  # fmt: skip
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return (" ".join(value.split()) or None) if isinstance(value, str) else value

    @field_validator("mail_business", "mail_address")
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is not None and (len(value) > 200 or not value.isprintable()):
            raise ValueError("at most 200 visible characters")
        return value

    @field_validator("mail_support")
    @classmethod
    def _is_reachable(cls, value: str | None) -> str | None:
        if value is None or _ADDRESS.fullmatch(value):
            return value
        return _https(value, "an address such as help@example.com, or an https:// URL")

    @field_validator("mail_logo", "mail_unsubscribe_url")
    @classmethod
    def _is_https(cls, value: str | None) -> str | None:
        return None if value is None else _https(value, "an https:// URL")

    @field_validator("mail_color")
    @classmethod
    def _is_color(cls, value: str) -> str:
        if not _COLOR.fullmatch(value):
            raise ValueError("a colour such as #1f4fd8")
        digits = value[1:].lower()
        return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)

    @field_validator("mail_font")
    @classmethod
    def _is_font(cls, value: str | None) -> str | None:
        if value is not None and not _FONT.fullmatch(value):
            raise ValueError("the name of one font: letters, digits, spaces and hyphens")
        return value

    @field_validator("mail_locale")
    @classmethod
    def _is_locale(cls, value: str) -> str:
        if not _LOCALE.fullmatch(value):
            raise ValueError("a language by BCP 47 such as pt-BR")
        return value

    @field_validator("mail_time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (LookupError, ValueError, OSError):
            raise ValueError("an IANA time zone such as Europe/Berlin") from None


def _https(value: str, wanted: str) -> str:
    parts = urlsplit(value)
    if not _URL.fullmatch(value) or parts.scheme != "https" or not parts.hostname:
        raise ValueError(wanted)
    return value
