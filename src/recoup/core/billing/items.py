"""What is bought, as callers say it, and how what is there becomes what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recoup.core.billing.contact import storable
from recoup.core.billing.requests import ItemChange
from recoup.core.billing.views import Item
from recoup.errors import InvalidValue

#: Far below what a row holds, and far above what anybody buys: beyond it is a slip.
MOST: Final = 1_000_000

#: One price; several; each with its quantity; or price -> quantity.
Prices = str | Mapping[str, int] | Sequence[str | tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A price that is wanted; `quantity` is None where the caller did not say."""

    price: str
    quantity: int | None = None


def wanted(prices: Prices) -> tuple[Wanted, ...]:
    """
    Return what `prices` asks for, in its order.

    Raises:
        InvalidValue: nothing is asked for, one price twice, or a quantity below 1.
    """
    given: Iterable[object]
    if isinstance(prices, str):
        given = (prices,)
    elif isinstance(prices, Mapping):
        given = prices.items()
    else:
        given = prices
    found = tuple(_one(each) for each in given)
    if not found:
        raise InvalidValue("prices: expected at least one price")
    names = [each.price for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidValue(f"prices: {twice[0]!r} is there twice; give it a quantity instead")
    return found


def changes(
    items: Sequence[Item], target: Sequence[Wanted], quantity: int | None = None
) -> tuple[ItemChange, ...]:
    """
    Return what must be done to `items` so that they are `target`; nothing when they are already.

    An item whose price is not wanted any more becomes the next new price, first to first, and
    keeps its quantity where no other is said; what is left over is taken away or added.

    Args:
        quantity: Of new prices that neither say one nor replace anything; None: 1.
    """
    wishes = {each.price: each.quantity for each in target}
    stay = {item.price for item in items}
    going = [item for item in items if item.price not in wishes]
    coming = [each for each in target if each.price not in stay]
    done = [
        ItemChange(item.id, quantity=amount)
        for item in items
        if (amount := wishes.get(item.price)) is not None and amount != item.quantity
    ]
    for old, new in zip(going, coming, strict=False):
        done.append(ItemChange(old.id, new.price, new.quantity or old.quantity))
    done += [ItemChange(item.id, removed=True) for item in going[len(coming) :]]
    for new in coming[len(going) :]:
        done.append(ItemChange(None, new.price, new.quantity or quantity or 1))
    return tuple(done)


def checked(changes: Iterable[ItemChange]) -> tuple[ItemChange, ...]:
    """
    Return `changes`, if each says what a change of an item can be.

    Raises:
        InvalidValue: a field is of another type, or a quantity can not be.
    """
    found = tuple(changes)
    for place, each in enumerate(found):
        for name, value in (("item", each.item), ("price", each.price)):
            if value is not None and not (isinstance(value, str) and value and storable(value)):
                raise InvalidValue(f"items[{place}].{name}: expected text, got {value!r:.60}")
        if each.quantity is not None:
            count(each.quantity, f"items[{place}].quantity")
        if not isinstance(each.removed, bool):
            raise InvalidValue(f"items[{place}].removed: expected True or False")
    return found


def after(items: Sequence[Item], done: Sequence[ItemChange]) -> tuple[Item, ...]:
    """
    Return what `items` are once `done` is done; a new item's id is empty.

    Raises:
        InvalidValue: a change names no item of these, names one twice, or leaves nothing.
    """
    named = [change.item for change in done if change.item is not None]
    known = {item.id for item in items}
    for name in named:
        if name not in known:
            raise InvalidValue(f"items: {name!r} is none of {sorted(known)}")
        if named.count(name) > 1:
            raise InvalidValue(f"items: {name!r} is changed twice")
    by_id = {change.item: change for change in done if change.item is not None}
    result = [_changed(item, by_id[item.id]) if item.id in by_id else item for item in items]
    left = [item for item in result if item is not None]
    left += [_added(change) for change in done if change.item is None]
    if not left:
        raise InvalidValue("items: nothing would be left; cancel the subscription instead")
    prices = [item.price for item in left]
    if len(set(prices)) < len(prices):
        raise InvalidValue(f"items: one price would be there twice: {sorted(prices)}")
    return tuple(left)


def alike(one: Iterable[Item], other: Iterable[Item]) -> bool:
    """Whether both buy the same, whatever their items' ids and order."""
    return {i.price: i.quantity for i in one} == {i.price: i.quantity for i in other}


def spelled_out(items: Iterable[Item]) -> tuple[ItemChange, ...]:
    """Return the change that leaves `items` as they are, said in full."""
    return tuple(ItemChange(item.id, item.price, item.quantity) for item in items)


def count(value: object, name: str = "quantity") -> int:
    """
    Return a quantity.

    Raises:
        InvalidValue: it is no whole number from 1 on, or more than `MOST`.
    """
    if type(value) is not int or value < 1:
        raise InvalidValue(f"{name}: expected a whole number from 1 on, got {value!r}")
    if value > MOST:
        raise InvalidValue(f"{name}: expected at most {MOST}, got {value}")
    return value


def _one(given: object) -> Wanted:
    if isinstance(given, str) and given:
        return Wanted(given)
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        price, quantity = given
        if isinstance(price, str) and price:
            return Wanted(price, count(quantity))
    raise InvalidValue(f"prices: expected a price id, or one with a quantity, got {given!r}")


def _changed(item: Item, change: ItemChange) -> Item | None:
    if change.removed:
        return None
    quantity = item.quantity if change.quantity is None else count(change.quantity)
    return Item(item.id, change.price or item.price, quantity)


def _added(change: ItemChange) -> Item:
    if not change.price or change.removed:
        raise InvalidValue("items: a new item needs a price")
    return Item("", change.price, 1 if change.quantity is None else count(change.quantity))
