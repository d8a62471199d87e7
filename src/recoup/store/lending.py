"""
Working inside a host's own transaction, on its connection, and leaving no trace on it.

A host lends what it has: an SQLAlchemy session or connection, a psycopg connection, Django's. We
go down to the driver's connection under it and look at that with settings of our own, so neither
its row factories nor its adapters reach us, and nothing of ours reaches it. Each use is a
savepoint: what fails in it is undone and the host's transaction goes on.

The search path, the zone and the durability of the commit are set for the transaction only, and
given back. When our statements fail nothing need be given back: PostgreSQL does it with the
savepoint. Durability stays, because the intent is to survive whatever happens after the commit.

What the database refuses is told in our words, by what the host can do: lend something else
(`WrongConnection`), run its transaction again (`Interrupted`), or wait (`InProgress`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, runtime_checkable

import psycopg
from psycopg import errors
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy import Connection, Dialect, Engine, NullPool
from sqlalchemy.exc import (
    DBAPIError,
    InvalidRequestError,
    PendingRollbackError,
    SQLAlchemyError,
    UnboundExecutionError,
)
from sqlalchemy.orm import Session, scoped_session

from recoup.errors import InProgress, Interrupted, RecoupError, WrongConnection

#: Commits that a crash of the server may forget, or one of its disk.
_WEAK: Final = frozenset({"off", "local", "remote_write"})
_NEEDED: Final = "Recoup records through psycopg 3 (postgresql+psycopg://), synchronously"

_UNUSABLE: Final = "this connection can not be used"
_AGAIN: Final = "roll it back and run it again, from its beginning"
_BROKEN: Final = f"something failed before in this transaction: {_AGAIN}"
#: Errors of the driver -> what they are to the host.
_IN_OUR_WORDS: Final[tuple[tuple[type[psycopg.Error], type[RecoupError], str], ...]] = (
    (
        errors.ReadOnlySqlTransaction,
        WrongConnection,
        "this transaction is read-only, and recording writes: lend one that may write",
    ),
    (
        errors.InsufficientPrivilege,
        WrongConnection,
        "its role may not do what recording needs: grant it the role that Recoup has",
    ),
    (errors.InFailedSqlTransaction, Interrupted, _BROKEN),
    (
        errors.SerializationFailure,
        Interrupted,
        f"another transaction has changed what this one has seen: {_AGAIN}",
    ),
    (
        errors.DeadlockDetected,
        Interrupted,
        f"this transaction and another waited for each other: {_AGAIN}; lock customers by id",
    ),
    (
        errors.LockNotAvailable,
        InProgress,
        "another transaction holds the customer or the key beyond this one's lock_timeout",
    ),
    (
        errors.QueryCanceled,
        Interrupted,
        f"a statement was canceled, or took longer than its statement_timeout: {_AGAIN}",
    ),
)

# A restarted server is another one, but a host and we see the same restart.
_WHERE: Final = "current_database()::text, extract(epoch FROM pg_postmaster_start_time())::text"
_FOUND: Final = f"""
    SELECT {_WHERE}, current_user::text,
           (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s),
           current_setting('search_path'), current_setting('TimeZone'),
           current_setting('synchronous_commit')
"""
_SET: Final = """
    SELECT set_config('search_path', %s, true), set_config('TimeZone', %s, true),
           set_config('synchronous_commit', %s, true)
"""


@runtime_checkable
class Wrapper(Protocol):
    """What Django has: an object that opens the driver's connection when it is needed."""

    connection: Any

    def ensure_connection(self) -> None: ...


Host = Session | scoped_session[Session] | Connection | psycopg.Connection[Any] | Wrapper


class _View(psycopg.Connection[Any]):
    """The host's connection, seen with the driver's defaults. Its transaction is the host's."""

    def commit(self) -> None:
        """Leave it to the host."""

    def rollback(self) -> None:
        """Leave it to the host; the savepoint undoes what is ours."""

    def close(self) -> None:
        """Leave it open."""

    def __del__(self) -> None:  # type: ignore[override]  # the driver's would warn of a leak
        """Nothing of it is ours to close."""


class Lender:
    """
    Makes connections of ours out of what hosts lend.

    Args:
        ours: Our own engine: what is lent must lead to the same database.
    """

    def __init__(self, ours: Engine, schema: str) -> None:
        self._ours = ours
        self._schema = schema
        self._home: tuple[str, str] | None = None
        self._mine = threading.local()
        # The dialect knows its server already, so nothing is asked on the host's connection.
        pool = NullPool(lambda: self._mine.view, reset_on_return=None, dialect=ours.dialect)
        self._engine = Engine(pool, ours.dialect, ours.url)

    @contextmanager
    def lent(self, host: Host) -> Iterator[Connection]:
        """
        Lend a connection in the host's transaction, and in a savepoint of its own.

        A host that is in no transaction, because it commits every statement, gets one for this.
        It is the host that commits in any other case, and nothing is sent anywhere before.

        Raises:
            WrongConnection: it can not be used; the text says why and what is needed.
            Interrupted: its transaction has failed, now or before.
            InProgress: another transaction holds what is needed for longer than it waits.
        """
        raw = driver_of(host)
        _refuse_engaged(raw)
        with _in_our_words(host, raw), self._savepoint(raw) as connection:
            yield connection

    @contextmanager
    def _savepoint(self, raw: psycopg.Connection[Any]) -> Iterator[Connection]:
        if not raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE:
            raw.execute("SELECT 1")  # else psycopg would commit at the end of its block
        with raw.transaction(), _as_ours(raw) as view:
            before = self._checked(view)
            durable = "on" if before[2] in _WEAK else before[2]
            # Last, because unnamed it comes first: a host's temporary table is not ours.
            path = f'"{self._schema}", pg_temp'
            view.execute(_SET, (path, "UTC", durable))
            self._mine.view = view
            with self._engine.connect() as connection, connection.begin():
                yield connection
            view.execute(_SET, (before[0], before[1], durable))

    def _checked(self, view: _View) -> tuple[str, str, str]:
        """Return the host's settings, if this is our database and its role may use our schema."""
        row = view.execute(_FOUND, (self._schema,)).fetchone()
        assert row is not None  # noqa: S101  it is one row
        name, started, role, usable, *before = row
        if (name, started) != self._home:
            self._home = self._at_home()
        if (name, started) != self._home:
            raise WrongConnection(
                f"this connection leads to the database {name!r} of another server or name than "
                f"Recoup's, which is {self._home[0]!r}: an intent can only commit where it is kept"
            )
        if not usable:
            raise WrongConnection(
                f"the role {role!r} may not use the schema {self._schema!r}: grant it the role "
                "that Recoup has"
            )
        path, zone, durability = before
        return path, zone, durability

    def _at_home(self) -> tuple[str, str]:
        with self._ours.connect() as connection:
            name, started = connection.exec_driver_sql(f"SELECT {_WHERE}").one()
        return name, started


def check(host: object) -> Host:
    """
    Return what was lent if it is of a kind we can use. Nothing is asked of the database.

    Raises:
        WrongConnection: it is not.
    """
    match host:
        case Session() | scoped_session():
            try:
                _check_dialect(host.get_bind().dialect, "session")
            except UnboundExecutionError as error:
                raise WrongConnection(
                    f"the session has no one database: lend the connection to use ({error})"
                ) from None
            return host
        case Connection():
            _check_dialect(host.dialect, "connection")
            return host
        case psycopg.Connection():
            return host
        case Wrapper():
            vendor = getattr(host, "vendor", "postgresql")
            if vendor != "postgresql":
                raise WrongConnection(f"this connection's backend is {vendor}: {_NEEDED}")
            return host
        case _:
            kind = f"{type(host).__module__}.{type(host).__qualname__}"
            raise WrongConnection(
                f"{kind} can not be lent: {_NEEDED}; an SQLAlchemy Session or Connection, a "
                "psycopg.Connection, or django.db.connection"
            )


def driver_of(host: Host) -> psycopg.Connection[Any]:
    """
    Return the driver's connection of what was lent, in the transaction that it is in.

    Raises:
        WrongConnection: it is another driver's, or can not be opened.
        Interrupted: something failed in its transaction before.
    """
    check(host)
    if isinstance(host, Session | scoped_session | Connection):
        raw = _alchemical(host)
    else:
        raw = host if isinstance(host, psycopg.Connection) else _wrapped(host)
    if not isinstance(raw, psycopg.Connection):
        kind = f"{type(raw).__module__}.{type(raw).__qualname__}"
        raise WrongConnection(f"the driver's connection is a {kind}: {_NEEDED}")
    return raw


def _alchemical(host: Session | scoped_session[Session] | Connection) -> Any:
    try:
        if not isinstance(host, Connection):
            host = host.connection()
        if not host.in_transaction():
            host.begin()  # as any statement would have done
        raw = host.connection.driver_connection
    except PendingRollbackError as error:
        raise Interrupted(_BROKEN) from error
    except SQLAlchemyError as error:
        raise WrongConnection(f"{_UNUSABLE}: {error}") from error
    return raw


def _wrapped(host: Wrapper) -> Any:
    try:
        host.ensure_connection()
    except Exception as error:  # whatever its framework wraps the driver's error in
        raise WrongConnection(f"{_UNUSABLE}: {error}") from error
    try:
        # Django knows when its transaction is broken before the server is asked.
        getattr(host, "validate_no_broken_transaction", lambda: None)()
    except Exception as error:
        raise Interrupted(_BROKEN) from error
    return host.connection


def _refuse_engaged(raw: psycopg.Connection[Any]) -> None:
    """
    Raises:
        WrongConnection: it is closed, or in the middle of something: our statements would wait
            for answers that never come.
    """
    if raw.closed:
        raise WrongConnection("this connection is closed: lend one that is open")
    if raw.pgconn.pipeline_status != PipelineStatus.OFF:
        raise WrongConnection(
            "this connection is in pipeline mode, in which no answer comes before its end: leave "
            "the pipeline first"
        )
    if raw.info.transaction_status == TransactionStatus.ACTIVE:
        raise WrongConnection(
            "this connection is in the middle of a COPY or of a stream of rows: finish that first"
        )


@contextmanager
def _in_our_words(host: Host, raw: psycopg.Connection[Any]) -> Iterator[None]:
    """
    Tell what the driver says by what the host can do. What is a bug of ours stays what it is.

    Raises:
        WrongConnection, Interrupted, InProgress: see `_IN_OUR_WORDS`.
    """
    try:
        yield
    except (psycopg.Error, DBAPIError, InvalidRequestError) as told:
        error = told.orig if isinstance(told, DBAPIError) else told
        if raw.closed:
            if isinstance(host, Session | scoped_session | Connection):
                # SQLAlchemy has not seen it, and would stumble over it when it closes.
                (host if isinstance(host, Connection) else host.connection()).invalidate()
            words = "the connection was lost, and this transaction with it: connect anew, and run"
            raise Interrupted(f"{words} it again") from error
        for kind, ours, why in _IN_OUR_WORDS:
            if isinstance(error, kind):
                raise ours(why) from error
        raise


def _check_dialect(dialect: Dialect, what: str) -> None:
    found = f"{dialect.name}+{dialect.driver}"
    if dialect.is_async:
        raise WrongConnection(f"this {what} is asynchronous ({found}): {_NEEDED}")
    if found != "postgresql+psycopg":
        raise WrongConnection(f"this {what}'s driver is {found}: {_NEEDED}")


@contextmanager
def _as_ours(raw: psycopg.Connection[Any]) -> Iterator[_View]:
    """Lend a second face of the host's connection, with the driver's default settings."""
    libpq = raw.pgconn
    handlers = libpq.notice_handler, libpq.notify_handler
    view = _View(libpq)
    libpq.notice_handler, libpq.notify_handler = handlers  # they stay the host's
    view.prepare_threshold = None  # prepared statements have names, and the host counts its own
    yield view
