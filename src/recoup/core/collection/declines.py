"""
Reading a refusal: what it permits, and what may be said about it.

Several signals arrive with one refusal. What is *permitted* follows the strictest of them all;
what is *said* follows the most specific one that may be disclosed. Source: docs/declines.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Final

from recoup.core.account import Signal
from recoup.core.collection.rules import (
    BARRED,
    SCHEMES,
    TECHNICAL,
    TIMED,
    Code,
    Rules,
)
from recoup.core.collection.rules import (
    DeclineClass as DeclineClass,
)
from recoup.core.collection.rules import (
    RetryRule as RetryRule,
)

GENERIC: Final = "generic_decline"
HOUR: Final = timedelta(hours=1)

#: What a code we do not know is read as: soft, seldom, and somebody is told.
SAFE: Final = Code(
    "none",
    "",
    "no reason we know",
    DeclineClass.UNKNOWN,
    RetryRule.BACKOFF_DAYS,
    max_tries=3,
    min_delay=36 * HOUR,
)

#: Brands whose codes we hold tables of. An unlisted code of any other is reported, but does not
#: make what is known about the refusal stricter: each of its refusals carries one.
TABLED: Final = frozenset({None, "visa", "mastercard"})

#: How strict a rule is, least first: the strictest signal decides. Waiting for the customer is
#: stricter than waiting for new details, because new details alone do not cure it.
_STRICTNESS: Final[Mapping[RetryRule, int]] = {
    rule: place
    for place, rule in enumerate(
        (
            RetryRule.SHORT_BACKOFF,
            RetryRule.RESUME,
            RetryRule.PARTIAL_CAPTURE,
            RetryRule.ADVISE_OTHER_PM,
            RetryRule.BACKOFF_DAYS,
            RetryRule.WAIT,
            RetryRule.PAYDAY,
            RetryRule.CHECK_DUPLICATE,
            RetryRule.MERCHANT_FIX,
            RetryRule.AFTER_UPDATE,
            RetryRule.AFTER_AUTH,
            RetryRule.AFTER_CUSTOMER,
            RetryRule.NOT_APPLICABLE,
            RetryRule.NEVER_SAME_PM,
            RetryRule.NEVER,
        )
    )
}
_GRAVITY: Final[Mapping[DeclineClass, int]] = {
    DeclineClass.HARD: 1,
    DeclineClass.FRAUD: 2,
    DeclineClass.CONSENT_WITHDRAWN: 3,
}

#: Between two equal rules a refusal somebody decided holds, then one we know nothing about.
_VAGUENESS: Final = {DeclineClass.TECHNICAL: 0, DeclineClass.UNKNOWN: 1}

_RULE_WORDS: Final[Mapping[RetryRule, str]] = {
    RetryRule.SHORT_BACKOFF: "A short wait is enough.",
    RetryRule.RESUME: "Tries may resume.",
    RetryRule.PARTIAL_CAPTURE: "The bank allowed a part of the amount.",
    RetryRule.WAIT: "The network says how long to wait.",
    RetryRule.ADVISE_OTHER_PM: "Another way to pay should be asked for.",
    RetryRule.BACKOFF_DAYS: "It may be tried again days later.",
    RetryRule.PAYDAY: "It may be tried again when money is likely to be there.",
    RetryRule.CHECK_DUPLICATE: "The earlier payment must be looked up first.",
    RetryRule.MERCHANT_FIX: "Something on our side must be put right first.",
    RetryRule.AFTER_CUSTOMER: "The customer must settle something with the bank first.",
    RetryRule.AFTER_AUTH: "The customer must confirm the payment in person.",
    RetryRule.AFTER_UPDATE: "The payment details must be corrected first.",
    RetryRule.NEVER_SAME_PM: "It must never be tried again with the same instrument.",
    RetryRule.NEVER: "It must never be tried again with the same instrument.",
    RetryRule.NOT_APPLICABLE: "No rule lets us try it again by ourselves.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one refusal means."""

    decline_class: DeclineClass
    retry: RetryRule
    wait: timedelta | None  #: advised by the network, from the refusal on; binding
    min_delay: timedelta  #: not sooner than this after the refusal
    max_tries: int | None  #: further ones on the same instrument; None: no own limit
    unknown: tuple[str, ...]  #: codes no table holds: somebody should be told
    wording: str  #: what the customer may be told
    visa_category: int | None
    stop_mail: bool  #: the payer has died: no mail, a person takes over
    words: tuple[str, ...]

    @property
    def is_unknown(self) -> bool:
        """Whether no signal was understood, so that the safe default holds."""
        return self.decline_class == DeclineClass.UNKNOWN

    @property
    def consumes(self) -> bool:
        """Whether it uses up a place of the plan: a technical failure decided nothing."""
        return self.decline_class != DeclineClass.TECHNICAL

    @property
    def barred(self) -> bool:
        """Whether this instrument is never tried again by itself."""
        return self.decline_class in BARRED

    @property
    def timed(self) -> bool:
        """Whether time alone permits another try of the same instrument."""
        return self.retry in TIMED and self.decline_class not in BARRED

    @property
    def cured_by_update(self) -> bool:
        """Whether corrected details of the same instrument permit one more try."""
        return self.retry == RetryRule.AFTER_UPDATE or self.timed


def read(signal: Signal, *, brand: str | None, kind: str, rules: Rules) -> Verdict:
    """
    Return what a refusal permits and how it is worded.

    Args:
        signal: As received; all None is read as the safe default.
        brand: Of the card, in lower case; None reads the network's advice as Mastercard's,
            the only network that has stop codes there.
        kind: Of the method. Bank debits are read by their scheme's table first, and what the
            scheme does not list as presentable again is not tried again by us.

    Never raises: a code no table holds gives the safe default and is named in `unknown`.
    """
    return _read(signal, brand, kind, rules)


@lru_cache(maxsize=8192)
def _read(signal: Signal, brand: str | None, kind: str, rules: Rules) -> Verdict:
    found: list[Code] = []
    unknown: list[str] = []
    for name, said, code in _signals(signal, brand, kind, rules):
        if code is not None or kind in SCHEMES or brand in TABLED:
            found.append(code or SAFE)
        if code is None or code.retry == RetryRule.NOT_APPLICABLE:
            unknown.append(f"{name} {said}")
    heard = found or [SAFE]
    strictest = max(heard, key=_strictness)
    if kind in SCHEMES and not _presentable(heard, strictest, scheme=SCHEMES[kind]):
        strictest = replace(strictest, retry=RetryRule.NOT_APPLICABLE)
    timed = [code.max_tries for code in heard if code.retry in TIMED and code.max_tries]
    return Verdict(
        decline_class=strictest.decline_class,
        retry=strictest.retry,
        wait=max((code.wait for code in heard if code.wait is not None), default=None),
        min_delay=max(code.min_delay for code in heard),
        max_tries=min(timed, default=None),
        unknown=tuple(unknown),
        wording=_wording(heard),
        visa_category=min((c.visa_category for c in heard if c.visa_category), default=None),
        stop_mail=any(code.stop_mail for code in heard),
        words=tuple(_words(found, unknown, strictest)),
    )


def _signals(
    signal: Signal, brand: str | None, kind: str, rules: Rules
) -> Iterator[tuple[str, str, Code | None]]:
    """Give what was said and what it reads as; the most specific first, so it wins ties."""
    scheme = rules.debits.get(kind, {})
    if said := signal.network_advice_code:
        yield "network_advice_code", said, _network_advice(said, brand, rules)
    if said := signal.network_decline_code:
        code = scheme.get(said.upper()) if kind in SCHEMES else _network_code(said, brand, rules)
        yield "network_decline_code", said, code
    if said := signal.advice_code:
        yield "advice_code", said, rules.advice.get(said)
    if said := signal.decline_code:
        yield "decline_code", said, scheme.get(said.upper()) or rules.declines.get(said)


def _network_code(said: str, brand: str | None, rules: Rules) -> Code | None:
    code = rules.iso8583.get(said.upper().zfill(2))
    if code is None:
        return None
    if brand != "visa":
        return replace(code, visa_category=None)
    row = rules.visa.get(code.code)
    code = replace(code, visa_category=row.category if row else 4)
    if row and row.max_reattempts == 0 and code.decline_class not in BARRED:
        return replace(code, decline_class=DeclineClass.HARD, retry=RetryRule.NEVER_SAME_PM)
    return code


#: Visa's advice is the category alone. Category 3 asks for corrected data.
_VISA_ADVICE: Final[Mapping[str, tuple[DeclineClass, RetryRule]]] = {
    "1": (DeclineClass.HARD, RetryRule.NEVER_SAME_PM),
    "2": (DeclineClass.SOFT, RetryRule.BACKOFF_DAYS),
    "3": (DeclineClass.ACTION_REQUIRED, RetryRule.AFTER_UPDATE),
    "4": (DeclineClass.SOFT, RetryRule.BACKOFF_DAYS),
}


def _network_advice(said: str, brand: str | None, rules: Rules) -> Code | None:
    if brand == "visa":
        number = said.lstrip("0")
        if number not in _VISA_ADVICE:
            return None
        decline_class, retry = _VISA_ADVICE[number]
        meaning = f"Visa category {number}"
        return Code("visa", number, meaning, decline_class, retry, visa_category=int(number))
    if brand in {None, "mastercard"}:
        return rules.mastercard.get(said.zfill(2))
    return None


def _strictness(code: Code) -> tuple[bool, int, int, int]:
    barred = code.decline_class in BARRED
    curable = code.retry == RetryRule.AFTER_UPDATE
    gravity = 0 if curable else _GRAVITY.get(code.decline_class, 0)
    return barred, gravity, _STRICTNESS[code.retry], _VAGUENESS.get(code.decline_class, 2)


def _presentable(heard: list[Code], strictest: Code, *, scheme: str) -> bool:
    """Whether a bank debit's scheme lets it be presented again, or forbids it already."""
    if strictest.retry not in TIMED or strictest.retry == RetryRule.PAYDAY:
        return True
    return any(code.table == scheme and code.retry in TIMED for code in heard)


def _wording(heard: list[Code]) -> str:
    if any(code.decline_class == DeclineClass.FRAUD for code in heard):
        return GENERIC
    told = [code.wording for code in heard if code.wording is not None]
    return next((word for word in told if word != TECHNICAL), told[0] if told else GENERIC)


def _words(found: list[Code], unknown: list[str], strictest: Code) -> Iterator[str]:
    if not found:
        yield "No reason was given with the refusal."
    for code in found:
        if code is not SAFE:
            yield f"{code.table} {code.code}: {code.meaning}."
    for name in unknown:
        yield f"Not in the tables: {name}; someone should look at it."
    yield _RULE_WORDS[strictest.retry]
