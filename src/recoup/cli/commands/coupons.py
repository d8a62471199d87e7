from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, maybe, page, reads
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import INSTANT, MONEY
from recoup.core.billing.views import Coupon, PromotionCode

_COLUMNS = (
    "processor_id", "name", "percent_off", "amount_off", "duration", "redemptions",
    "max_redemptions", "redeem_by", "deleted",
)  # fmt: skip
_CODE_COLUMNS = (
    "id", "code", "coupon_id", "active", "customer_id", "redemptions", "max_redemptions",
    "expires_at",
)  # fmt: skip


@click.group()
def coupons() -> None:
    """
    What lowers a price, and the codes that people type to get it.

    Example: recoup coupons list
    """


@coupons.command("list")
@page_options
@reads
def list_(recoup: Recoup, after: int, limit: int) -> Listing:
    """
    List coupons, deleted ones too.

    Example: recoup coupons list
    """
    found = recoup.coupons.list(after=after, limit=limit + 1)
    return page("coupons", found, limit, _COLUMNS)


@coupons.command()
@click.argument("coupon")
@reads
def show(recoup: Recoup, coupon: str) -> Coupon:
    """
    Show one coupon.

    Example: recoup coupons show SPRING
    """
    return recoup.coupons.get(coupon)


@coupons.command()
@click.argument("coupon")
@click.option("--percent-off", metavar="PERCENT", help="Over 0, up to 100, as in 12.5. Or:")
@click.option("--amount-off", type=MONEY, help="An amount, '5.00 EUR'.")
@click.option(
    "--duration",
    type=click.Choice(["once", "repeating", "forever"]),
    default="once",
    show_default=True,
    help="For how long it lowers the price.",
)
@click.option("--months", type=int, help="How long a repeating one does.")
@click.option("--max-redemptions", type=int, help="How often it can be used in all.")
@click.option("--redeem-by", type=INSTANT, help="From this instant on nobody can use it.")
@click.option("--price", "prices", multiple=True, help="Only this price; may be repeated.")
@click.option("--name", help="What people see.")
@asks
def create(recoup: Recoup, coupon: str, **told: Any) -> Coupon:
    """
    Create the coupon COUPON, which is its id.

    Example: recoup coupons create SPRING --percent-off 25 --duration repeating --months 3
    """
    return recoup.coupons.create(coupon, **told)


@coupons.command()
@click.argument("coupon")
@asks
def delete(recoup: Recoup, coupon: str, key: str | None) -> Coupon:
    """
    Let nobody redeem a coupon any more. Who has it keeps it.

    Example: recoup coupons delete SPRING
    """
    return recoup.coupons.delete(coupon, key=key)


@coupons.group()
def code() -> None:
    """
    Promotion codes. CODE is the code itself, our id, or the processor's.

    Example: recoup coupons code list --coupon SPRING
    """


@code.command("list")
@click.option("--coupon", help="Only this coupon's.")
@page_options
@reads
def list_codes(recoup: Recoup, coupon: str | None, after: int, limit: int) -> Listing:
    """
    List promotion codes.

    Example: recoup coupons code list --coupon SPRING
    """
    found = recoup.coupons.list_promotion_codes(coupon, after=after, limit=limit + 1)
    return page("promotion_codes", found, limit, _CODE_COLUMNS)


@code.command("show")
@click.argument("promotion_code", metavar="CODE")
@reads
def show_code(recoup: Recoup, promotion_code: str) -> PromotionCode:
    """
    Show one promotion code.

    Example: recoup coupons code show HELLO10
    """
    return recoup.coupons.get_promotion_code(promotion_code)


@code.command("create")
@click.argument("coupon")
@click.argument("code")
@click.option("--customer", help="Only this customer may use it.")
@click.option("--expires-at", type=INSTANT, help="From this instant on nobody can use it.")
@click.option("--max-redemptions", type=int, help="How often it can be used in all.")
@click.option("--first-time", is_flag=True, help="Only for who has never paid before.")
@click.option("--minimum", type=MONEY, help="What the order must be worth at least.")
@asks
def create_code(
    recoup: Recoup, coupon: str, code: str, customer: str | None, **told: Any
) -> PromotionCode:
    """
    Create CODE, which people type to get COUPON.

    Example: recoup coupons code create SPRING HELLO10 --first-time
    """
    owner = maybe(recoup, customer)
    return recoup.coupons.create_promotion_code(coupon, code, customer=owner, **told)


@code.command()
@click.argument("promotion_code", metavar="CODE")
@asks
def enable(recoup: Recoup, promotion_code: str, key: str | None) -> PromotionCode:
    """
    Let a code be used.

    Example: recoup coupons code enable HELLO10
    """
    return recoup.coupons.set_active(promotion_code, active=True, key=key)


@code.command()
@click.argument("promotion_code", metavar="CODE")
@asks
def disable(recoup: Recoup, promotion_code: str, key: str | None) -> PromotionCode:
    """
    Let a code not be used any more.

    Example: recoup coupons code disable HELLO10
    """
    return recoup.coupons.set_active(promotion_code, active=False, key=key)
