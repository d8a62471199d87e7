"""
A team's own Celery as carrier (extra `celery`).

A message says only "drain queue q". It holds no effect and no due date, so a broker that loses,
repeats or reorders messages does no harm, and one that is down is survived. `Relay` turns what
the database says into messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from celery import Celery
from kombu.exceptions import KombuError, OperationalError

from recoup.jobs.worker import Worker

log: Final = logging.getLogger(__name__)

DRAIN: Final = "recoup.drain"  #: the task's name, for `task_routes`
STALE_AFTER: Final = 60  #: seconds; a message that old has been followed by others
LONGEST_DRAIN: Final = 30.0  #: seconds a message may keep a Celery worker busy


class CeleryCarrier:
    """Rings by sending messages over `app`, to where its routes say for `recoup.drain`."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ring(self, queues: Iterable[str]) -> None:
        """
        Send a message for each queue. A broker that is down is logged and not raised.

        How long a broker that is down is waited for is its client's setting; with Redis it is
        some 6 s, so a host that rings from a request prefers a `Relay`.
        """
        for queue in queues:
            try:
                self._app.send_task(
                    DRAIN, args=(queue,), ignore_result=True, expires=STALE_AFTER, retry=False
                )
            except (KombuError, OperationalError, OSError) as error:
                log.warning("queue %s was not rung: %s", queue, error)
                return


def drain_task(
    app: Celery, build: Callable[[str], Worker], *, limit_seconds: float = LONGEST_DRAIN
) -> Any:
    """
    Register the task `recoup.drain` on `app` and return it.

    Args:
        app: The team's own.
        build: Makes a worker of one queue. Called in the Celery process, once a message; make
            the engine there too, and keep it: connections do not survive a fork.
        limit_seconds: After this long the rest is left to a message of its own, so that other
            tasks have their turn.
    """

    def drain(queue: str) -> int:
        began = time.monotonic()
        ran = build(queue).drain(limit_seconds)
        if time.monotonic() - began >= limit_seconds:
            CeleryCarrier(app).ring((queue,))
        return ran.total()

    return app.task(name=DRAIN, ignore_result=True)(drain)
