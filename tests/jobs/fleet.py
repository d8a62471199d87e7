"""A Celery application as a team would have it, for test_celery."""

from __future__ import annotations

import os
from functools import cache

from celery import Celery
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

from recoup.jobs.carriers.celery import drain_task
from recoup.jobs.clocks import SystemClock
from recoup.jobs.worker import Worker
from recoup.testing.carriers import HANDLERS

app = Celery("fleet", broker=os.environ["FLEET_BROKER"])
app.conf.broker_connection_retry_on_startup = True


@cache
def engine() -> Engine:
    url = make_url(os.environ["FLEET_DATABASE"]).set(drivername="postgresql+psycopg")
    return create_engine(url, connect_args={"options": "-c search_path=recoup -c timezone=UTC"})


drain_task(app, lambda queue: Worker(engine(), HANDLERS, SystemClock(), [queue]))
