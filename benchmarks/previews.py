"""
How long the previews of all mails take, in every language and every format.

    python -m benchmarks --only previews

It is what `make preview` writes: pages, HTML, text, whole messages, and documents as PDF.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from recoup.cli.papers import papers
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.preview import FORMATS, render_all

FLOORS = {"mails": 168.0}
CEILINGS = {"seconds": 20.0}


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures. The database is not needed."""
    del url
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        files = render_all(Path(folder), formats=FORMATS, documents=papers)
        seconds = time.perf_counter() - begun
        size = sum(path.stat().st_size for path in files)
    return {
        "seconds": seconds,
        "mails": float(len(EMAILS) * len(SHIPPED)),
        "files": float(len(files)),
        "megabytes": size / 1e6,
    }
