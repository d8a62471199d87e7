"""Every way to send mails, by name, and the one the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from recoup.config import Config
from recoup.errors import ConfigError
from recoup.mail.senders.base import Sender
from recoup.mail.senders.console import ConsoleSender
from recoup.mail.senders.file import FileSender
from recoup.mail.senders.resend import ResendSender
from recoup.mail.senders.smtp import SmtpSender


def _smtp(config: Config) -> Sender:
    if config.smtp_url is None:
        raise ConfigError("RECOUP_SMTP_URL: expected an smtp:// URL. See docs/configuration.md.")
    return SmtpSender(config.smtp_url.get_secret_value())


def _resend(config: Config) -> Sender:
    if config.resend_api_key is None:
        raise ConfigError("RECOUP_RESEND_API_KEY: expected a key. See docs/configuration.md.")
    return ResendSender(config.resend_api_key.get_secret_value(), base=config.resend_api_base)


SENDERS: Final[Mapping[str, Callable[[Config], Sender]]] = {
    "smtp": _smtp,
    "resend": _resend,
    "file": lambda config: FileSender(config.home / "mail"),
    "console": lambda _config: ConsoleSender(),
}


def chosen(config: Config) -> str:
    """Return the name of the sender that the settings ask for."""
    if config.smtp_url is not None:
        return "smtp"
    return "file" if config.resend_api_key is None else "resend"


def sender_for(config: Config) -> Sender:
    """Return SMTP or Resend where the settings name one, else files under RECOUP_HOME/mail."""
    return SENDERS[chosen(config)](config)
