"""
Plans as text: the TOML file named by RECOUP_PLANS.

Unknown keys, prices that stand twice and limits that can not be are errors that say where;
nothing is guessed. docs/plans.md shows a whole file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.errors import InvalidPlans

UNLIMITED: Final = "unlimited"

_KEYS: Final = frozenset({"plans", "features"})
_PLAN_KEYS: Final = frozenset({"prices", "features", "limits"})
_KINDS: Final = tuple(kind.value for kind in FeatureKind)


def load(path: Path) -> Catalogue:
    """
    Return the plans of a TOML file: `[plans.NAME]` tables, and kinds of features in `[features]`.

    Raises:
        InvalidPlans: the file is no TOML, or something in it is wrong.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidPlans(
            f"{path.name}: expected text in UTF-8, and line {line} is none"
        ) from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidPlans(f"{path.name}: {error}") from error
    except RecursionError as error:
        raise InvalidPlans(f"{path.name}: nested too deeply") from error
    try:
        return catalogue(given)
    except InvalidPlans as error:
        raise InvalidPlans(f"{path.name}: {error}") from error


def catalogue(table: Mapping[str, Any]) -> Catalogue:
    """
    Return the plans that a table describes.

    Raises:
        InvalidPlans: a key is unknown, a value has the wrong form, a price stands twice, a plan
            is empty, or a kind is given to a feature that no plan brings.
    """
    _only(table, _KEYS, "the file")
    plans = table.get("plans")
    if not isinstance(plans, dict) or not plans:
        raise InvalidPlans(f"expected at least one [plans.NAME], got {plans!r}")
    made = {_name(name, "plans"): _plan(name, given) for name, given in plans.items()}
    sold = frozenset().union(*(plan.features for plan in made.values()))
    kinds = table.get("features", {})
    if not isinstance(kinds, dict):
        raise InvalidPlans(f"features: expected a table, got {kinds!r}")
    return Catalogue(made, {name: _kind(name, kind, sold) for name, kind in kinds.items()})


def table(catalogue: Catalogue) -> dict[str, Any]:
    """Return the table from which `catalogue` makes an equal one; everything in it is sorted."""
    return {
        "plans": {
            name: {
                "prices": sorted(plan.prices),
                "features": sorted(plan.features),
                "limits": {
                    limit: UNLIMITED if bound is None else bound
                    for limit, bound in sorted(plan.limits.items())
                },
            }
            for name, plan in sorted(catalogue.plans.items())
        },
        "features": {name: kind.value for name, kind in sorted(catalogue.kinds.items())},
    }


def text(catalogue: Catalogue) -> str:
    """Return the file from which `load` makes an equal catalogue."""
    return "\n".join(_lines(table(catalogue))) + "\n"


def _lines(given: Mapping[str, Any]) -> Iterator[str]:
    for name, plan in given["plans"].items():
        limits = ", ".join(f"{_text(k)} = {_text(v)}" for k, v in plan["limits"].items())
        yield f"[plans.{_text(name)}]"
        yield f"prices = [{', '.join(map(_text, plan['prices']))}]"
        yield f"features = [{', '.join(map(_text, plan['features']))}]"
        yield f"limits = {{{limits}}}"
        yield ""
    yield "[features]"
    for name, kind in given["features"].items():
        yield f"{_text(name)} = {_text(kind)}"


def _text(value: str | int) -> str:
    # Names are printable, so JSON's way of writing them is TOML's too.
    return json.dumps(value, ensure_ascii=False)


def _plan(name: str, given: Any) -> Plan:
    where = f"plan {name}"
    _only(given, _PLAN_KEYS, where)
    prices = _names(given.get("prices"), f"{where}: prices")
    features = _names(given.get("features", []), f"{where}: features")
    limits = given.get("limits", {})
    if not isinstance(limits, dict):
        raise InvalidPlans(f"{where}: limits: expected a table, got {limits!r}")
    bounds = {
        _name(limit, f"{where}: limits"): _bound(bound, f"{where}: limit {limit!r}")
        for limit, bound in limits.items()
    }
    if not prices:
        raise InvalidPlans(f"{where}: prices: expected at least one, got []")
    if not features and not bounds:
        raise InvalidPlans(f"{where} is empty: expected features or limits, got neither")
    return Plan(name, prices, features, bounds)


def _bound(given: Any, where: str) -> int | None:
    if given == UNLIMITED:
        return None
    if type(given) is not int or given < 0:
        raise InvalidPlans(
            f'{where}: expected a whole number from 0 on or "{UNLIMITED}", got {given!r}'
            f"{_hint(given, (UNLIMITED,))}"
        )
    return given


def _kind(feature: str, given: Any, sold: Collection[str]) -> FeatureKind:
    if feature not in sold:
        raise InvalidPlans(f"features: {feature!r} is in no plan{_hint(feature, sold)}")
    if given not in _KINDS:
        raise InvalidPlans(
            f"feature {feature!r}: expected one of {', '.join(_KINDS)}, got {given!r}"
            f"{_hint(given, _KINDS)}"
        )
    return FeatureKind(given)


def _names(given: Any, where: str) -> frozenset[str]:
    if not isinstance(given, list):
        raise InvalidPlans(f"{where}: expected a list of names, got {given!r}")
    names = [_name(one, where) for one in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidPlans(f"{where}: {', '.join(map(repr, twice))} stands there twice")
    return frozenset(names)


def _name(given: Any, where: str) -> str:
    if not isinstance(given, str) or not given.strip() or not given.isprintable():
        raise InvalidPlans(f"{where}: expected a name, got {given!r}")
    return given


def _only(given: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(given, dict):
        raise InvalidPlans(f"{where}: expected a table, got {given!r}")
    for name in given:
        if name not in known:
            raise InvalidPlans(f"{where}: {name!r} is unknown{_hint(name, known)}")


def _hint(given: object, known: Collection[str]) -> str:
    close = get_close_matches(given, sorted(known), n=1) if isinstance(given, str) else []
    return f" (did you mean {close[0]!r}?)" if close else ""
