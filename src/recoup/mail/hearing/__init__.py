"""Whose posts about mails are understood, by the name of the provider."""

from collections.abc import Callable, Mapping
from typing import Final

from recoup.mail.hearing import resend
from recoup.mail.hearing.base import Fate as Fate
from recoup.mail.hearing.base import Heard as Heard

#: Reads one post: what became of a mail, or why the post is nothing to us. Raises Unreadable.
READERS: Final[Mapping[str, Callable[[bytes], Heard | str]]] = {"resend": resend.read}
