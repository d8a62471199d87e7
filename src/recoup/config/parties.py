"""Where things are, and what others are to Recoup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from recoup.config.reading import Settings, port

_KEY: Final = re.compile(r"(sk|rk)_(test|live)_\w{8,240}", re.ASCII)
_SCHEMA: Final = re.compile("[a-z_][a-z0-9_]{0,62}")
_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?")
#: Before it, subscriptions and invoices were asked for in other words.
OLDEST_ASKED: Final = "2025-03-31.basil"


class Parties(Settings):
    """Where things are, and what others are to Recoup: the database, the processor, files."""

    home: Path = Field(Path("~/.recoup"), description="where the embedded database lives")
    database_url: SecretStr | None = Field(
        None, description="a PostgreSQL ≥ 14; unset: the embedded server under RECOUP_HOME"
    )
    schema_name: str = Field(
        "recoup",
        alias="RECOUP_SCHEMA",
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
    def _is_a_name(cls, value: str) -> str:
        if not _SCHEMA.fullmatch(value):
            raise ValueError(
                "a name of at most 63 small letters, digits and _, which begins with no digit"
            )
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
        port(value.get_secret_value())
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

    @field_validator("policy", "plans")
    @classmethod
    def _exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("a file that exists")
        return value
