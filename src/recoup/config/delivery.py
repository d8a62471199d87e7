"""How mails leave the house by HTTP, and how what became of them comes back."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from recoup.config.reading import Settings, parted

_KEY: Final = re.compile(r"re_\w{8,240}", re.ASCII)
_MOST_SECRETS: Final = 8


class Delivery(Settings):
    """Resend, which takes mails by HTTP and posts what became of them."""

    resend_api_key: SecretStr | None = Field(
        None, description="a key of Resend that may send, `re_…`; set: mails go by its API"
    )
    resend_api_base: str = Field(
        "https://api.resend.com", description="where Resend is; another one only for tests"
    )
    resend_webhook_secrets: SecretStr | None = Field(
        None,
        description="what Resend signs its posts with, `whsec_…`, comma separated while they are "
        "rolled; unset: no bounce comes in by HTTP",
    )

    @field_validator("resend_api_key")
    @classmethod
    def _is_resend_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if not _KEY.fullmatch(value.get_secret_value().strip()):
            raise ValueError("a whole key: re_…")
        return SecretStr(value.get_secret_value().strip())

    @field_validator("resend_api_base")
    @classmethod
    def _is_resend(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError("an http:// or https:// URL without a user")
        return value.rstrip("/")

    @field_validator("resend_webhook_secrets")
    @classmethod
    def _sign_posts(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        given = parted(value)
        if not all(map(_is_signing_secret, given)):
            raise ValueError("secrets as Resend shows them, whsec_…, comma separated")
        if not len(set(given)) == len(given) <= _MOST_SECRETS:
            raise ValueError(f"at most {_MOST_SECRETS} different secrets")
        return value

    def mail_secrets(self) -> tuple[str, ...]:
        """Return what posts about mails may be signed with, in the clear; none: nothing comes."""
        return () if self.resend_webhook_secrets is None else parted(self.resend_webhook_secrets)


def _is_signing_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    return text.startswith("whsec_") and len(key) >= 16
