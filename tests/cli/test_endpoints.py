"""`recoup endpoints`: systems of one's own that are told of events."""

from __future__ import annotations

import pytest
from receiver import SECRET_KEY, Answer, receiving

from recoup.webhooks import signature


@pytest.fixture
def environment(environment):
    own = {"RECOUP_SECRET_KEY": SECRET_KEY, "RECOUP_ALLOW_PRIVATE_URLS": "true"}
    return environment | own


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def made(cli, receiver):
    """A terminal where an endpoint was created."""
    cli.env["SHOWN"] = cli.json("endpoints", "create", receiver.url)["secret"]
    return cli


def told(cli):
    """Have something happen, and be told."""
    assert (
        cli("customers", "create", "--owner", "user:1", "--email", "ada@example.com").exit_code
        == 0
    )
    return cli("worker", "--drain")


class TestAnEndpoint:
    def test_is_created_with_a_secret_that_is_shown_once(self, cli, receiver):
        shown = cli.json("endpoints", "create", receiver.url, "--type", "customer.created")

        assert shown["endpoint"]["types"] == ["customer.created"]
        assert shown["secret"].startswith("whsec_")
        for words in (("endpoints", "list"), ("endpoints", "show", "1")):
            assert shown["secret"] not in cli(*words).output
            assert shown["secret"] not in cli(*words, "--json").output
        assert receiver.url in cli("endpoints", "list").output

    def test_is_told_by_a_worker_and_the_secret_verifies_it(self, made, receiver):
        told(made)

        (heard,) = receiver.heard
        at = signature._EPOCH + signature.timedelta(
            seconds=int(heard.headers["Recoup-Signature"].split(",")[0][2:])
        )
        secrets = (made.env["SHOWN"],)
        header = heard.headers["Recoup-Signature"]
        assert signature.fault(heard.body, header, secrets=secrets, now=at) is None

    def test_needs_a_key(self, cli, receiver):
        result = cli("endpoints", "create", receiver.url, recoup_secret_key="")

        assert result.exit_code == 2
        assert "RECOUP_SECRET_KEY" in result.output

    def test_inside_is_refused_outside_development(self, cli):
        result = cli(
            "endpoints", "create", "https://127.0.0.1/x", recoup_allow_private_urls="false"
        )

        assert result.exit_code == 2
        assert "private address" in result.output

    def test_is_changed_disabled_enabled_and_deleted(self, made, receiver):
        changed = made.json("endpoints", "update", "1", "--type", "invoice.paid")
        assert changed["types"] == ["invoice.paid"]
        disabled = made.json("endpoints", "disable", "1", "--reason", "moves")
        assert disabled["disabled_for"] == "moves"
        assert "1 is disabled: moves" in made("doctor").output.replace("\n", " ")
        assert made.json("endpoints", "enable", "1")["disabled_at"] is None
        assert made.json("endpoints", "delete", "1") == {"deleted": 1, "given_up": 0}
        assert made.json("endpoints", "list")["endpoints"] == []
        assert made("endpoints", "show", "1").exit_code != 0

    def test_has_its_secret_rolled(self, made):
        rolled = made.json("endpoints", "roll-secret", "1", "--overlap", "2d")

        assert rolled["secret"].startswith("whsec_")
        assert rolled["secret"] != made.env["SHOWN"]
        assert made("endpoints", "roll-secret", "1", "--overlap", "8d").exit_code == 2

    def test_is_sent_a_test_whose_end_is_the_exit_code(self, made, receiver):
        assert made("endpoints", "send-test", "1").exit_code == 0
        receiver.script = [Answer(500)]
        assert made("endpoints", "send-test", "1").exit_code == 1


class TestDeliveries:
    def test_are_listed_with_how_they_stand_and_each_try(self, made, receiver):
        receiver.script = [Answer(500, b"down for a while")]
        told(made)

        (one,) = made.json("endpoints", "deliveries", "1")["deliveries"]
        assert (one["type"], one["stand"], one["tries"]) == ("customer.created", "failing", 1)
        assert made.json("endpoints", "deliveries", "1", "--stand", "held")["deliveries"] == []
        (tried,) = made.json("endpoints", "deliveries", "1", "--tries")["tries"]
        assert (tried["status"], tried["answer"]) == (500, "down for a while")
        of_event = made.json("endpoints", "deliveries", "1", "--event", str(one["event_id"]))
        assert of_event["tries"] == [tried]
        assert "failing" in made("endpoints", "deliveries", "1").output
        assert "fails since" in made("doctor").output
        wrong = made("endpoints", "deliveries", "1", "--tries", "--stand", "held")
        assert wrong.exit_code == 2

    def test_are_replayed(self, made, receiver):
        told(made)

        again = made.json("endpoints", "replay", "1", "--since", "2020-01-01T00:00:00Z")
        assert again == {"told_again": 1}
        made("worker", "--drain")

        assert len({heard.body for heard in receiver.heard}) == 1
        assert len(receiver.heard) == 2
        assert made("endpoints", "replay", "1").exit_code == 2
        assert made("endpoints", "replay", "1", "77").exit_code != 0

    def test_without_a_key_are_a_finding(self, made):
        findings = made("doctor", "--json", recoup_secret_key="").output

        assert "nothing to sign posts with" in findings
