"""How settings are read, shown, and kept from being written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from recoup.errors import ConfigError

READ_MORE: Final = "docs/configuration.md"
PREFIX: Final = "RECOUP_"


class Settings(BaseSettings):
    """What every group of settings is."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """
        Return the settings: `overrides` first, then the environment, then the defaults.

        Raises:
            ConfigError: a value is wrong.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigError("\n".join(_sentences(error))) from None

    def __reduce__(self) -> NoReturn:
        """Refuse: once pickled, the secrets could be read."""
        raise TypeError("settings hold secrets and are not pickled: load them again")

    def shown(self) -> Mapping[str, tuple[str, str]]:
        """Return variable -> (value, meaning), secrets masked."""
        rows: dict[str, tuple[str, str]] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            shown = "***" if name in _ALL_SECRET and value else _masked(value)
            rows[field.alias or f"{PREFIX}{name.upper()}"] = (shown, field.description or "")
        return rows


def parted(secrets: SecretStr) -> tuple[str, ...]:
    return tuple(one.strip() for one in secrets.get_secret_value().split(","))


def plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def port(url: str) -> None:
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


_ALL_SECRET: Final = frozenset(
    {
        "access_secrets",
        "old_secret_keys",
        "resend_api_key",
        "resend_webhook_secrets",
        "secret_key",
        "stripe_api_key",
        "stripe_webhook_secrets",
    }
)
_SECRET: Final = frozenset(
    {
        "RECOUP_ACCESS_SECRETS",
        "RECOUP_DATABASE_URL",
        "RECOUP_DOCUMENTS_S3_URL",
        "RECOUP_OLD_SECRET_KEYS",
        "RECOUP_RESEND_API_KEY",
        "RECOUP_RESEND_WEBHOOK_SECRETS",
        "RECOUP_SECRET_KEY",
        "RECOUP_SMTP_URL",
        "RECOUP_STRIPE_API_KEY",
        "RECOUP_STRIPE_WEBHOOK_SECRETS",
    }
)
