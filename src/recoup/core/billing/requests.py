"""
Everything a payment company can be asked for, as values: the closed list of requests.

A command decides which one is made; the effect `ask` makes it, with a key, after commit; the
processor answers with facts. Ids are the processor's. None means: not said, leave it as it is.
Amounts are `Money`, instants UTC. Nothing here may be asked inside a database transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from recoup.core.money import Money

Collection = Literal["charge_automatically", "send_invoice"]
Proration = Literal["create", "invoice_now", "none"]
PauseBehavior = Literal["void", "keep_as_draft", "mark_uncollectible"]
Duration = Literal["once", "repeating", "forever"]


# -- customers and their ways to pay ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateCustomer:
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    locale: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCustomer:
    """An empty text clears the field; an empty value in `metadata` deletes its key."""

    customer: str
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    locale: str | None = None
    metadata: Mapping[str, str] | None = None
    default_method: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateTaxLocation:
    """
    Where the customer is, for taxes; validated at once. Never stored with us.

    `address` has country (ISO 3166 alpha-2), and as known line1, line2, city, postal_code, state.
    """

    customer: str
    address: Mapping[str, str] = field(repr=False)
    shipping: Mapping[str, str] | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DeleteCustomer:
    """Delete the customer for good; its subscriptions end at once."""

    customer: str


@dataclass(frozen=True, slots=True)
class AttachMethod:
    customer: str
    method: str
    default: bool = False


@dataclass(frozen=True, slots=True)
class DetachMethod:
    """Detaching what is detached is a success."""

    method: str


@dataclass(frozen=True, slots=True)
class CreateSetupIntent:
    """Prepare to keep a method for later; with `method` it is confirmed at once."""

    customer: str
    method: str | None = None
    off_session: bool = True  #: it is to be used later without the customer
    metadata: Mapping[str, str] = field(default_factory=dict)


# -- subscriptions ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemWanted:
    price: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class StartSubscription:
    """
    Begin a subscription. At most one of `coupon` and `promotion_code`, at most one of trial and
    anchor. The customer is there: the first payment is on-session.

    `backdate` is an instant in the past: what has run since is billed at once. Without `prorate`
    the stretch up to the anchor, and what was before now, costs nothing.
    """

    customer: str
    items: tuple[ItemWanted, ...]
    trial_end: datetime | None = None
    anchor: datetime | None = None
    coupon: str | None = None
    promotion_code: str | None = None
    default_method: str | None = None
    collection: Collection = "charge_automatically"
    days_until_due: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    backdate: datetime | None = None
    prorate: bool = True


@dataclass(frozen=True, slots=True)
class ItemChange:
    """
    One item as it is to be: `item` names an existing one, None adds one.

    `removed` takes an existing item away.
    """

    item: str | None = None
    price: str | None = None
    quantity: int | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class ChangeSubscription:
    """
    Change what is bought.

    `proration` says what becomes of the paid and unpaid parts of the period: a line on the next
    invoice (`create`), an invoice that is paid now (`invoice_now`), or nothing (`none`).
    `prorate_at` pins the instant it is computed for, so that a preview is billed as shown. With
    `at_period_end` nothing changes and nothing is due before the period is over.

    With `gated` nothing changes before what is due for it is paid: the change waits, and is
    discarded when its invoice is void, when the processor's own patience ends or with the period.
    `restart` begins a new period now; what is left of the old one is credited.
    """

    subscription: str
    items: tuple[ItemChange, ...]
    proration: Proration = "create"
    prorate_at: datetime | None = None
    at_period_end: bool = False
    gated: bool = False
    restart: bool = False


@dataclass(frozen=True, slots=True)
class CancelSubscription:
    """End now, with the period, or at `at`. Ending what has ended already is a success."""

    subscription: str
    at_period_end: bool = False
    at: datetime | None = None
    reason: str = "requested"
    feedback: str | None = None
    comment: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ResumeSubscription:
    """Undo an end, or a change, that is scheduled."""

    subscription: str


@dataclass(frozen=True, slots=True)
class PauseSubscription:
    """Stop collecting; `behavior` is what becomes of invoices meanwhile."""

    subscription: str
    behavior: PauseBehavior = "void"
    resumes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnpauseSubscription:
    subscription: str


@dataclass(frozen=True, slots=True)
class ExtendTrial:
    """Let the trial end at `trial_end`, later than now; the billing anchor moves with it."""

    subscription: str
    trial_end: datetime


@dataclass(frozen=True, slots=True)
class UpdateSubscription:
    subscription: str
    default_method: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ApplyDiscount:
    """Give the subscription a discount from its next invoice on. It replaces any other."""

    subscription: str
    coupon: str | None = None
    promotion_code: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveDiscount:
    subscription: str


# -- invoices and money -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineWanted:
    """`amount` is of the whole line and may be negative; `tax` comes on top."""

    description: str
    amount: Money
    quantity: int = 1
    tax: int = 0  #: minor units of the same currency


@dataclass(frozen=True, slots=True)
class CreateInvoice:
    """
    Bill lines of one currency, once. With `finalize` it is open, numbered and owed at once;
    otherwise it stays a draft. It is not paid by this.
    """

    customer: str
    lines: tuple[LineWanted, ...]
    description: str | None = None
    collection: Collection = "charge_automatically"
    days_until_due: int | None = None
    finalize: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinalizeInvoice:
    invoice: str


@dataclass(frozen=True, slots=True)
class SendInvoice:
    """Have the processor mail it to the customer; a draft is finalised first."""

    invoice: str


@dataclass(frozen=True, slots=True)
class VoidInvoice:
    """It was a mistake. Voiding what is void is a success."""

    invoice: str


@dataclass(frozen=True, slots=True)
class MarkUncollectible:
    """The money is given up. It may still be paid or voided."""

    invoice: str


@dataclass(frozen=True, slots=True)
class MarkPaidOutOfBand:
    """Money came, but not through this processor."""

    invoice: str


@dataclass(frozen=True, slots=True)
class PreparePayment:
    """Have the open invoice's payment intent ready for the customer to confirm."""

    invoice: str


@dataclass(frozen=True, slots=True)
class WithdrawPayment:
    """
    Stop the newest payment of an invoice that is not owed any more, and the invoice with it.

    The answer's status says what became of it: "canceled" (no money will come; also when there
    was nothing to stop), "too_late" (it has succeeded), "unsupported" (it is under way and the
    method can not be stopped).
    """

    invoice: str


@dataclass(frozen=True, slots=True)
class CreateRefund:
    """Give back `amount` of a charge. Never more than what is left of it."""

    charge: str
    amount: Money
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


# -- coupons ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateCoupon:
    """
    Exactly one of `percent_off` (over 0, up to 100, at most two decimals, as text) and
    `amount_off`. `months` belongs to `repeating`. `prices`: only these; empty: every price.
    """

    coupon: str
    name: str | None = None
    percent_off: str | None = None
    amount_off: Money | None = None
    duration: Duration = "once"
    months: int | None = None
    max_redemptions: int | None = None
    redeem_by: datetime | None = None
    prices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteCoupon:
    """Nobody can redeem it any more; who has it keeps it."""

    coupon: str


@dataclass(frozen=True, slots=True)
class CreatePromotionCode:
    coupon: str
    code: str
    customer: str | None = None
    expires_at: datetime | None = None
    max_redemptions: int | None = None
    first_time: bool = False
    minimum: Money | None = None


@dataclass(frozen=True, slots=True)
class UpdatePromotionCode:
    promotion_code: str
    active: bool


Request = (
    CreateCustomer
    | UpdateCustomer
    | UpdateTaxLocation
    | DeleteCustomer
    | AttachMethod
    | DetachMethod
    | CreateSetupIntent
    | StartSubscription
    | ChangeSubscription
    | CancelSubscription
    | ResumeSubscription
    | PauseSubscription
    | UnpauseSubscription
    | ExtendTrial
    | UpdateSubscription
    | ApplyDiscount
    | RemoveDiscount
    | CreateInvoice
    | FinalizeInvoice
    | SendInvoice
    | VoidInvoice
    | MarkUncollectible
    | MarkPaidOutOfBand
    | PreparePayment
    | WithdrawPayment
    | CreateRefund
    | CreateCoupon
    | DeleteCoupon
    | CreatePromotionCode
    | UpdatePromotionCode
)

#: Name -> type, for requests that were stored.
REQUESTS: Final[Mapping[str, type]] = {kind.__name__: kind for kind in Request.__args__}

#: What is never stored with us, not even until it is asked: it can only be asked at once.
UNSTORED: Final[frozenset[type]] = frozenset({UpdateTaxLocation})
