"""What is said on invoices, receipts and credit notes, and where they are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from recoup.config.parties import Parties
from recoup.config.reading import port

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_VAT: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*.]{2,13}")


class Documents(Parties):
    """Documents, and who issues them."""

    documents: bool = Field(
        False,
        description="whether invoices, receipts and credit notes are made as PDF as soon as they "
        "are issued, and attached to mails; else each is made when it is first asked for",
    )
    documents_folder: Path | None = Field(
        None, description="a folder that keeps documents; unset: the database keeps them"
    )
    documents_s3_url: SecretStr | None = Field(
        None,
        description="https://key:secret@host/bucket/prefix?region=… of a store in S3's manner "
        "that keeps documents",
    )
    documents_facturx: bool = Field(
        False, description="whether invoices carry themselves as Factur-X (EN 16931) too"
    )
    documents_logo: Path | None = Field(
        None,
        description="a PNG, JPEG or SVG file of at most 200 kB, which is put at the head of "
        "documents; unset: none",
    )
    documents_patience_minutes: int = Field(
        15,
        ge=0,
        le=1440,
        description="how long a mail waits for the document it brings, before it goes without",
    )
    seller_name: str | None = Field(
        None, description="who issues invoices, as the law knows them; unset: as mails do"
    )
    seller_address: str | None = Field(
        None, description="their postal address, its lines separated by semicolons"
    )
    seller_country: str | None = Field(None, description="their country, by ISO 3166: `DE`")
    seller_vat_id: str | None = Field(None, description="their VAT identifier: `DE123456789`")
    seller_note: str | None = Field(
        None, description="one more line at the foot: register, directors, bank account"
    )

    @field_validator(
        "documents_folder", "documents_logo", "seller_name", "seller_address", "seller_country",
        "seller_vat_id", "seller_note", mode="before",
    )  # fmt: skip
    @classmethod
    def _or_none(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("documents_logo")
    @classmethod
    def _is_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("the path of a file that exists; an address is never fetched")
        return value

    @field_validator("seller_country")
    @classmethod
    def _is_country(cls, value: str | None) -> str | None:
        if value is not None and not _COUNTRY.fullmatch(value):
            raise ValueError("two capital letters, by ISO 3166")
        return value

    @field_validator("seller_vat_id")
    @classmethod
    def _is_vat_id(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not _VAT.fullmatch(value.replace(" ", "")):
            raise ValueError("a VAT identifier with its country's letters: DE123456789")
        return value.replace(" ", "")

    @field_validator("documents_s3_url")
    @classmethod
    def _is_bucket(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parts = urlsplit(value.get_secret_value())
        port(value.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an https:// URL with a host")
        if not parts.username or not parts.password or not parts.path.strip("/"):
            raise ValueError("a URL with key, secret and bucket")
        return value
