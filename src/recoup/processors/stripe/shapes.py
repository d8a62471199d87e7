"""
Looking into a decoded object, so that what is missing or wrong names itself.

A field that is needed and absent, or of another type, raises `Unreadable` with the event's type
and the field's path. Optional fields may be absent or null, and then give None.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from recoup.core.money import Money
from recoup.errors import InvalidMoney, Unreadable
from recoup.processors.stripe.amounts import money

_LAST_SECOND: Final = 253402300799  # 9999-12-31T23:59:59Z, the last datetime knows
_WHOLE: Final = 100
_INT32: Final = 2**31 - 1
_LONGEST_ID: Final = 255  # Stripe's own limit

#: The key in metadata under which we keep which request of ours made a thing.
OURS: Final = "recoup_request"


class Shape:
    """One JSON object inside an event."""

    __slots__ = ("_data", "_event", "_name", "_parent")

    def __init__(
        self, event: str, name: str, data: object, *, parent: Shape | None = None
    ) -> None:
        self._event = event
        self._name = name
        self._parent = parent
        if not isinstance(data, dict):
            raise Unreadable(f"{event}: {self._path} is no object")
        self._data: dict[str, Any] = data

    @property
    def _path(self) -> str:
        if self._parent is None:
            return self._name
        dot = "" if self._name.startswith("[") else "."
        return f"{self._parent._path}{dot}{self._name}"  # noqa: SLF001  its own class

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def wrong(self, name: str, what: str) -> Unreadable:
        """Return the error that says what is the matter with a field."""
        return Unreadable(f"{self._event}: {self._path}.{name} {what}")

    def present(self, name: str) -> None:
        """
        Insist that the field is there, if only as null.

        Raises:
            Unreadable: it is not: the object has another shape than the one understood here.
        """
        if name not in self._data:
            raise self.wrong(name, "is missing")

    def opt_text(self, name: str) -> str | None:
        value = self._data.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(name, "is no text")

    def text(self, name: str) -> str:
        value = self._data.get(name)
        if isinstance(value, str) and value:
            return value
        raise self._needed(name, value, "text")

    def opt_ref(self, name: str) -> str | None:
        """Return the id of an object that may be expanded in place."""
        value = self._data.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            value = value.get("id")
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
            raise self.wrong(name, "is no id")
        return value

    def ref(self, name: str) -> str:
        found = self.opt_ref(name)
        if found is None:
            raise self.wrong(name, "is missing")
        return found

    def integer(self, name: str, *, low: int = 0, high: int = _INT32) -> int:
        value = self._data.get(name)
        if type(value) is not int:
            raise self._needed(name, value, "integer")
        if not low <= value <= high:
            raise self.wrong(name, f"is {value}, not between {low} and {high}")
        return value

    def opt_integer(self, name: str, *, low: int = 0, high: int = _INT32) -> int | None:
        if self._data.get(name) is None:
            return None
        return self.integer(name, low=low, high=high)

    def flag(self, name: str) -> bool:
        """Return a truth value; absent and null are false."""
        value = self._data.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.wrong(name, "is neither true nor false")

    def instant(self, name: str) -> datetime:
        return datetime.fromtimestamp(self.integer(name, high=_LAST_SECOND), UTC)

    def opt_instant(self, name: str) -> datetime | None:
        if self._data.get(name) is None:
            return None
        return self.instant(name)

    def amount(self, name: str, *, low: int = 0) -> Money:
        """Return a sum of the object's own `currency`."""
        minor = self.integer(name, low=low, high=2**63 - 1)
        try:
            return money(minor, self.text("currency"))
        except InvalidMoney as error:
            raise self.wrong(name, f"is no amount: {error}") from error

    def minor(self, name: str, currency: str, *, low: int = 0) -> int:
        """Return a sum of `currency` in our minor units; absent and null are 0."""
        if self._data.get(name) is None:
            return 0
        amount = self.integer(name, low=low, high=2**63 - 1)
        try:
            return money(amount, currency).minor
        except InvalidMoney as error:
            raise self.wrong(name, f"is no amount: {error}") from error

    def currency(self) -> str:
        """Return the object's currency as an ISO 4217 code."""
        try:
            return money(0, self.text("currency")).currency
        except InvalidMoney as error:
            raise self.wrong("currency", f"is none: {error}") from error

    def child(self, name: str) -> Shape:
        value = self._data.get(name)
        if value is None:
            raise self.wrong(name, "is missing")
        return Shape(self._event, name, value, parent=self)

    def opt_child(self, name: str) -> Shape | None:
        return None if self._data.get(name) is None else self.child(name)

    def listed(self, name: str) -> list[Shape]:
        """Return the objects of one of Stripe's lists, which keep them under `data`."""
        inner = self.child(name)
        values = inner._data.get("data")  # noqa: SLF001  its own class
        if not isinstance(values, list):
            raise inner._needed("data", values, "list")  # noqa: SLF001  its own class
        return [
            Shape(self._event, f"[{i}]", value, parent=inner) for i, value in enumerate(values)
        ]

    def opt_listed(self, name: str) -> list[Shape]:
        return [] if self._data.get(name) is None else self.listed(name)

    def opt_objects(self, name: str) -> list[Shape] | None:
        """
        Return the objects of a plain list; absent and null are empty.

        None when it holds ids in the objects' place: what is not expanded says nothing.
        """
        values = self._data.get(name)
        if values is None:
            return []
        if not isinstance(values, list):
            raise self.wrong(name, "is no list")
        if any(isinstance(value, str) for value in values):
            return None
        return [
            Shape(self._event, f"{name}[{i}]", value, parent=self)
            for i, value in enumerate(values)
        ]

    def opt_percent(self, name: str) -> str | None:
        """Return a share in percent, over 0 and at most 100, as decimal text: "12.5"."""
        value = self._data.get(name)
        if value is None:
            return None
        if type(value) not in {int, float} or not 0 < value <= _WHOLE:
            raise self.wrong(name, f"is no share in percent: {value!r}")
        return format(Decimal(str(value)).normalize(), "f")

    def scalars(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of the fields `names` that hold text, a number or a truth value."""
        found = ((name, self._data.get(name)) for name in names)
        return {name: value for name, value in found if isinstance(value, str | int | float)}

    def texts(self, name: str) -> dict[str, str]:
        """Return a flat map of text to text; absent and null are empty."""
        value = self._data.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.wrong(name, "is no map of text to text")
        return dict(value)

    def metadata(self) -> dict[str, str]:
        """Return the host's metadata; what is there of ours is not the host's."""
        return {key: text for key, text in self.texts("metadata").items() if key != OURS}

    def opt_texts(self, name: str) -> list[str]:
        """Return a list of texts; absent and null are empty."""
        value = self._data.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(name, "is no list of texts")
        return list(value)

    def _needed(self, name: str, value: object, what: str) -> Unreadable:
        if value is None:
            return self.wrong(name, "is missing")
        return self.wrong(name, f"is no {what}" if value != "" else "is empty")
