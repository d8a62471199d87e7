"""Every way to send mails, by name, and the one the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from recoup.config import Config
from recoup.errors import ConfigError
from recoup.mail.senders.base import Sender
from recoup.mail.senders.console import ConsoleSender
from recoup.mail.senders.file import FileSender
from recoup.mail.senders.smtp import SmtpSender


def _smtp(config: Config) -> Sender:
    if config.smtp_url is None:
        raise ConfigError("RECOUP_SMTP_URL: expected an smtp:// URL. See docs/configuration.md.")
    return SmtpSender(config.smtp_url.get_secret_value())


SENDERS: Final[Mapping[str, Callable[[Config], Sender]]] = {
    "smtp": _smtp,
    "file": lambda config: FileSender(config.home / "mail"),
    "console": lambda _config: ConsoleSender(),
}


def sender_for(config: Config) -> Sender:
    """Return SMTP when RECOUP_SMTP_URL is set, else files under RECOUP_HOME/mail."""
    return SENDERS["smtp" if config.smtp_url is not None else "file"](config)
