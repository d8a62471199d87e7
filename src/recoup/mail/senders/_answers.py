"""What the answers of an SMTP server mean for a mail, by when they come."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.wording import one_line

Reply = tuple[int, bytes]


@contextmanager
def talking(step: str = "", *, accepted_maybe: bool = False) -> Iterator[None]:
    """Turn trouble with the conversation itself into `MailUnreachable`."""
    try:
        yield
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        raise MailUnreachable(f"{step}{said(error)}", accepted_maybe=accepted_maybe) from error


def judge(answer: Reply, *, wanted: int = 2) -> None:
    """Raise what an answer about this mail means, unless its first digit is `wanted`."""
    error = smtplib.SMTPResponseException(*answer)
    if answer[0] // 100 == 5:
        raise Undeliverable(said(error))
    if answer[0] // 100 != wanted:
        raise MailUnreachable(said(error))


def said(error: Exception) -> str:
    """Return what went wrong on one line, the server's own words included."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return one_line(f"{error.smtp_code} {text}", longest=300)
    return one_line(f"{type(error).__name__}: {error}", longest=300)


def stalled(error: BaseException) -> bool:
    """Whether it came of an answer that did not come in time; smtplib hides that."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
