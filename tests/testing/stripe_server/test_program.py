"""`python -m recoup.testing.stripe_server`, a process of its own beside a receiver."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from receiver import receiving

from recoup.processors.fake import FakeProcessor

COMMAND = (sys.executable, "-m", "recoup.testing.stripe_server")
SECRET = "whsec_of_this_test"
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@contextmanager
def running(world, receiver, secret=SECRET):
    """Run the program with both flags; the SDK that asks it."""
    flags = ["--world", world, "--real-time", "--endpoint", f"{receiver.url}={secret}"]
    process = subprocess.Popen([*COMMAND, *flags], stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        yield stripe.StripeClient("sk_test_of_recoup", base_addresses={"api": url})
    finally:
        process.kill()
        process.communicate()


def until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def verified(heard, secret=SECRET):
    """What a receiver on the machine's clock makes of a post."""
    signature = heard.headers["Stripe-Signature"]
    return stripe.Webhook.construct_event(heard.body, signature, secret, tolerance=300)


class TestTheProgram:
    def test_keeps_real_time_and_tells_its_endpoints(self, tmp_path, receiver):
        begun = datetime.now(UTC)
        with (
            running(tmp_path / "world", receiver) as sdk,
            FakeProcessor(tmp_path / "world") as seen,
        ):
            assert begun <= seen.now <= datetime.now(UTC)
            made = sdk.v1.customers.create({"email": "ada@example.com"})
            until(lambda: receiver.heard)
            stood = seen.now
            until(lambda: seen.now > stood + A_SECOND)

            assert seen.now <= datetime.now(UTC)
        (heard,) = receiver.heard
        event = verified(heard)
        assert (event.type, event.data.object.id) == ("customer.created", made.id)

    def test_started_again_tells_an_endpoint_once_and_with_the_new_secret(
        self, tmp_path, receiver
    ):
        with running(tmp_path / "world", receiver):
            pass
        with running(tmp_path / "world", receiver, "whsec_of_today") as sdk:
            for _ in range(2):
                sdk.v1.customers.create({})
            until(lambda: len(receiver.heard) >= 2)

        ids = [verified(heard, "whsec_of_today").id for heard in receiver.heard]
        assert ids == ["evt_fake_000000001", "evt_fake_000000002"]

    @pytest.mark.parametrize(
        ("flags", "complaint"),
        [
            (["--real-time"], "the world's clock is ahead"),
            (["--endpoint", "http://127.0.0.1:1/"], "expected URL=SECRET"),
            (["--endpoint", "127.0.0.1:1=whsec_hush"], "expected URL=SECRET"),
        ],
        ids=["a world that is ahead", "no secret", "no URL"],
    )
    def test_refuses_what_can_not_be(self, tmp_path, flags, complaint):
        with FakeProcessor(tmp_path / "world") as ahead:
            ahead.advance(datetime.now(UTC) + timedelta(days=1))

        command = [*COMMAND, "--world", tmp_path / "world", *flags]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

        assert refused.returncode == 2
        assert complaint in refused.stderr
        assert "hush" not in refused.stderr
