from __future__ import annotations

import pytest
from host import SECRET, HttpHost
from receiver import Answer, receiving


@pytest.fixture
def host():
    return HttpHost()


@pytest.fixture
def receiver(host):
    with receiving() as made:
        made.choose = host.answer
        yield made


@pytest.fixture
def followed(cli, receiver):
    """A terminal whose host follows, with one customer."""
    cli.env.update(
        RECOUP_ACCESS_URL=receiver.url,
        RECOUP_ACCESS_SECRETS=SECRET,
        RECOUP_ALLOW_PRIVATE_URLS="true",
    )
    cli.json("customers", "create", "--owner", "team:7", "--email", "ada@example.com")
    return cli


class TestAccess:
    def test_is_told_listed_and_shown(self, followed, host):
        told = followed.json("access", "retry", "team:7")
        followed("worker", "--drain")

        (row,) = followed.json("access", "list")["access"]
        shown = followed.json("access", "show", "team:7", "--ask")
        assert told == {"told": 1}
        assert (row["version"], row["applied_version"], row["standing"]) == (1, 1, "current")
        assert (shown["owner"], shown["restored"], shown["differences"]) == ("team:7", True, {})
        assert shown["host"]["applied_version"] == 1
        assert [call.version for call in host.calls] == [1]

    def test_that_is_not_followed_is_listed_with_its_reason_until_it_is(self, followed, receiver):
        receiver.script.append(Answer(503))
        receiver.choose = lambda _: None
        followed("access", "retry", "team:7")
        followed("worker", "--drain")
        (behind,) = followed.json("access", "list", "--behind")["access"]

        again = followed.json("access", "retry", "--behind")
        followed("worker", "--drain")

        assert (behind["reason"], behind["tries"]) == ("answered 503", 1)
        assert again == {"told": 1}
        assert followed.json("access", "list", "--behind")["access"] == []

    def test_is_shown_to_people_too(self, followed):
        followed("access", "retry", "team:7")

        assert "restored" in followed("access", "show", "team:7").output
        assert "current" in followed("access", "list").output

    def test_of_nobody_who_waits_says_so(self, followed):
        result = followed("access", "list", "--lifting")

        assert result.exit_code == 0
        assert result.output == "Nobody is like that.\n"

    def test_is_stopped(self, followed):
        followed("access", "retry", "team:7")

        assert followed.json("access", "stop", "--yes") == {"concerned": 0}
        for name in ("RECOUP_ACCESS_URL", "RECOUP_ACCESS_SECRETS"):
            del followed.env[name]
        assert followed.json("access", "list")["access"] == []
        assert followed("access", "retry", "team:7").exit_code == 2

    def test_is_not_stopped_without_a_word(self, followed):
        assert followed("access", "stop", stdin=b"n\n").exit_code != 0

    @pytest.mark.parametrize(
        ("words", "code"),
        [(("retry",), 2), (("retry", "cus_of_nobody"), 2), (("show", "cus_of_nobody"), 2)],
    )
    def test_called_wrongly_is_refused(self, followed, words, code):
        assert followed("access", *words).exit_code == code
