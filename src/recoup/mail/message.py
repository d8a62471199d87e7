"""
A mail as it goes over the wire.

Nothing from outside reaches a header as it came: names and subjects become one visible line, and
an address is either one plain address or refused. The Message-ID comes from the delivery key, so
the same delivery is the same message, however often it is made.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Final

from recoup.core.periods import utc
from recoup.errors import ConfigError, Undeliverable
from recoup.mail.base import Email, MailFacts
from recoup.mail.wording import one_line, visible

#: Longest subject, in characters; programs show fewer.
LONGEST_SUBJECT: Final = 200

#: One address: an RFC 5321 dot-string and a domain, which may hold letters beyond ASCII. Quoted
#: local parts, comments, groups and address literals are legal elsewhere and refused here.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([\w.-]+)")
#: What separates, quotes or comments addresses in a header.
_SPECIAL: Final = re.compile(r'[<>()\[\]:;@\\,"]+')


def compose(
    email: Email, facts: MailFacts, *, key: str, case: str | None, date: datetime
) -> EmailMessage:
    """
    Return the message that tells `email` to `facts.to` and to nobody else.

    Args:
        email: What it says.
        facts: Whose it is: address and name, and who sends it.
        key: The delivery's key. The same key gives the same Message-ID.
        case: What its mails belong together by, such as "case:17"; None for a single mail.
        date: UTC instant for the Date header. Passed in, never read here.

    Raises:
        Undeliverable: the customer's address is none.
        ConfigError: the sender's address is none.
    """
    sender = _sender(facts.mail_from)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = _recipient(facts)
    message["Subject"] = _header(email.subject, longest=LONGEST_SUBJECT)
    message["Date"] = format_datetime(utc(date))
    message["Message-ID"] = message_id(key, domain=sender.domain)
    if case is not None:
        root = message_id(case, domain=sender.domain)
        message["In-Reply-To"] = root
        message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_body(email.text), charset="utf-8", cte="quoted-printable")
    return message


def message_id(key: str, *, domain: str) -> str:
    """Return the Message-ID of `key` at `domain`: the same one every time, with the <>."""
    return f"<{sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def parsed(address: str) -> tuple[str, str] | None:
    """
    Return local part and domain of a plain address, None when it is none.

    A domain beyond ASCII is returned in its ASCII form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or len(address) > 254:  # RFC 5321 §4.5.3.1, as corrected
        return None
    local, domain = match.groups()
    try:
        return local, domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _recipient(facts: MailFacts) -> Address:
    parts = parsed(facts.to)
    if parts is None:
        raise Undeliverable(f"not an address: {one_line(facts.to)!r}")
    return Address(_display(facts.name or ""), *parts)


def _sender(mail_from: str) -> Address:
    name, address = parseaddr(mail_from)
    parts = parsed(address)
    if parts is None:
        raise ConfigError(
            f'RECOUP_MAIL_FROM: expected "Name <address>", got {one_line(mail_from)!r}. '
            "See docs/configuration.md."
        )
    return Address(_display(name), *parts)


def _display(name: str) -> str:
    """Return a name that holds no address and no separator. Folding old ones went wrong."""
    return _header(_SPECIAL.sub(" ", name), longest=64)


def _header(text: str, *, longest: int) -> str:
    """Return one line in which nothing is an encoded word, so nothing is decoded later."""
    return one_line(text, longest=longest).replace("=?", "= ?")


def _body(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(visible(line) for line in lines)
