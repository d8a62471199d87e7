"""
How many webhooks a second one server process takes in, against dj-stripe's webhook view.

    python -m benchmarks --only djstripe

The same server (uvicorn, one process), the same database server, the same events, in turns.
dj-stripe is given its best case: threads that keep their connections, no middleware, and an event
callback that does nothing, so that it verifies and stores and processes nothing. It wants another
version of the SDK than we do, so it lives in an environment of its own, `.venv/peers`, which the
first run makes.
"""

from __future__ import annotations

import hashlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks._peers import djstripe_server
from benchmarks.ingest import lines
from benchmarks.webhooks import OURS, SECRET, Where, ours, posted, serving
from recoup.store import database

POSTS: Final = 500  #: in a turn
TURNS: Final = 4  #: of each
FLOORS = {"ratio_to_djstripe": 4.0}

_NEEDS: Final = ("dj-stripe==2.11.0", "psycopg[binary]>=3.3.4", "uvicorn", "h11")
_FOLDER: Final = Path(__file__).parents[1] / ".venv/peers"


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    python = _environment()
    bodies = list(lines((2 * TURNS + 2) * POSTS))
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    with serving(ours, url) as here, _theirs(python, url) as (there, path):
        for turn in range(2 * TURNS + 2):
            mine = (turn + turn // 2) % 2 == 0  # on off off on: drift cancels out
            batch = bodies[turn * POSTS : (turn + 1) * POSTS]
            took, _ = posted(here if mine else there, OURS if mine else path, batch)
            if turn >= 2:  # the first ones connect, prepare and warm
                rates["ours" if mine else "theirs"].append(POSTS / took)
    assert _kept(url) == [(TURNS + 1) * POSTS] * 2, _kept(url)
    mine_, theirs = (statistics.median(rates[name]) for name in ("ours", "theirs"))
    return {
        "posts_per_s": mine_,
        "djstripe_posts_per_s": theirs,
        "ratio_to_djstripe": mine_ / theirs,
    }


def _environment() -> Path:
    """Return the Python of an environment with dj-stripe in it; made where it is not there."""
    mark = hashlib.sha256(" ".join(_NEEDS).encode()).hexdigest()[:12]
    folder = _FOLDER / mark
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", *_NEEDS]
        subprocess.run(install, check=True)
        (folder / "ready").touch()
    return python


@contextmanager
def _theirs(python: Path, url: str) -> Iterator[tuple[Where, str]]:
    """Their server in a process of its own; yields where it listens and the view's path."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA djstripe")
    process = subprocess.Popen(
        [python, djstripe_server.__file__, plain, SECRET], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port, path = process.stdout.readline().split()
        yield ("127.0.0.1", int(port)), path
    finally:
        process.terminate()
        process.wait()


def _kept(url: str) -> list[int]:
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    valid = "djstripe.djstripe_webhookeventtrigger WHERE valid"
    with engine.connect() as connection:
        kept = [
            int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
            for table in ("inbox", valid)
        ]
    engine.dispose()
    return kept
