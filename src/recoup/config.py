"""
The settings, read once, frozen, and listed by `recoup config`.

This is the only module that reads the environment. A wrong value raises `ConfigError`, which
names the variable, what was expected and where to read more; the command line then exits 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from recoup.errors import ConfigError

READ_MORE: Final = "docs/configuration.md"
PREFIX: Final = "RECOUP_"
_STRONG: Final = re.compile(r"[!-+\--~]{16,200}")  # no comma, no blank
_MOST_SECRETS: Final = 8
_KEY: Final = re.compile(r"(sk|rk)_(test|live)_\w{8,240}", re.ASCII)
_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?")
#: Before it, subscriptions and invoices were asked for in other words.
OLDEST_ASKED: Final = "2025-03-31.basil"
_LONG: Final = re.compile(r"[!-~]{32,200}")
#: The queues that there are.
QUEUES: Final = ("billing", "webhooks", "mail", "default")


class Config(BaseSettings):
    """Every setting of Recoup. Unset ones have the default shown."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    home: Path = Field(Path("~/.recoup"), description="where the embedded database lives")
    database_url: SecretStr | None = Field(
        None, description="a PostgreSQL ≥ 14; unset: the embedded server under RECOUP_HOME"
    )
    schema_name: str = Field(
        "recoup",
        alias="RECOUP_SCHEMA",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="the database schema; one schema serves one merchant",
    )
    processor: Literal["fake", "stripe"] = Field(
        "fake", description="the payment company; `stripe` when RECOUP_STRIPE_API_KEY is set"
    )
    stripe_api_key: SecretStr | None = Field(
        None, description="a secret or restricted key of Stripe, of the mode of RECOUP_LIVE_MODE"
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com", description="where Stripe is; another one only for tests"
    )
    stripe_api_version: str | None = Field(
        None,
        description="the version that requests ask for, 2025-03-31.basil or newer; unset: the "
        "one Recoup was tested with",
    )
    stripe_retries: bool = Field(
        True,
        description="whether Stripe's own retries are on, as in every new account; `false` once "
        "they are switched off, so that Recoup may retry",
    )
    stripe_webhook_secrets: SecretStr | None = Field(
        None,
        description="what Stripe signs its events with, comma separated while they are "
        "rolled; unset: no event comes in by HTTP",
    )
    webhook_mode: Literal["fetch", "payload"] = Field(
        "fetch",
        description="whether what an event is about is fetched before it is absorbed, or the "
        "event's own copy is enough",
    )
    live_mode: bool = Field(
        False, description="whether events of live mode come in (`true`), or those of test mode"
    )
    policy: Path | None = Field(None, description="a TOML file of dunning policies")
    plans: Path | None = Field(None, description="a TOML file of what is sold")
    smtp_url: SecretStr | None = Field(
        None, description="smtp://user:password@host:port; unset: mails become files"
    )
    mail_from: str = Field("Billing <billing@example.com>", description="the sender of every mail")
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
    queues: Annotated[tuple[str, ...], NoDecode] = Field(
        QUEUES, description="the queues that the workers of this installation serve"
    )
    activation_minute: int = Field(
        20, ge=0, le=59, description="the minute of every hour when unpaid starts expire"
    )
    recover_hour: int = Field(
        3, ge=0, le=23, description="the hour (UTC) at which what did not arrive is looked for"
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

    @field_validator("home", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            raise ValueError("a folder; leave it unset for ~/.recoup")
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("schema_name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value.startswith("pg_"):
            raise ValueError("a name that does not begin with pg_, which PostgreSQL keeps")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
            raise ValueError("a postgresql:// URL")
        _port(value.get_secret_value())
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("an smtp:// or smtps:// URL with a host")
        _port(value.get_secret_value())
        return value

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _are_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        given = _parted(value)
        if not all(_STRONG.fullmatch(one) for one in given):
            raise ValueError("secrets of 16 to 200 visible characters each, comma separated")
        if not len(set(given)) == len(given) <= _MOST_SECRETS:
            raise ValueError(f"at most {_MOST_SECRETS} different secrets")
        return value

    @field_validator("stripe_api_version")
    @classmethod
    def _is_asked_for(cls, value: str | None) -> str | None:
        # Events of older versions are read; in older ones nobody is asked for anything.
        if value and (not _VERSION.fullmatch(value) or value < OLDEST_ASKED):
            raise ValueError(f"a version of Stripe's, {OLDEST_ASKED} or newer")
        return value or None

    @field_validator("stripe_api_key")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not _KEY.fullmatch(value.get_secret_value().strip()):
            raise ValueError("a whole key: sk_test_…, sk_live_…, rk_test_… or rk_live_…")
        return SecretStr(value.get_secret_value().strip())

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
        if given.get("processor") is None and key and str(_plain(key)).strip():
            return given | {"processor": "stripe"}
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
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

    @field_validator("base_url", "stripe_api_base")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("an http:// or https:// URL")
        if parts.username is not None:
            raise ValueError("a URL without a user: it is shown to others")
        return value.rstrip("/")

    @field_validator("policy", "plans")
    @classmethod
    def _exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("a file that exists")
        return value

    @classmethod
    def load(cls, **overrides: Any) -> Config:
        """
        Return the settings: `overrides` first, then the environment, then the defaults.

        Raises:
            ConfigError: a value is wrong.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigError("\n".join(_sentences(error))) from None

    def secrets(self) -> tuple[str, ...]:
        """Return what webhooks may be signed with, in the clear; none when nothing may come in."""
        return () if self.stripe_webhook_secrets is None else _parted(self.stripe_webhook_secrets)

    def __reduce__(self) -> NoReturn:
        """Refuse: once pickled, the secrets could be read."""
        raise TypeError("settings hold secrets and are not pickled: load them again")

    def shown(self) -> Mapping[str, tuple[str, str]]:
        """Return variable -> (value, meaning), secrets masked."""
        rows: dict[str, tuple[str, str]] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            shown = "***" if name in _ALL_SECRET and value else _masked(value)
            rows[variable(name)] = (shown, field.description or "")
        return rows


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return Config.model_fields[field].alias or f"{PREFIX}{field.upper()}"


def _parted(secrets: SecretStr) -> tuple[str, ...]:
    return tuple(one.strip() for one in secrets.get_secret_value().split(","))


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _port(url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("a URL whose port is a number up to 65535") from None


def _masked(value: object) -> str:
    if value is None:
        return "(unset)"
    if isinstance(value, tuple):
        return ",".join(value)
    if not isinstance(value, SecretStr):
        return str(value)
    # A password may hold any character, so everything up to the last @ is hidden.
    scheme, found, rest = value.get_secret_value().partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if found else "***"


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        if not problem["loc"]:  # settings that contradict each other
            yield f"expected {problem['msg'].removeprefix('Value error, ')}. See {READ_MORE}."
            continue
        name = str(problem["loc"][0])
        shown = name if name.startswith(PREFIX) else f"{PREFIX}{name.upper()}"
        wanted = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        given = "" if shown in _SECRET else f", got {problem['input']!r}"
        yield f"{shown}: expected {wanted}{given}. See {READ_MORE}."


_ALL_SECRET: Final = frozenset({"stripe_webhook_secrets", "stripe_api_key", "secret_key"})
_SECRET: Final = frozenset(
    {
        "RECOUP_DATABASE_URL",
        "RECOUP_SECRET_KEY",
        "RECOUP_SMTP_URL",
        "RECOUP_STRIPE_API_KEY",
        "RECOUP_STRIPE_WEBHOOK_SECRETS",
    }
)
