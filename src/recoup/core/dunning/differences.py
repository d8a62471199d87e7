"""What one policy says otherwise than another, in words: by name and field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from recoup.core.dunning.conditions import ALWAYS, When
from recoup.core.money import Money
from recoup.core.policy import BY_PROCESSOR, Choice, Policy, Rung, Step

#: What is compared rung by rung and step by step, or is the name itself.
_APART: Final = frozenset({"key", "ladder", "steps"})
_WHOM: Final = ("plan", "segment", "currency", "country", "rollout")


def between(before: Iterable[Choice], after: Iterable[Choice]) -> tuple[str, ...]:
    """
    Return what changes when `after` is used instead of `before`, in the order of `after`.

    Policies are the same by their key. Nothing is said where nothing differs.
    """
    old = {_key(choice.policy): choice for choice in before}
    new = {_key(choice.policy): choice for choice in after}
    return tuple(_choices(old, new))


def _choices(old: dict[str, Choice], new: dict[str, Choice]) -> Iterator[str]:
    for key, choice in new.items():
        if key not in old:
            yield f"{key}: is new, for {_whom(choice)}"
            continue
        was = old[key]
        if _whom(was) != _whom(choice):
            yield f"{key}: for {_whom(choice)}, and not for {_whom(was)}"
        for words in of_policy(was.policy, choice.policy):
            yield f"{key}: {words}"
    yield from (f"{key}: is gone" for key in old if key not in new)
    shared = [key for key in old if key in new]
    if shared != [key for key in new if key in old]:
        yield f"the order in which they are tried: {', '.join(new)}"


def of_policy(before: Policy, after: Policy) -> Iterator[str]:
    """Yield what `after` says otherwise than `before`."""
    for field in fields(Policy):
        if field.name not in _APART:
            yield from _field(field.name, getattr(before, field.name), getattr(after, field.name))
    rungs = {rung.name: rung for rung in before.ladder}
    for rung in after.ladder:
        known = rungs.pop(rung.name, None)
        yield from _rung(known, rung)
    yield from (f"rung {name} is gone" for name in rungs)
    steps = {step.key: step for step in before.steps}
    for step in after.steps:
        yield from _step(steps.pop(step.key, None), step)
    yield from (f"step {key} is gone" for key in steps)


def _rung(was: Rung | None, rung: Rung) -> Iterator[str]:
    name = f"rung {rung.name}"
    if was is None:
        yield f"{name} is new, from {_said(rung.after)}: {', '.join(rung.consequences)}"
        return
    yield from _field(f"{name}, from", was.after, rung.after)
    yield from _field(f"{name}, consequences", was.consequences, rung.consequences)
    for consequence in rung.consequences:
        if consequence in was.consequences:
            for_whom = f"{name}, {consequence} only for"
            yield from _field(for_whom, was.when(consequence), rung.when(consequence))


def _step(was: Step | None, step: Step) -> Iterator[str]:
    name = f"step {step.key}"
    if was is None:
        warns = f", announces {step.announces}" if step.announces else ""
        yield f"{name} is new, from {_said(step.after)}: {step.mail}{warns}"
        return
    yield from _field(f"{name}, from", was.after, step.after)
    yield from _field(f"{name}, mail", was.mail, step.mail)
    yield from _field(f"{name}, announces", was.announces, step.announces)
    yield from _field(f"{name}, only for", was.when, step.when)
    yield from _field(f"{name}, channels", was.channels, step.channels)


def _field(name: str, was: Any, now: Any) -> Iterator[str]:
    if was != now:
        yield f"{name}: {_said(was)} -> {_said(now)}"


def _said(value: Any) -> str:
    match value:
        case None | ():
            said = "nothing"
        case timedelta():
            hours, rest = divmod(value, timedelta(hours=1))
            days, hours = divmod(hours, 24)
            said = f"{days} d" + (f" {hours} h" if hours else "") + (f" {rest}" if rest else "")
        case tuple():
            said = ", ".join(map(_said, value))
        case When():
            said = condition(value)
        case _:
            said = str(value)
    return said


def condition(when: When) -> str:
    """Return whom a condition is for, in words."""
    if when == ALWAYS:
        return "everybody"
    parts = []
    for field in fields(When):
        value = getattr(when, field.name)
        if isinstance(value, frozenset) and value:
            parts.append(f"{field.name} {' or '.join(sorted(value))}")
        elif isinstance(value, Money | timedelta):
            parts.append(f"{field.name} {_said(value)}")
    return " and ".join(parts)


def _whom(choice: Choice) -> str:
    given = [(name, getattr(choice, name)) for name in _WHOM]
    return ", ".join(f"{name} {value}" for name, value in given if value) or "everybody"


def _key(policy: Policy) -> str:
    return policy.key.removesuffix(BY_PROCESSOR)
