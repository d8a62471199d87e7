import resource
from email import message_from_bytes
from email.policy import default
from threading import Thread

import pytest

from recoup.errors import MailUnreachable
from recoup.mail.emails import EMAILS
from recoup.mail.letter import NOON, SAMPLE
from recoup.mail.message import compose
from recoup.mail.senders.file import FileSender


class TestFileSender:
    def test_writes_one_file_that_is_the_mail(self, tmp_path, message):
        FileSender(tmp_path / "mail").send(message)

        (file,) = (tmp_path / "mail").iterdir()
        received = message_from_bytes(file.read_bytes(), policy=default)
        assert file.suffix == ".eml"
        assert received["To"].addresses[0].addr_spec == SAMPLE.to
        assert received["Message-ID"] == message["Message-ID"]

    def test_twice_is_one_file_and_the_first_one_stays(self, tmp_path, message):
        sender = FileSender(tmp_path)
        sender.send(message)
        (file,) = tmp_path.iterdir()
        file.write_bytes(b"read and marked")

        sender.send(message)

        assert list(tmp_path.iterdir()) == [file]
        assert file.read_bytes() == b"read and marked"

    def test_keeps_different_mails_apart(self, tmp_path):
        sender = FileSender(tmp_path)
        for name, mail in EMAILS.items():
            sender.send(compose(mail.sample(), SAMPLE, key=name, case=None, date=NOON))

        assert len(list(tmp_path.iterdir())) == len(EMAILS)

    def test_is_one_whole_file_when_many_write_it_at_once(self, tmp_path, message):
        sender = FileSender(tmp_path)
        threads = [Thread(target=sender.send, args=(message,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (file,) = tmp_path.iterdir()
        assert file.read_bytes() == message.as_bytes()

    def test_shows_mails_to_their_owner_only(self, tmp_path, message):
        FileSender(tmp_path / "mail").send(message)

        (file,) = (tmp_path / "mail").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize(
        "identity", ["<../../etc/passwd@x>", "</etc/passwd@x>", "<..>", f"<{'a' * 400}@x>"]
    )
    def test_stays_in_its_folder_whatever_the_message_id(self, tmp_path, message, identity):
        del message["Message-ID"]
        message["Message-ID"] = identity

        FileSender(tmp_path / "mail").send(message)

        assert len(list((tmp_path / "mail").iterdir())) == 1
        assert [p.name for p in tmp_path.iterdir()] == ["mail"]

    def test_says_when_there_is_no_place_to_write(self, tmp_path, message):
        blocked = tmp_path / "file"
        blocked.write_text("in the way")

        with pytest.raises(MailUnreachable, match="cannot write") as caught:
            FileSender(blocked).send(message)

        assert not caught.value.accepted_maybe

    def test_leaves_nothing_half_written_when_the_disk_is_full(self, tmp_path, message):
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
        try:
            with pytest.raises(MailUnreachable, match="cannot write"):
                FileSender(tmp_path).send(message)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        assert list(tmp_path.iterdir()) == []
