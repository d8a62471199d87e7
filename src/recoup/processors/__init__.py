"""Every payment company, by name, and what makes it of the settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from recoup.config import Config
from recoup.processors.base import Line, Processor
from recoup.processors.fake import FakeProcessor


def _fake(config: Config, books: Path | None, line: Line) -> Processor:
    del line  # it is here, and never tired
    return FakeProcessor(books or config.home / "fake.sqlite3")


def _stripe(config: Config, books: Path | None, line: Line) -> Processor:
    from recoup.processors.stripe.processor import StripeProcessor  # noqa: PLC0415  an extra

    del books  # they are Stripe's
    return StripeProcessor.of(config, line)


#: Name -> what makes it of the settings, the fake's books, and what its processes share.
PROCESSORS: Final[Mapping[str, Callable[[Config, Path | None, Line], Processor]]] = {
    "fake": _fake,
    "stripe": _stripe,
}


def retries_itself(config: Config) -> bool:
    """Whether the payment company of the settings tries failed invoices again by itself."""
    return config.processor == "stripe" and config.stripe_retries
