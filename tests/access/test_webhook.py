from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from host import SECRET, HttpHost
from receiver import Answer, receiving

from recoup.access.base import Ahead, CannotTell, NotApplied
from recoup.access.webhook import CHANGED, Webhook
from recoup.config import Config
from recoup.effects import posting
from recoup.effects._wire import Limits, Wire
from recoup.errors import ConfigError
from recoup.testing.suites.access import RESTORED, RESTRICTED, AccessStoreConformance
from recoup.webhooks.signature import fault

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def config(home, url, **more):
    given = {"access_url": url, "access_secrets": SECRET, "allow_private_urls": True} | more
    return Config.load(home=home, **given)


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def store(receiver, home):
    return Webhook(posting(config(home, receiver.url), lambda: NOW))


class TestAWebhook(AccessStoreConformance):
    @pytest.fixture(autouse=True)
    def host(self, receiver, store):
        host = HttpHost()
        receiver.choose = host.answer
        self.store = store
        return host


class TestAPost:
    def test_says_everything_and_is_signed_by_every_secret(self, receiver, home):
        secrets = f"the-new-one-of-the-tests,{SECRET}"
        Webhook(posting(config(home, receiver.url, access_secrets=secrets), lambda: NOW)).apply(
            RESTRICTED
        )

        (heard,) = receiver.heard
        told = json.loads(heard.body)
        assert (told["type"], told["customer"], told["owner"]) == (CHANGED, 1, "team:7")
        assert (told["version"], told["standing"], told["restored"]) == (4, "limited", False)
        assert told["restrictions"][0]["features"] == ["edit", "seats"]
        assert told["stays"] == ["sign_in", "security", "export", "billing"]
        header = heard.headers["Recoup-Signature"]
        for secret in secrets.split(","):
            assert fault(heard.body, header, secrets=[secret], now=NOW) is None

    def test_says_when_nothing_is_closed_any_more(self, receiver, store):
        store.apply(RESTORED)

        assert receiver.events[0]["restored"] is True

    @pytest.mark.parametrize("status", [400, 410, 429, 500, 503])
    def test_is_followed_only_with_a_2xx(self, receiver, store, status):
        receiver.usually = Answer(status, headers={"Retry-After": "17"})

        with pytest.raises(NotApplied, match=f"answered {status}") as raised:
            store.apply(RESTRICTED)

        assert raised.value.after == timedelta(seconds=17)

    def test_follows_no_redirect(self, receiver, store):
        receiver.usually = Answer(302, headers={"Location": receiver.url})

        with pytest.raises(NotApplied, match="redirects are not followed"):
            store.apply(RESTRICTED)

        assert len(receiver.heard) == 1

    def test_that_is_never_answered_ends(self, receiver):
        over = threading.Event()
        receiver.usually = Answer(before=over.wait)
        wire = Wire(anywhere=True, limits=Limits(total=0.1))
        hanging = Webhook(lambda body, *, kept: wire.post(receiver.url, body, {}, now=NOW))

        with pytest.raises(NotApplied, match="no answer in time"):
            hanging.apply(RESTRICTED)

        over.set()

    def test_that_is_cut_off_was_not_followed(self, receiver, store):
        receiver.usually = Answer(hang_up=True)

        with pytest.raises(NotApplied):
            store.apply(RESTRICTED)

    @pytest.mark.parametrize("body", [b"", b"ok", b"[]", b'{"version": "7"}', b"\xff", b"{}"])
    def test_need_not_be_answered_with_a_version(self, receiver, store, body):
        receiver.usually = Answer(body=body)

        store.apply(RESTRICTED)

    def test_answered_with_an_older_version_was_not_followed(self, receiver, store):
        receiver.usually = Answer(body=b'{"version": 3}')

        with pytest.raises(NotApplied, match="the host says it has 3"):
            store.apply(RESTRICTED)

    def test_answered_with_a_newer_version_says_that_we_are_behind(self, receiver, store):
        receiver.usually = Answer(body=b'{"version": 41}')

        with pytest.raises(Ahead) as raised:
            store.apply(RESTRICTED)

        assert raised.value.version == 41


class TestReading:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(404),
            Answer(500),
            Answer(body=b"ok"),
            Answer(body=b'{"version": 4, "customer": 1}'),
            Answer(hang_up=True),
        ],
    )
    def test_a_host_that_does_not_tell_is_no_finding(self, receiver, store, answer):
        receiver.usually = answer

        with pytest.raises(CannotTell):
            store.read(1)

    def test_believes_nothing_of_another_customer(self, receiver, store):
        host = HttpHost()
        host.held[1] = replace(RESTRICTED, customer=2)
        receiver.choose = host.answer

        with pytest.raises(CannotTell, match="told of 2"):
            store.read(1)

    def test_of_what_it_never_heard_holds_nothing(self, receiver, store):
        receiver.choose = HttpHost().answer

        assert store.read(1) is None


class TestTheSettings:
    def test_without_a_url_make_nothing(self, home):
        assert posting(Config.load(home=home), lambda: NOW) is None

    def test_need_secrets_beside_the_url(self, home):
        with pytest.raises(ConfigError, match="RECOUP_ACCESS_SECRETS"):
            config(home, "https://example.com/", access_secrets=None)

    @pytest.mark.parametrize("url", ["http://example.com/", "https://127.0.0.1/", "https://a.lan"])
    def test_refuse_private_places(self, home, url):
        with pytest.raises(ConfigError, match="RECOUP_ACCESS_URL"):
            posting(config(home, url, allow_private_urls=False), lambda: NOW)

    def test_show_no_secret(self, home):
        shown = config(home, "https://example.com/").shown()

        assert SECRET not in str(shown)
        assert SECRET not in repr(config(home, "https://example.com/"))
