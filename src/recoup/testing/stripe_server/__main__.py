"""
The server in a process of its own: `python -m recoup.testing.stripe_server --world FILE`.

It prints its URL, and goes on until it is ended. Faults come by the world's file: see
`recoup.testing.stripe_server.faults.add`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import urlsplit

from recoup.jobs.clocks import SystemClock
from recoup.processors.fake import NEWEST, FakeProcessor
from recoup.testing.stripe_server import Rates, StripeServer

_POST: Final = 0.05  #: seconds between two rounds of the post
_TICK: Final = 0.25  #: seconds between two looks at the real clock


def _endpoint(given: str) -> tuple[str, str]:
    """Return the two sides of URL=SECRET; the URL may have = in it."""
    url, _, secret = given.rpartition("=")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not secret:
        raise argparse.ArgumentTypeError(
            "expected URL=SECRET, like http://127.0.0.1:8000/webhooks/stripe=whsec_…"
        )
    return url, secret


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recoup.testing.stripe_server")
    parser.add_argument("--world", type=Path, required=True, help="the world's file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="sk_test_of_recoup", help="the account's secret key")
    parser.add_argument("--version", help="the account's version, if not the world's")
    parser.add_argument("--rates", action="store_true", help="25 requests a second, as Stripe")
    parser.add_argument(
        "--real-time", action="store_true", help="the world's clock follows the machine's"
    )
    parser.add_argument(
        "--endpoint",
        dest="endpoints",
        metavar="URL=SECRET",
        type=_endpoint,
        action="append",
        default=[],
        help="tell this webhook endpoint of all that happens from now on; repeatable",
    )
    return parser


def _register(server: StripeServer, url: str, secret: str) -> None:
    """Add an endpoint; one that the world has from an earlier start is kept, with this secret."""
    for one in server.endpoints():
        if one.url == url:
            server.change_endpoint(one.id, secret=secret, enabled=True)
            return
    server.endpoint(url, secret=secret)


def _go_on(server: StripeServer, *, real_time: bool) -> None:
    """Deliver, and let time pass, until one of both fails or Ctrl-C comes."""
    over = Event()

    def again(work: Callable[[], object], every: float) -> None:
        while not over.wait(every):
            work()

    with ThreadPoolExecutor(thread_name_prefix="world") as threads:
        going: list[Future[None]] = [threads.submit(again, server.deliver, _POST)]
        if real_time:
            # Apart from the post: an endpoint that does not answer must not stop the clock.
            clock = SystemClock()
            going.append(threads.submit(again, lambda: server.fake.advance(clock.now()), _TICK))
        try:
            for failed in wait(going, return_when=FIRST_COMPLETED).done:
                failed.result()
        finally:
            over.set()


def main(arguments: list[str]) -> None:
    """Serve the world in a file."""
    parser = _parser()
    given = parser.parse_args(arguments)
    with closing(FakeProcessor(given.world, api_version=given.version or NEWEST)) as fake:
        if given.real_time:
            stands, now = fake.now, SystemClock().now()
            if stands > now:
                parser.error(f"--real-time: the world's clock is ahead, at {stands.isoformat()}")
            fake.advance(now)
        with StripeServer(
            fake,
            port=given.port,
            key=given.key,
            version=given.version,
            rates=Rates() if given.rates else None,
        ) as server:
            for url, secret in given.endpoints:
                _register(server, url, secret)
            sys.stdout.write(server.url + "\n")
            sys.stdout.flush()
            _go_on(server, real_time=given.real_time)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
