"""What can wake workers, by name; loaded when asked for, because `celery` is an extra."""

from collections.abc import Mapping
from typing import Final

CARRIERS: Final[Mapping[str, str]] = {
    "postgres": "recoup.jobs.carriers.postgres:PostgresCarrier",
    "celery": "recoup.jobs.carriers.celery:CeleryCarrier",
}
