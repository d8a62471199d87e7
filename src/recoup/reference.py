"""
The published tables, read from the package: `recoup/data/*.csv`.

Reading is strict. A column, class, rule, number or limit this module does not know stops the
start and names file, row and value: a silently ignored row would be a try that was forbidden.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Final, TypeVar

from recoup.core.collection.rules import (
    DECEASED,
    SCHEMES,
    TECHNICAL,
    WORDS,
    Code,
    DeclineClass,
    Edition,
    NetworkLimit,
    RetryRule,
    Rules,
    Scheme,
    VisaCategory,
    Window,
    classified,
    presentable,
)
from recoup.core.money import Money
from recoup.errors import ConfigError

_T = TypeVar("_T")

#: Every file and its columns, in order.
COLUMNS: Final[Mapping[str, str]] = {
    "editions.csv": "file edition effective source",
    "stripe_decline_codes.csv": "code meaning class retry_policy stripe_auto_retry disclosure"
    " customer_ask max_retries_same_pm min_delay_hours deprecated notes source",
    "stripe_advice_codes.csv": "field value meaning class_override retry_policy_override source",
    "iso8583_codes.csv": "code meaning class retry_policy visa_category mastercard_rule"
    " disclosure notes source",
    "visa_categories.csv": "category category_name response_code meaning reattempt_allowed"
    " max_reattempts window_days regional_category code_effective source",
    "mastercard_mac.csv": "code meaning class retry_policy wait_hours fee_if_ignored on_approval"
    " notes source",
    "ach_return_codes.csv": "code meaning class retry_policy max_reinitiations window_days"
    " new_authorization_needed nacha_rate_bucket return_timeframe notes source",
    "sepa_reason_codes.csv": "code meaning r_transaction class retry_policy max_representations"
    " mandate notes source",
    "bacs_reason_codes.csv": "code report meaning class retry_policy notes source",
    "direct_debit_retryable.csv": "scheme retryable_codes default_retries window source",
    "network_limits.csv": "network rule scope limit window fee_per_excess effective notes source",
}

#: How a limit of `network_limits.csv` is enforced: by a count in a window, by reading the code
#: of each refusal, by its scheme, by the country of issue, or (shown only) not per instrument.
ENFORCED: Final[Mapping[tuple[str, str], str]] = {
    ("visa", "category 1 reattempt"): "code",
    ("visa", "category 2-4 reattempts"): "initiator",
    ("visa", "data quality"): "shown",
    ("mastercard", "excessive attempts, day"): "count",
    ("mastercard", "excessive attempts, month"): "amount",
    ("mastercard", "MAC 03 / 21 retry (CNP)"): "code",
    ("mastercard", "Authorization Optimizer"): "shown",
    ("amex", "no published count limit found"): "count",
    ("discover", "no published count limit found"): "count",
    ("any card", "India-issued"): "country",
    ("ach", "re-initiation R01/R09"): "scheme",
    ("sepa", "representation"): "scheme",
    ("bacs", "representation, ARUDD 0"): "scheme",
}

#: What a table lets us tell: the word itself, a generic decline, or only that it did not work.
_DISCLOSURES: Final = {
    "yes": "word",
    "yes_neutral": "word",
    "generic_only": "generic",
    "none": "quiet",
    "no_message_before_second_failure": "quiet",
}
_UNPUBLISHED: Final = "no published count limit found"
_COUNTRIES: Final = {"India-issued": "IN"}

#: A month is counted as its shortest, so that it is never exceeded.
_SPANS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "month": timedelta(days=28),
}
_HOUR: Final = timedelta(hours=1)
_SPAN: Final = re.compile(r"(?:rolling )?(\d+) (h|d|weeks|month)\b")
_FEE: Final = re.compile(r"([A-Z]{3}) (\d+)\.(\d\d)(?!\d)")
_RETRYABLE: Final = re.compile(r"(\S+) in ((?:[A-Z]{2} ?)+)")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row, and where it stands, so that every complaint can say so."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def wrong(self, column: str, expected: str) -> ConfigError:
        value = self.cells[column]
        return ConfigError(
            f"data/{self.file} row {self.line}: {column} is {value!r}, expected {expected}"
        )

    def read(self, column: str, reader: Callable[[str], _T], expected: str) -> _T:
        try:
            return reader(self.cells[column])
        except (KeyError, ValueError):
            raise self.wrong(column, expected) from None

    def decline_class(self, column: str = "class") -> DeclineClass:
        if self.cells[column] == "n/a":
            return DeclineClass.UNKNOWN
        published = set(DeclineClass) - {DeclineClass.UNKNOWN, DeclineClass.CONSENT_WITHDRAWN}
        names = {str(known): known for known in published}
        return self.read(column, names.__getitem__, f"one of {', '.join(sorted(names))}, n/a")

    def retry(self, column: str = "retry_policy") -> RetryRule:
        return self.read(column, RetryRule, f"one of {', '.join(RetryRule)}")

    def first_number(self, column: str) -> int:
        """Read "2 (Adyen) / 3 (GoCardless)" as 2: the first named is the strictest."""
        return self.read(column, lambda cell: int(cell.split(maxsplit=1)[0]), "a number first")

    def span(self, column: str) -> timedelta | None:
        """Read "rolling 30 d"; "for ever" and "-" are None."""
        if self.cells[column] in {"for ever", "-"}:
            return None
        found = _SPAN.match(self.cells[column])
        if found is None:
            raise self.wrong(column, "a number of h, d, weeks or month")
        return int(found[1]) * _SPANS[found[2]]


@cache
def load_rules() -> Rules:
    """
    Return the rules shipped with this version, read once per process.

    Raises:
        ConfigError: a file is missing or says something this version does not understand.
    """
    folder = resources.files("recoup") / "data"
    return parse({name: (folder / name).read_text("utf-8") for name in COLUMNS})


def parse(files: Mapping[str, str]) -> Rules:
    """
    Return the rules that these files, by name, hold.

    Raises:
        ConfigError: naming file, row and value.
    """
    rows = {name: tuple(_rows(name, files[name])) for name in COLUMNS}
    limits = tuple(_limits(rows["network_limits.csv"]))
    advice = rows["stripe_advice_codes.csv"]
    windows, schemes = _windows(limits), _schemes(rows["direct_debit_retryable.csv"], limits)
    return Rules(
        editions=tuple(
            Edition(row["file"], row["edition"], row["effective"], row["source"])
            for row in rows["editions.csv"]
        ),
        declines=_by_code(_decline(row) for row in rows["stripe_decline_codes.csv"]),
        advice=_by_code(_advice(row) for row in advice if row["field"] == "advice_code"),
        iso8583=_by_code(_iso8583(row) for row in rows["iso8583_codes.csv"]),
        mastercard=_by_code(_mastercard(row) for row in rows["mastercard_mac.csv"]),
        visa={row["response_code"]: _visa(row) for row in rows["visa_categories.csv"]},
        debits={kind: presentable(schemes[name]) for kind, name in SCHEMES.items()}
        | {
            "us_bank_account": _by_code(
                _debit(row, "ACH", "max_reinitiations") for row in rows["ach_return_codes.csv"]
            ),
            "sepa_debit": _by_code(
                _debit(row, "SEPA", "max_representations") for row in rows["sepa_reason_codes.csv"]
            ),
            "bacs_debit": _bacs(rows["bacs_reason_codes.csv"]),
        },
        schemes=schemes,
        limits=limits,
        windows=windows,
        other_windows=tuple(dict.fromkeys(w for brand in windows.values() for w in brand)),
        recommended_max=next(
            row.read("value", int, "a number")
            for row in advice
            if row["field"] == "recommended_max"
        ),
        barred_countries=frozenset(
            _COUNTRIES[limit.rule] for limit in limits if _enforced(limit) == "country"
        ),
    )


def _rows(name: str, text: str) -> Iterator[_Row]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    expected = COLUMNS[name].split()
    if reader.fieldnames != expected:
        raise ConfigError(
            f"data/{name} row 1: columns are {reader.fieldnames}, expected {expected}"
        )
    for line, cells in enumerate(reader, start=2):
        if None in cells or None in cells.values():
            raise ConfigError(
                f"data/{name} row {line}: {list(cells.values())} has not one cell a column"
            )
        yield _Row(name, line, cells)


def _by_code(codes: Iterator[Code]) -> dict[str, Code]:
    found: dict[str, Code] = {}
    for code in codes:
        if code.code in found:
            raise ConfigError(f"data: {code.table} code {code.code!r} is there twice")
        found[code.code] = code
    return found


def _code(row: _Row, table: str) -> Code:
    """Return what every table says in the same columns."""
    code, rule = row["code"], row.retry()
    return Code(
        table=table,
        code=code,
        meaning=row["meaning"],
        decline_class=classified(table, code, row.decline_class(), rule),
        retry=rule,
        wording=WORDS.get(table, {}).get(code),
        stop_mail=code in DECEASED.get(table, ()),
        notes=row["notes"],
        source=row["source"],
    )


def _wording(row: _Row, word: str | None) -> str | None:
    """Return what may be told: `word`, that something went wrong, or None: a generic decline."""
    said = row.read("disclosure", _DISCLOSURES.__getitem__, f"one of {', '.join(_DISCLOSURES)}")
    if said == "word" and word is None:
        raise row.wrong("disclosure", "a wording in recoup.core.collection.rules.WORDS")
    if said == "quiet" and row["class"] == DeclineClass.TECHNICAL:
        return TECHNICAL
    return word if said == "word" else None


def _decline(row: _Row) -> Code:
    return replace(
        _code(row, "Stripe"),
        wording=_wording(row, row["code"]),
        max_tries=row.read("max_retries_same_pm", int, "a number"),
        min_delay=_HOUR * row.read("min_delay_hours", int, "hours"),
    )


def _advice(row: _Row) -> Code:
    return Code(
        table="advice",
        code=row["value"],
        meaning=row["meaning"],
        decline_class=row.decline_class("class_override"),
        retry=row.retry("retry_policy_override"),
        source=row["source"],
    )


def _iso8583(row: _Row) -> Code:
    code = _code(row, "ISO 8583")
    category = row.read("visa_category", int, "a number")
    return replace(code, wording=_wording(row, code.wording), visa_category=category)


def _visa(row: _Row) -> VisaCategory:
    days = row.read("window_days", lambda cell: int(cell) if cell else None, "days or nothing")
    return VisaCategory(
        category=row.read("category", int, "a number"),
        code=row["response_code"],
        meaning=row["meaning"],
        max_reattempts=row.read("max_reattempts", int, "a number"),
        window=None if days is None else timedelta(days=days),
        effective=row["code_effective"],
        source=row["source"],
    )


def _mastercard(row: _Row) -> Code:
    code = _code(row, "Mastercard")
    hours = row.read("wait_hours", lambda cell: int(cell) if cell else 0, "hours or nothing")
    if code.retry == RetryRule.WAIT:
        return replace(code, wait=_HOUR * hours)
    return replace(code, min_delay=_HOUR * hours)


def _debit(row: _Row, table: str, column: str) -> Code:
    return replace(_code(row, table), max_tries=row.first_number(column))


def _bacs(rows: tuple[_Row, ...]) -> dict[str, Code]:
    """Key by report and code, and by code alone where that is an unpaid debit's (ARUDD)."""
    found: dict[str, Code] = {}
    for row in rows:
        code = _code(row, "Bacs")
        found[f"{row['report']}-{row['code']}"] = code
        found.setdefault(row["code"], code)
    return found


def _schemes(rows: tuple[_Row, ...], limits: tuple[NetworkLimit, ...]) -> dict[str, Scheme]:
    """Join what may be presented again with how often: a published limit beats a habit."""
    published = {limit.network: limit for limit in limits if _enforced(limit) == "scheme"}
    found = {}
    for row in rows:
        always, only_in = _retryable(row)
        limit = published.get(row["scheme"].lower())
        habit, window = row.first_number("default_retries"), row.span("window")
        found[row["scheme"]] = Scheme(
            name=row["scheme"],
            retryable=always,
            only_in=only_in,
            representments=limit.limit if limit and limit.limit is not None else habit,
            window=(limit and limit.window) or window or timedelta(0),
            source=row["source"],
        )
    for name in SCHEMES.values():
        if name not in found:
            raise ConfigError(f"data/direct_debit_retryable.csv: there is no row for {name}")
    return found


def _retryable(row: _Row) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """Read "AM04; MS03 in AT BE": codes, and codes with the only countries they hold in."""
    always: set[str] = set()
    only_in: dict[str, frozenset[str]] = {}
    for part in row["retryable_codes"].split("; "):
        if found := _RETRYABLE.fullmatch(part):
            only_in[found[1]] = frozenset(found[2].split())
        elif " in " in part:
            raise row.wrong("retryable_codes", "CODE in CC CC")
        else:
            always.update(part.split())
    return frozenset(always), only_in


def _limits(rows: tuple[_Row, ...]) -> Iterator[NetworkLimit]:
    fees: dict[str, Money] = {}
    for row in rows:
        if (row["network"], row["rule"]) not in ENFORCED:
            raise row.wrong("rule", "a rule that recoup.reference.ENFORCED lists")
        number = re.match(r"(\d+)\b", row["limit"])
        if found := _FEE.match(row["fee_per_excess"]):
            fees[row["network"]] = Money(int(found[2] + found[3]), found[1])
        named = found or row["fee_per_excess"].startswith("as above")
        how = ENFORCED[row["network"], row["rule"]]
        if number is None and how not in {"shown", "scheme"}:
            raise row.wrong("limit", "a number first")
        yield NetworkLimit(
            network=row["network"],
            rule=row["rule"],
            limit=int(number[1]) if number else None,
            window=row.span("window"),
            fee=fees.get(row["network"]) if named else None,
            effective=row["effective"],
            notes=row["notes"],
            source=row["source"],
        )


def _enforced(limit: NetworkLimit) -> str:
    return ENFORCED[limit.network, limit.rule]


def _windows(limits: tuple[NetworkLimit, ...]) -> dict[str, tuple[Window, ...]]:
    """Return, by network, the limits that are counts of attempts on one card."""
    found: dict[str, tuple[Window, ...]] = {}
    for limit in limits:
        how, network = _enforced(limit), limit.network
        if how not in {"count", "initiator", "amount"} or limit.limit is None:
            continue
        window = Window(
            name=f"{network} {limit.rule}".replace(_UNPUBLISHED, "our own limit"),
            limit=limit.limit,
            span=limit.window or timedelta.max,
            fee=limit.fee,
            by_initiator=how == "initiator",
            same_amount=how == "amount",
        )
        found[network] = (*found.get(network, ()), window)
    return found
