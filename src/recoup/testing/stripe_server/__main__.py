"""
The server in a process of its own: `python -m recoup.testing.stripe_server --world FILE`.

It prints its URL, and goes on until it is ended. Faults come by the world's file: see
`recoup.testing.stripe_server.faults.add`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from recoup.testing.stripe_server import Rates, StripeServer


def main(arguments: list[str]) -> None:
    """Serve the world in a file."""
    parser = argparse.ArgumentParser(prog="python -m recoup.testing.stripe_server")
    parser.add_argument("--world", type=Path, required=True, help="the world's file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="sk_test_of_recoup", help="the account's secret key")
    parser.add_argument("--version", help="the account's version, if not the world's")
    parser.add_argument("--rates", action="store_true", help="25 requests a second, as Stripe")
    given = parser.parse_args(arguments)
    with StripeServer(
        given.world,
        port=given.port,
        key=given.key,
        version=given.version,
        rates=Rates() if given.rates else None,
    ) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        while True:
            server.deliver()
            time.sleep(0.05)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
