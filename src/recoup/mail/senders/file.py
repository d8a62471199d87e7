"""Mails as files: one `.eml` per Message-ID, to be opened with any mail program."""

from __future__ import annotations

import os
import tempfile
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

from recoup.errors import MailUnreachable


class FileSender:
    """
    Writes each mail into `folder`, whole or not at all, readable by its owner only.

    The file is named after the Message-ID, so the same mail twice is one file, and the first one
    stays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer = ""  #: where the newest mail is

    def send(self, message: EmailMessage) -> None:
        """
        Write the mail.

        Raises:
            MailUnreachable: the disk is full, read-only or gone.
        """
        target = self.folder / file_name(message)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not target.exists():
                _write(target, message.as_bytes())
        except OSError as error:
            raise MailUnreachable(f"cannot write {target}: {error.strerror}") from error
        self.answer = str(target)


def file_name(message: EmailMessage) -> str:
    """Return the name of the file a message goes to: its Message-ID, made safe."""
    return f"{quote(message['Message-ID'].strip().strip('<>'), safe='@')[:200]}.eml"


def _write(target: Path, data: bytes) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")  # mode 0600
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
