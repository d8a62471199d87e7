"""
Coupons and promotion codes, and who may use them.

The processor holds the discount; the uses are counted here too, under a lock, so that of many who
want the last one exactly one gets it and the others are told so before anybody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.kinds import Refusal
from recoup.commands.options import verb
from recoup.core.billing import discounts, terms
from recoup.core.billing.answers import Answer
from recoup.core.billing.items import count
from recoup.core.billing.requests import (
    CreateCoupon,
    CreatePromotionCode,
    DeleteCoupon,
    Duration,
    UpdatePromotionCode,
)
from recoup.core.billing.views import Coupon, Customer, PromotionCode
from recoup.core.money import Money
from recoup.errors import CouponRefused, InvalidValue, NotFound, NotPossible
from recoup.store import views
from recoup.store.records import commands
from recoup.store.records import coupons as uses
from recoup.store.records.customers import at_processor
from recoup.store.views.reading import Ref

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,200}")
REFUSED: Final = "the processor refused what it was for"


def _coupon(work: Work, answer: Answer) -> Coupon:
    return views.read_coupon(work.writer.connection, answer.object)


def _created(work: Work, answer: Answer) -> Coupon:
    """The news of a coupon does not tell what it is for; who made it knows."""
    prices = str(work.args["prices"]).split()
    uses.restrict(work.writer.connection, _coupon(work, answer).id, prices)
    return _coupon(work, answer)


def _code(work: Work, answer: Answer) -> PromotionCode:
    return views.read_promotion_code(work.writer.connection, answer.object)


def _deleted(work: Work, request: DeleteCoupon) -> Coupon | None:
    found = views.read_coupon(work.writer.connection, request.coupon)
    return found if found.deleted else None


CREATE: Final = Kind("coupons.create", Coupon, _created)
DELETE: Final = Kind("coupons.delete", Coupon, _coupon, so_already=_deleted)
CREATE_CODE: Final = Kind("coupons.create_promotion_code", PromotionCode, _code)
SET_ACTIVE: Final = Kind("coupons.set_active", PromotionCode, _code)

KINDS: Final[Sequence[Kind[Any]]] = (CREATE, DELETE, CREATE_CODE, SET_ACTIVE)


@dataclass(frozen=True, slots=True)
class Coupons:
    """What lowers a price, and the codes that people type to get it."""

    office: Office

    @verb
    def create(
        self,
        coupon: str,
        *,
        percent_off: Decimal | int | str | None = None,
        amount_off: Money | None = None,
        duration: Duration = "once",
        months: int | None = None,
        max_redemptions: int | None = None,
        redeem_by: datetime | None = None,
        prices: str | Sequence[str] = (),
        name: str | None = None,
        key: str | None = None,
    ) -> Coupon:
        """
        Create the coupon `coupon`, which is its id: letters, digits, "-" and "_".

        Args:
            percent_off: Over 0, up to 100, at most two decimals: a Decimal, a whole number or
                text, never a float. Or:
            amount_off: More than nothing, of one currency.
            duration: "once", "repeating" (then `months`) or "forever".
            redeem_by: From this instant on nobody can redeem it.
            prices: Only these; none: every price.

        Raises:
            InvalidValue: such a coupon can not be.
            NotPossible: there is one with this id already.
        """
        _matches(_ID, "coupon", coupon)
        _consistent(percent_off, amount_off, duration, months)
        request = CreateCoupon(
            coupon,
            name=name,
            percent_off=None if percent_off is None else discounts.percent(percent_off),
            amount_off=amount_off,
            duration=duration,
            months=None if months is None else count(months, "months"),
            max_redemptions=None
            if max_redemptions is None
            else count(max_redemptions, "max_redemptions"),
            redeem_by=terms.whole(redeem_by),
            prices=(prices,) if isinstance(prices, str) else tuple(prices),
        )

        def prepare(recording: Recording) -> Plan:
            if _exists(recording, coupon):
                raise NotPossible(f"there is a coupon {coupon!r} already")
            terms.future("redeem_by", request.redeem_by, recording.now)
            return Plan(request, args={"prices": " ".join(request.prices)})

        return self.office.run(
            CREATE,
            asked={"coupon": request},
            prepare=prepare,
            subject=f"coupon:{coupon}",
            key=key,
        )

    @verb
    def delete(self, coupon: Ref, *, key: str | None = None) -> Coupon:
        """Let nobody redeem the coupon any more. Who has it keeps it."""
        found = self.get(coupon)

        def prepare(recording: Recording) -> Plan:
            now = views.read_coupon(recording.connection, found.processor_id)
            return Plan(result=now) if now.deleted else Plan(DeleteCoupon(now.processor_id))

        asked = {"coupon": found.processor_id}
        subject = f"coupon:{found.processor_id}"
        return self.office.run(DELETE, asked=asked, prepare=prepare, subject=subject, key=key)

    @verb
    def create_promotion_code(
        self,
        coupon: Ref,
        code: str,
        *,
        customer: Ref | None = None,
        expires_at: datetime | None = None,
        max_redemptions: int | None = None,
        first_time: bool = False,
        minimum: Money | None = None,
        key: str | None = None,
    ) -> PromotionCode:
        """
        Create a code that people type to get `coupon`: letters, digits and "-", in any case.

        Args:
            customer: Only this one may use it.
            expires_at: From this instant on nobody can use it.
            first_time: Only who has never paid before may use it.
            minimum: What the order must be worth at least.

        Raises:
            NotPossible: the coupon is deleted, or an active code is spelled like this.
        """
        _matches(_CODE, "code", code)
        if minimum is not None and minimum.minor <= 0:
            raise InvalidValue(f"minimum: expected more than nothing, got {minimum}")
        with self.office.reading() as connection:
            found = views.read_coupon(connection, coupon)
            owner = None if customer is None else views.read_customer(connection, customer).id
            known_as = None if owner is None else at_processor(connection, owner)
        request = CreatePromotionCode(
            found.processor_id,
            code,
            customer=known_as,
            expires_at=terms.whole(expires_at),
            max_redemptions=None
            if max_redemptions is None
            else count(max_redemptions, "max_redemptions"),
            first_time=first_time,
            minimum=minimum,
        )

        def prepare(recording: Recording) -> Plan:
            if views.read_coupon(recording.connection, found.processor_id).deleted:
                raise NotPossible(f"the coupon {found.processor_id} is deleted")
            terms.future("expires_at", request.expires_at, recording.now)
            return Plan(request)

        return self.office.run(
            CREATE_CODE,
            asked={"code": request},
            prepare=prepare,
            subject=f"promotion_code:{code.lower()}",
            key=key,
        )

    @verb
    def set_active(
        self, promotion_code: Ref, active: bool, *, key: str | None = None
    ) -> PromotionCode:
        """Let the code be used, or not any more."""
        found = self.get_promotion_code(promotion_code)
        subject = f"promotion_code:{found.id}"

        def prepare(recording: Recording) -> Plan:
            now = views.read_promotion_code(recording.connection, found.processor_id)
            others = commands.under_way(recording.connection, subject=subject)
            if now.active is active and not others:
                return Plan(result=now)
            return Plan(UpdatePromotionCode(now.processor_id, active))

        asked = {"promotion_code": found.id, "active": active}
        return self.office.run(SET_ACTIVE, asked=asked, prepare=prepare, subject=subject, key=key)

    @verb
    def get(self, coupon: Ref) -> Coupon:
        """
        Return the coupon, deleted or not.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            return views.read_coupon(connection, coupon)

    @verb
    def list(self, *, after: int = 0, limit: int = 50) -> tuple[Coupon, ...]:
        """Return up to `limit` coupons by id, behind the id `after`."""
        with self.office.reading() as connection:
            return views.list_coupons(connection, after=after, limit=limit)

    @verb
    def get_promotion_code(self, promotion_code: Ref) -> PromotionCode:
        """Return the promotion code, by id or by the code itself."""
        with self.office.reading() as connection:
            return views.read_promotion_code(connection, promotion_code)

    @verb
    def list_promotion_codes(
        self, coupon: Ref | None = None, *, after: int = 0, limit: int = 50
    ) -> tuple[PromotionCode, ...]:
        """Return up to `limit` promotion codes by id: the coupon's, or all."""
        with self.office.reading() as connection:
            of = None if coupon is None else views.read_coupon(connection, coupon).id
            return views.list_promotion_codes(connection, coupon_id=of, after=after, limit=limit)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What the processor is to be told of a discount: one of the two, or nothing."""

    coupon: str | None = None
    promotion_code: str | None = None


def redeem(
    recording: Recording,
    owner: Customer,
    *,
    coupon: Ref | None,
    promotion_code: Ref | None,
    prices: Collection[str],
    subscription_id: int | None = None,
) -> Redeemed:
    """
    Use a coupon once, in the transaction that records what it is used for.

    Raises:
        CouponRefused: it can not be used here and now; the text says why.
    """
    connection = recording.connection
    if coupon is None and promotion_code is None:
        return Redeemed()
    code = None
    if promotion_code is not None:
        code = views.read_promotion_code(connection, promotion_code)
    found = views.read_coupon(connection, code.coupon_id if code else coupon or 0)
    why = discounts.refusal(
        found,
        code,
        customer_id=owner.id,
        currency=owner.currency,
        prices=prices,
        first=not uses.has_paid(connection, owner.id),
        now=recording.now,
    )
    if why is None and not uses.take(connection, found.id, code.id if code else None):
        why = "somebody was faster: it is used up"
    if why is not None:
        raise CouponRefused(why)
    uses.record(
        recording.writer,
        customer_id=owner.id,
        coupon_id=found.id,
        code_id=code.id if code else None,
        command_id=recording.command_id,
        subscription_id=subscription_id,
    )
    if code is not None:
        return Redeemed(promotion_code=code.processor_id)
    return Redeemed(coupon=found.processor_id)


def given_back(work: Work, _error: Refusal) -> None:
    """Give back what was redeemed for a command that the processor refused."""
    uses.give_back(work.writer, command_id=work.command_id, reason=REFUSED)


def _consistent(
    percent_off: object, amount_off: Money | None, duration: str, months: object
) -> None:
    if (percent_off is None) == (amount_off is None):
        raise InvalidValue("expected exactly one of percent_off and amount_off")
    if amount_off is not None and amount_off.minor <= 0:
        raise InvalidValue(f"amount_off: expected more than nothing, got {amount_off}")
    if (duration == "repeating") != (months is not None):
        raise InvalidValue("months belongs to a repeating coupon, and to no other")


def _exists(recording: Recording, coupon: str) -> bool:
    try:
        return views.read_coupon(recording.connection, coupon).processor_id == coupon
    except NotFound:
        return False


def _matches(pattern: re.Pattern[str], name: str, given: str) -> None:
    if not pattern.fullmatch(given):
        raise InvalidValue(f"{name}: expected {pattern.pattern}, got {given!r:.60}")
