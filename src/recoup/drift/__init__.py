"""Drift and rollouts: `recoup.drift`, `recoup.rollouts`."""

from recoup.drift.desk import Drift, Repaired, Scanned
from recoup.drift.hosts import Host
from recoup.drift.rollouts import Rollouts

__all__ = ["Drift", "Host", "Repaired", "Rollouts", "Scanned"]
