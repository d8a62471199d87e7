"""Every payment company, by name, and what makes it from where its own things are kept."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from recoup.processors.base import Processor
from recoup.processors.fake import FakeProcessor

PROCESSORS: Final[Mapping[str, Callable[[Path], Processor]]] = {"fake": FakeProcessor}
