"""
The settings, read once, frozen, and listed by `recoup config`.

This package is the only part that reads the environment. A wrong value raises `ConfigError`, which
names the variable, what was expected and where to read more; the command line then exits 2.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from recoup.config.delivery import Delivery
from recoup.config.links import Links
from recoup.config.mails import Mails
from recoup.config.reading import PREFIX, parted, plain, port

_STRONG: Final = re.compile(r"[!-+\--~]{16,200}")  # no comma, no blank
_MOST_SECRETS: Final = 8
_LONG: Final = re.compile(r"[!-~]{32,200}")
_ENGINE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
#: The queues that there are.
QUEUES: Final = ("billing", "webhooks", "mail", "documents", "default")


class Config(Delivery, Links, Mails):
    """Every setting of Recoup. Unset ones have the default shown."""

    campaign_engine: str = Field(
        "builtin",
        description="what brings up the steps of campaigns: `builtin`, or `package.module:name` "
        "of an engine",
    )
    campaign_patience_hours: int = Field(
        24,
        ge=1,
        le=72,
        description="how long a due step waits for an engine that is not ours to ask for it",
    )
    smtp_url: SecretStr | None = Field(
        None, description="smtp://user:password@host:port; unset: mails become files"
    )
    secret_key: SecretStr | None = Field(
        None,
        description="32 or more characters that nobody knows; what we sign with is made of it",
    )
    allow_private_urls: bool = Field(
        False,
        description="whether webhooks out may go to private addresses, any port and plain http; "
        "only for development",
    )
    base_url: str = Field(
        "http://localhost:8000", description="where customers reach the host's billing pages"
    )
    access_url: str | None = Field(
        None,
        description="where a system of yours is told what customers may use, by signed posts; "
        "unset: it asks, or a function of yours is called",
    )
    access_secrets: SecretStr | None = Field(
        None,
        description="what those posts are signed with, comma separated while they are rolled",
    )
    access_patience_minutes: int = Field(
        10,
        ge=1,
        le=1440,
        description="how long systems of yours may take to undo what was lifted, before a "
        "person is asked to look",
    )
    queues: Annotated[tuple[str, ...], NoDecode] = Field(
        QUEUES, description="the queues that the workers of this installation serve"
    )
    activation_minute: int = Field(
        20, ge=0, le=59, description="the minute of every hour when unpaid starts expire"
    )
    recover_hour: int = Field(
        3, ge=0, le=23, description="the hour (UTC) at which what did not arrive is looked for"
    )
    raise_budget: int | None = Field(
        None,
        ge=1,
        description="how many customers may be restricted, moved up the ladder or ended within "
        "an hour; unset: as many as are due",
    )
    rollout_sample: int = Field(
        1000,
        ge=1,
        description="decisions in the shadow without harm before a rollout may go on",
    )
    log: Literal["json", "text"] = Field("text", description="the form of log lines")

    @field_validator("queues", mode="before")
    @classmethod
    def _queues(cls, value: object) -> object:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            return given
        names = tuple(dict.fromkeys(str(name).strip() for name in given if str(name).strip()))
        if not names or not set(names) <= set(QUEUES):
            raise ValueError(f"some of {', '.join(QUEUES)}")
        return names

    @field_validator("campaign_engine")
    @classmethod
    def _is_engine(cls, value: str) -> str:
        if value != "builtin" and not _ENGINE.fullmatch(value):
            raise ValueError("builtin, or package.module:name")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("an smtp:// or smtps:// URL with a host")
        port(value.get_secret_value())
        return value

    @field_validator("stripe_webhook_secrets", "access_secrets")
    @classmethod
    def _are_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        given = parted(value)
        if not all(_STRONG.fullmatch(one) for one in given):
            raise ValueError("secrets of 16 to 200 visible characters each, comma separated")
        if not len(set(given)) == len(given) <= _MOST_SECRETS:
            raise ValueError(f"at most {_MOST_SECRETS} different secrets")
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not _LONG.fullmatch(value.get_secret_value()):
            raise ValueError("32 to 200 visible characters")
        return value

    @model_validator(mode="before")
    @classmethod
    def _by_key(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Ask Stripe where there is a key to ask with, and nobody says otherwise."""
        key = given.get("stripe_api_key")
        if given.get("processor") is None and key and str(plain(key)).strip():
            return given | {"processor": "stripe"}
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.access_url is not None and self.access_secrets is None:
            raise ValueError("RECOUP_ACCESS_SECRETS, to sign with what goes to RECOUP_ACCESS_URL")
        if self.smtp_url is not None and self.resend_api_key is not None:
            raise ValueError("RECOUP_SMTP_URL or RECOUP_RESEND_API_KEY, and not both")
        if self.processor != "stripe":
            return self
        if self.stripe_api_key is None:
            raise ValueError("RECOUP_STRIPE_API_KEY, a key to ask Stripe with")
        live = "_live_" in self.stripe_api_key.get_secret_value()
        if live != self.live_mode:
            raise ValueError(
                "RECOUP_LIVE_MODE of the same mode as RECOUP_STRIPE_API_KEY, "
                f"whose mode is {'live' if live else 'test'}"
            )
        return self

    @field_validator("access_url", mode="before")
    @classmethod
    def _or_unset(cls, value: object) -> object:
        return value or None

    @field_validator("base_url", "stripe_api_base", "access_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("an http:// or https:// URL")
        if parts.username is not None:
            raise ValueError("a URL without a user: it is shown to others")
        return value.rstrip("/")

    def signs_access(self) -> tuple[str, ...]:
        """Return what posts to RECOUP_ACCESS_URL are signed with, in the clear, newest first."""
        return () if self.access_secrets is None else parted(self.access_secrets)

    def secrets(self) -> tuple[str, ...]:
        """Return what webhooks may be signed with, in the clear; none when nothing may come in."""
        return () if self.stripe_webhook_secrets is None else parted(self.stripe_webhook_secrets)


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return Config.model_fields[field].alias or f"{PREFIX}{field.upper()}"
