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

from recoup.core.dunning.conditions import ALWAYS, When
from recoup.core.money import Money, exponent
from recoup.core.policy import DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.errors import InvalidPolicy

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN: Final = re.compile(r"(\d{1,9})([dhms])")

_POLICY_KEYS: Final = frozenset(
    "key version ladder steps collector timer schedule min_notice bounce_hold min_stay "
    "max_stretch contact_hours applies_to rollout".split()
)
_RUNG_KEYS: Final = frozenset({"name", "after", "consequences"})
_STEP_KEYS: Final = frozenset({"key", "after", "mail", "announces", "when", "channels"})
_NAMES: Final = ("classes", "segments", "plans", "countries", "currencies")
_AMOUNTS: Final = ("min_amount", "max_amount")
_WHEN_KEYS: Final = frozenset({*_NAMES, *_AMOUNTS, "min_tenure"})
_AMOUNT: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,3}))? ([A-Z]{3})")
_CHOICE_KEYS: Final = frozenset({"plan", "segment", "currency", "country"})
_SPANS: Final = ("min_notice", "bounce_hold", "min_stay")
_LONGEST: Final = timedelta(days=36_500)  #: that a span may be
_COUNTRY: Final = (re.compile("[A-Z]{2}"), "a country by ISO 3166, as 'DE'")
_CURRENCY: Final = (re.compile("[A-Z]{3}"), "a currency by ISO 4217, as 'EUR'")
_CODES: Final = {
    "country": _COUNTRY, "countries": _COUNTRY, "currency": _CURRENCY, "currencies": _CURRENCY
}  # fmt: skip


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
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidPolicy(
            f"{path.name}: expected text in UTF-8, and line {line} is none"
        ) from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidPolicy(f"{path.name}: {error}") from error
    except RecursionError as error:
        raise InvalidPolicy(f"{path.name}: nested too deeply") from error
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
                    f"{path.name}: policy {choice.policy.name}: step {step.key!r} sends "
                    f"{step.mail!r}{_hint(step.mail, mails)}, which is no type of mail"
                )
    last = choices[-1]
    if any((last.plan, last.segment, last.currency, last.country, last.rollout)):
        raise InvalidPolicy(
            f"{path.name}: the last policy, {last.policy.name}, must be for everybody: leave out "
            "its applies_to and its rollout, or add one without"
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
    for name in ("collector", "timer"):
        if not isinstance(values.get(name, ""), str):
            raise InvalidPolicy(f"{where}: {name}: expected a text, got {values[name]!r}")
    values |= {name: _span(table[name], f"{where}: {name}") for name in _SPANS if name in table}
    if "schedule" in table:
        values["schedule"] = tuple(
            _span(one, f"{where}: schedule")
            for one in _list(table["schedule"], f"{where}: schedule")
        )
    if "contact_hours" in table:
        values["contact_hours"] = _hours(table["contact_hours"], f"{where}: contact_hours")
    if "ladder" in table:
        values["ladder"] = tuple(
            _rung(one, where) for one in _list(table["ladder"], f"{where}: ladder")
        )
    if "steps" in table:
        values["steps"] = tuple(
            _step(one, where) for one in _list(table["steps"], f"{where}: steps")
        )
    return replace(DEFAULT, **values)


def table(policy: Policy) -> dict[str, Any]:
    """Return the table from which `policy` makes an equal one."""
    return {
        "key": policy.key,
        "version": policy.version,
        **({} if policy.collector is None else {"collector": policy.collector}),
        "timer": policy.timer,
        "schedule": [_text(span) for span in policy.schedule],
        "max_stretch": policy.max_stretch,
        "contact_hours": list(policy.contact_hours),
        **{name: _text(getattr(policy, name)) for name in _SPANS},
        "ladder": [
            {
                "name": rung.name,
                "after": _text(rung.after),
                "consequences": [_named(rung, name) for name in rung.consequences],
            }
            for rung in policy.ladder
        ],
        "steps": [
            {"key": step.key, "after": _text(step.after), "mail": step.mail}
            | ({"announces": step.announces} if step.announces else {})
            | ({} if step.when == ALWAYS else {"when": _condition(step.when)})
            | ({} if step.channels == ("mail",) else {"channels": list(step.channels)})
            for step in policy.steps
        ],
    }


def _choice(given: Any, where: str) -> Choice:
    _only(given, _POLICY_KEYS, where)
    key = given.get("key", "-")  # one that is missing is said below
    if not isinstance(key, str) or not key.strip() or "/" in key:
        raise InvalidPolicy(f"{where}: key: expected a text without '/', got {key!r}")
    wanted = given.get("applies_to", {})
    _only(wanted, _CHOICE_KEYS, f"{where}: applies_to")
    for name, value in wanted.items():
        if not isinstance(value, str) or not value:
            raise InvalidPolicy(f"{where}: applies_to.{name} is a text, got {value!r}")
        _check_code(name, value, f"{where}: applies_to.{name}")
    named = given.get("rollout")
    if named is not None and (not isinstance(named, str) or not named):
        raise InvalidPolicy(f"{where}: rollout is the name of one, got {named!r}")
    if given.get("version") == 0:
        raise InvalidPolicy(f"{where}: version begins at 1")
    rest = {k: v for k, v in given.items() if k not in {"applies_to", "rollout"}}
    try:
        made = policy(rest, where)
    except InvalidPolicy as error:
        file = where.partition(": ")[0]
        said = str(error)
        raise InvalidPolicy(said if said.startswith(file) else f"{file}: {said}") from None
    whens = [when for rung in made.ladder for _, when in rung.only]
    for when in (*whens, *(step.when for step in made.steps)):
        for name in ("countries", "currencies"):
            for code in sorted(getattr(when, name)):
                _check_code(name, code, f"{where}: {name}")
    return Choice(made, rollout=named, **wanted)


def _rung(given: Mapping[str, Any], where: str) -> Rung:
    _only(given, _RUNG_KEYS, f"{where}: ladder")
    name = str(_needed(given, "name", f"{where}: ladder"))
    after = _span(_needed(given, "after", f"{where}: rung {name}"), f"{where}: rung {name}")
    where = f"{where}: rung {name}"
    listed = _needed(given, "consequences", where)
    if not isinstance(listed, list):
        raise InvalidPolicy(f"{where}: consequences is a list, got {listed!r}")
    held = [_consequence(one, where) for one in listed]
    only = tuple((name, when) for name, when in held if when != ALWAYS)
    return Rung(name, after, tuple(name for name, _ in held), only)


def _consequence(given: Any, where: str) -> tuple[str, When]:
    """Return a consequence's name and whom it is for: "suspend", or a table with a condition."""
    if isinstance(given, str):
        return given, ALWAYS
    where = f"{where}: consequences"
    _only(given, frozenset({"name", "when"}), where)
    return str(_needed(given, "name", where)), _when(given.get("when", {}), where)


def _when(given: Any, where: str) -> When:
    where = f"{where}: when"
    _only(given, _WHEN_KEYS, where)
    values: dict[str, Any] = {}
    for name in given:
        if name in _NAMES:
            values[name] = frozenset(_texts(given[name], f"{where}.{name}"))
        elif name in _AMOUNTS:
            values[name] = _amount(given[name], f"{where}.{name}")
        else:
            values[name] = _span(given[name], f"{where}.{name}")
    try:
        return When(**values) if values else ALWAYS
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{where}: {error}") from None


def _texts(given: Any, where: str) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(x, str) for x in given):
        raise InvalidPolicy(f"{where}: expected a list of names, got {given!r}")
    return given


def _list(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise InvalidPolicy(f"{where}: expected a list, got {given!r}")
    return given


def _check_code(name: str, given: str, where: str) -> None:
    """Refuse a country or a currency that no debt could ever be of."""
    pattern, words = _CODES.get(name, (None, ""))
    if pattern is not None and not pattern.fullmatch(given):
        raise InvalidPolicy(f"{where}: expected {words}, got {given!r}")


def _amount(given: Any, where: str) -> Money:
    match = _AMOUNT.fullmatch(given) if isinstance(given, str) else None
    whole, part, currency = match.groups() if match else ("", "", "")
    if match is None or len(part or "") not in {0, exponent(currency)}:
        raise InvalidPolicy(f'{where}: expected an amount like "50.00 EUR", got {given!r}')
    return Money(int(whole + (part or "0" * exponent(currency))), currency)


def _named(rung: Rung, name: str) -> str | dict[str, Any]:
    when = rung.when(name)
    return name if when == ALWAYS else {"name": name, "when": _condition(when)}


def _condition(when: When) -> dict[str, Any]:
    listed = {name: sorted(getattr(when, name)) for name in _NAMES if getattr(when, name)}
    least = {name: str(getattr(when, name)) for name in _AMOUNTS if getattr(when, name)}
    span = {} if when.min_tenure is None else {"min_tenure": _text(when.min_tenure)}
    return {**listed, **least, **span}


def _step(given: Mapping[str, Any], where: str) -> Step:
    _only(given, _STEP_KEYS, f"{where}: steps")
    key = str(_needed(given, "key", f"{where}: steps"))
    after = _span(_needed(given, "after", f"{where}: step {key}"), f"{where}: step {key}")
    where = f"{where}: step {key}"
    return Step(
        key,
        after,
        str(_needed(given, "mail", where)),
        given.get("announces"),
        _when(given["when"], where) if "when" in given else ALWAYS,
        tuple(_texts(given["channels"], f"{where}: channels"))
        if "channels" in given
        else ("mail",),
    )


def _needed(given: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in given:
        raise InvalidPolicy(f"{where}: {name} is missing")
    return given[name]


def _hours(given: Any, where: str) -> tuple[int, int]:
    if (
        not isinstance(given, list | tuple)
        or len(given) != 2
        or any(type(one) is not int for one in given)
    ):
        raise InvalidPolicy(f"{where}: expected two whole hours, as [8, 21], got {given!r}")
    return given[0], given[1]


def _only(given: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(given, dict):
        raise InvalidPolicy(f"{where}: expected a table, got {given!r}")
    for name in given:
        if name not in known:
            raise InvalidPolicy(
                f"{where}: {name!r} is unknown{_hint(name, known)}; known are "
                + ", ".join(sorted(known))
            )


def _hint(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _span(given: Any, where: str) -> timedelta:
    match = _SPAN.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise InvalidPolicy(f'{where}: expected a span like "8d", "72h" or "30m", got {given!r}')
    span = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if span > _LONGEST:
        raise InvalidPolicy(f"{where}: expected a span up to {_LONGEST.days}d, got {given!r}")
    return span


def _text(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in _UNITS.items():
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise AssertionError("unreachable")
