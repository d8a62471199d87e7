"""
Policies as text: the TOML file named by RECOUP_POLICY, and the form kept in the database.

Unknown keys and malformed spans are errors that say where; nothing is guessed. docs/dunning.md
shows a whole file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from recoup.core.policy import DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.errors import InvalidPolicy

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN: Final = re.compile(r"(\d{1,9})([dhms])")

_POLICY_KEYS: Final = frozenset(
    "key version ladder steps collector timer schedule min_notice bounce_hold min_stay "
    "max_stretch contact_hours applies_to".split()
)
_RUNG_KEYS: Final = frozenset({"name", "after", "consequences"})
_STEP_KEYS: Final = frozenset({"key", "after", "mail", "announces"})
_CHOICE_KEYS: Final = frozenset({"plan", "segment", "currency", "country"})
_SPANS: Final = ("min_notice", "bounce_hold", "min_stay")


def load(path: Path, *, mails: frozenset[str]) -> Policies:
    """
    Return the policies of a TOML file, in order; the first that fits a new case is used.

    Args:
        path: The file; its tables are `[[policy]]`.
        mails: The types of mail that exist; a step may name no other.

    Raises:
        InvalidPolicy: the file is no TOML, or a policy in it is wrong.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidPolicy(f"{path.name}: {error}") from error
    _only(given, frozenset({"policy"}), path.name)
    tables = given.get("policy")
    if not isinstance(tables, list) or not tables:
        raise InvalidPolicy(f"{path.name}: expected at least one [[policy]]")
    choices = tuple(
        _choice(table, f"{path.name}: policy {n}") for n, table in enumerate(tables, 1)
    )
    for choice in choices:
        for step in choice.policy.steps:
            if step.mail not in mails:
                raise InvalidPolicy(
                    f"policy {choice.policy.name}: step {step.key!r} sends "
                    f"{step.mail!r}{_hint(step.mail, mails)}, which is no type of mail"
                )
    last = choices[-1]
    if any((last.plan, last.segment, last.currency, last.country)):
        raise InvalidPolicy(
            f"{path.name}: the last policy, {last.policy.name}, must be for everybody: leave out "
            "its applies_to, or add one without"
        )
    names = [choice.policy.name for choice in choices]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InvalidPolicy(f"{path.name}: {', '.join(sorted(twice))} stands there twice")
    return Policies(choices)


def policy(table: Mapping[str, Any], where: str = "policy") -> Policy:
    """
    Return the policy that a table describes; what it leaves out is as in the default policy.

    Raises:
        InvalidPolicy: a key is unknown, or a value has the wrong form.
    """
    _only(table, _POLICY_KEYS, where)
    for name in ("key", "version"):
        if name not in table:
            raise InvalidPolicy(f"{where}: {name} is missing")
    values: dict[str, Any] = {
        name: table[name] for name in ("key", "version", "collector", "timer", "max_stretch")
        if name in table
    }  # fmt: skip
    values |= {name: _span(table[name], f"{where}: {name}") for name in _SPANS if name in table}
    if "schedule" in table:
        values["schedule"] = tuple(_span(one, f"{where}: schedule") for one in table["schedule"])
    if "contact_hours" in table:
        values["contact_hours"] = tuple(table["contact_hours"])
    if "ladder" in table:
        values["ladder"] = tuple(_rung(one, where) for one in table["ladder"])
    if "steps" in table:
        values["steps"] = tuple(_step(one, where) for one in table["steps"])
    return replace(DEFAULT, **values)


def table(policy: Policy) -> dict[str, Any]:
    """Return the table from which `policy` makes an equal one."""
    return {
        "key": policy.key,
        "version": policy.version,
        "collector": policy.collector,
        "timer": policy.timer,
        "schedule": [_text(span) for span in policy.schedule],
        "max_stretch": policy.max_stretch,
        "contact_hours": list(policy.contact_hours),
        **{name: _text(getattr(policy, name)) for name in _SPANS},
        "ladder": [
            {
                "name": rung.name,
                "after": _text(rung.after),
                "consequences": list(rung.consequences),
            }
            for rung in policy.ladder
        ],
        "steps": [
            {"key": step.key, "after": _text(step.after), "mail": step.mail}
            | ({"announces": step.announces} if step.announces else {})
            for step in policy.steps
        ],
    }


def _choice(given: Mapping[str, Any], where: str) -> Choice:
    wanted = given.get("applies_to", {})
    _only(wanted, _CHOICE_KEYS, f"{where}: applies_to")
    for name, value in wanted.items():
        if not isinstance(value, str) or not value:
            raise InvalidPolicy(f"{where}: applies_to.{name} is a text, got {value!r}")
    return Choice(policy({k: v for k, v in given.items() if k != "applies_to"}, where), **wanted)


def _rung(given: Mapping[str, Any], where: str) -> Rung:
    _only(given, _RUNG_KEYS, f"{where}: ladder")
    name = str(_needed(given, "name", f"{where}: ladder"))
    after = _span(_needed(given, "after", f"{where}: rung {name}"), f"{where}: rung {name}")
    return Rung(name, after, tuple(_needed(given, "consequences", f"{where}: rung {name}")))


def _step(given: Mapping[str, Any], where: str) -> Step:
    _only(given, _STEP_KEYS, f"{where}: steps")
    key = str(_needed(given, "key", f"{where}: steps"))
    after = _span(_needed(given, "after", f"{where}: step {key}"), f"{where}: step {key}")
    return Step(
        key, after, str(_needed(given, "mail", f"{where}: step {key}")), given.get("announces")
    )


def _needed(given: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in given:
        raise InvalidPolicy(f"{where}: {name} is missing")
    return given[name]


def _only(given: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(given, dict):
        raise InvalidPolicy(f"{where}: expected a table, got {given!r}")
    for name in given:
        if name not in known:
            raise InvalidPolicy(f"{where}: {name!r} is unknown{_hint(name, known)}")


def _hint(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _span(given: Any, where: str) -> timedelta:
    match = _SPAN.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise InvalidPolicy(f'{where}: expected a span like "8d", "72h" or "30m", got {given!r}')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _text(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in _UNITS.items():
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise AssertionError("unreachable")
