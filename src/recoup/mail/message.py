"""
A mail as it goes over the wire.

Nothing from outside reaches a header as it came: names and subjects become one visible line, and
an address is either one plain address or refused. The Message-ID comes from the delivery key, so
the same delivery is the same message, however often it is made.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from hashlib import sha256
from textwrap import TextWrapper
from typing import Final, NamedTuple
from urllib.parse import quote

from recoup.core.periods import utc
from recoup.errors import ConfigError, Undeliverable
from recoup.mail.base import Email, MailFacts
from recoup.mail.layout.engine import Layout
from recoup.mail.template import Rendered, render
from recoup.mail.wording import is_link, one_line

#: Longest subject, in characters; programs show fewer.
LONGEST_SUBJECT: Final = 200
#: RFC 5322 §2.1.1 asks for no longer lines, in characters.
_LONGEST_LINE: Final = 78
_WRAPPER: Final = TextWrapper(
    _LONGEST_LINE, subsequent_indent=" ", break_long_words=False, break_on_hyphens=False
)

#: One address: an RFC 5321 dot-string and a domain, which may hold letters beyond ASCII. Quoted
#: local parts, comments, groups and address literals are legal elsewhere and refused here.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([\w.-]+)")
#: What separates, quotes or comments addresses in a header.
_SPECIAL: Final = re.compile(r'[<>()\[\]:;@\\,"]+')


class Attachment(NamedTuple):
    """A file that comes with a mail."""

    name: str  #: as the customer sees it: "INV-1.pdf"
    type: str  #: "application/pdf"
    data: bytes


def compose(
    email: Email,
    facts: MailFacts,
    *,
    key: str,
    case: str | None,
    date: datetime,
    attachments: Sequence[tuple[str, str, bytes]] = (),
    layout: Layout | None = None,
) -> EmailMessage:
    """
    Return the message that tells `email` to `facts.to` and to nobody else.

    Args:
        email: What it says.
        facts: Whose it is: address and name, and who sends it.
        key: The delivery's key. The same key gives the same Message-ID.
        case: What its mails belong together by, such as "case:17"; None for a single mail.
        date: UTC instant for the Date header. Passed in, never read here.
        attachments: Files that come with it: name, type and bytes of each.
        layout: How it looks; by default as all mails do.

    Raises:
        Undeliverable: the customer's address is none.
        ConfigError: the sender's address is none.
    """
    recipient = _recipient(facts)
    message = _envelope(facts, recipient, key=key, case=case, date=date)
    rendered = render(email, layout=layout)
    _entitle(message, _header(rendered.subject, longest=LONGEST_SUBJECT))
    _fill(message, rendered, key=key)
    _attach(message, [Attachment(*file) for file in attachments], key=key)
    return message


def addressed(
    message: EmailMessage, facts: MailFacts, *, key: str, case: str | None, date: datetime
) -> EmailMessage:
    """
    Return a message of the host's making, from whom, to whom and with the id that we say.

    Raises:
        Undeliverable: the customer's address is none.
        ConfigError: the sender's address is none.
    """
    ours = _envelope(facts, _recipient(facts), key=key, case=case, date=date)
    for name in ("Cc", "Bcc", "Resent-To", *ours):
        del message[name]
    for name, value in ours.items():
        message[name] = value
    return message


def _envelope(
    facts: MailFacts, recipient: Address, *, key: str, case: str | None, date: datetime
) -> EmailMessage:
    """Return a message without content: from whom, to whom, and what it belongs to."""
    sender = _sender(facts.brand.mail_from)
    message = EmailMessage(policy=SMTP)
    _put(message, "From", str(sender))
    _put(message, "To", str(recipient))
    _put(message, "Date", format_datetime(utc(date)))
    _put(message, "Message-ID", message_id(key, domain=sender.domain))
    if case is not None:
        root = message_id(case, domain=sender.domain)
        _put(message, "In-Reply-To", root)
        _put(message, "References", root)
    _put(message, "Auto-Submitted", "auto-generated")
    _put(message, "MIME-Version", "1.0")
    _unsubscribing(message, facts, recipient)
    return message


def _unsubscribing(message: EmailMessage, facts: MailFacts, recipient: Address) -> None:
    """Offer to receive no more of these by one click (RFC 8058), if the settings say so."""
    template = facts.brand.unsubscribe_url
    if template is not None:
        url = template.replace("{to}", quote(recipient.addr_spec, safe=""))
        if is_link(url, "https"):
            _put(message, "List-Unsubscribe", f"<{url}>")
            _put(message, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def _fill(message: EmailMessage, rendered: Rendered, *, key: str) -> None:
    """Put both bodies into a message, the plainer one first, as RFC 2046 §5.1.4 asks for."""
    boundary = _boundary("alternative", key)
    # Folded here, because on one line it is too long.
    message.set_raw("Content-Type", f'multipart/alternative;\n boundary="{boundary}"')
    message.attach(_body(rendered.text, "plain", rendered.locale))
    message.attach(_body(rendered.html, "html", rendered.locale))


def _body(text: str, kind: str, locale: str) -> EmailMessage:
    """Return one body. Encoded here, since the library's own way takes longer than rendering."""
    part = copy(_empty(kind, locale))
    part.set_payload(b2a_qp(text.encode("utf-8", "replace"), istext=True).decode("ascii"))
    return part


@lru_cache(maxsize=64)
def _empty(kind: str, locale: str) -> EmailMessage:
    part = EmailMessage(policy=SMTP)
    _put(part, "Content-Type", f'text/{kind}; charset="utf-8"')
    _put(part, "Content-Transfer-Encoding", "quoted-printable")
    _put(part, "Content-Language", locale)
    return part


def _put(message: EmailMessage, name: str, value: str) -> None:
    """
    Add a header. One that is plain is kept as it reads, and parsed only when somebody asks.

    The library takes a tenth of a millisecond to parse each, and as long again to fold it.
    """
    if value.isascii() and value.isprintable() and len(name) + len(value) + 2 <= _LONGEST_LINE:
        message.set_raw(name, value)
    else:
        message[name] = _parsed(name, value)


def _entitle(message: EmailMessage, subject: str) -> None:
    """
    Add the subject. Of plain words the first line holds as many as it can.

    The library begins one that is a little too long on the second line, and many programs read
    that with a blank in front of it.
    """
    plain = subject.isascii() and subject.isprintable() and "  " not in subject
    lines = _WRAPPER.wrap(f"Subject: {subject}") if plain else []
    if len(lines) > 1 and lines[0] != "Subject:" and max(map(len, lines)) <= _LONGEST_LINE:
        message.set_raw("Subject", "\n".join(lines).removeprefix("Subject: "))
    else:
        _put(message, "Subject", subject)


@lru_cache(maxsize=64)
def _parsed(name: str, value: str) -> str:
    """Return a header that is to be encoded or folded; many messages have the same."""
    header: str = SMTP.header_factory(name, value)
    return header


def _attach(message: EmailMessage, files: Sequence[Attachment], *, key: str) -> None:
    for file in files:
        major, _, minor = file.type.partition("/")
        name = _header(file.name.replace("/", " ").replace("\\", " "), longest=100)
        message.add_attachment(file.data, major, minor, filename=name)
    if files:
        message.set_boundary(_boundary("mixed", key))


def _boundary(kind: str, key: str) -> str:
    """Return what separates parts: the same for the same delivery, and in no text by chance."""
    return f"=_{sha256(f'{kind}:{key}'.encode()).hexdigest()[:32]}"


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


@lru_cache(maxsize=64)
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
