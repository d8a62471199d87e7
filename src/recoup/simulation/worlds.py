"""
Worlds: the numbers payers are drawn from, read from `payers.toml` beside this module.

Every number has a source there, or is said to be assumed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from recoup.errors import ConfigError

#: The world that is simulated when none is named.
FIRST: Final = "mixed"


@dataclass(frozen=True, slots=True)
class World:
    """What payers of one kind of economy are like; shares need not sum to 1."""

    name: str
    words: str
    causes: Mapping[str, float]
    vague: float
    noise: float
    cycles: Mapping[str, float]
    paydays: Mapping[str, float]
    month_days: Mapping[str, float]
    lasting: float
    lasting_spread: float
    lasting_wobble: float
    dry: float
    mood: Mapping[str, float]
    clears_days: float
    clears_spread: float
    moody_approves: float
    limit_daily: float
    down_hours: float
    blip: float
    updater: Mapping[str, float]
    updater_days: float
    advised: float
    advice_right: float
    brands: Mapping[str, float]
    debit: float
    india: float
    amount: float
    answers: Mapping[str, float]
    answer_hours: float
    answer_works: Mapping[str, float]
    velocity: Mapping[str, float]
    fees: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of the payers, and where it comes from."""

    name: str
    value: Any
    source: str


def parameters() -> tuple[Parameter, ...]:
    """Return every number of the payers with its source, as the first world has them."""
    given = _given()["parameter"]
    return tuple(Parameter(name, one["value"], one["source"]) for name, one in given.items())


def names() -> tuple[str, ...]:
    """Return the names of the worlds there are."""
    return tuple(_given()["world"])


@cache
def world(name: str) -> World:
    """
    Return the world of that name.

    Raises:
        ConfigError: there is none; it names those there are.
    """
    found = _given()["world"].get(name)
    if found is None:
        raise ConfigError(f"no world is called {name!r}: there are {', '.join(names())}")
    values = {one.name: one.value for one in parameters()}
    changed = {key: value for key, value in found.items() if key not in {"words", "source"}}
    if unknown := set(changed) - set(values):
        raise ConfigError(f"world {name}: no parameter is called {', '.join(sorted(unknown))}")
    return World(name=name, words=found["words"], **(values | changed))


@cache
def _given() -> dict[str, Any]:
    text = (resources.files("recoup.simulation") / "payers.toml").read_text("utf-8")
    return tomllib.loads(text)
