from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final

import click

from recoup.billing import Recoup
from recoup.cli.asking import in_step, reads
from recoup.cli.reading import MONEY
from recoup.core.money import Money
from recoup.demo.afterwards import deliver as deliver_news
from recoup.errors import ConfigError
from recoup.processors.base import Processor
from recoup.processors.fake import (
    BANK_DEBITS,
    EXPIRED,
    LOST,
    NO_FUNDS,
    Asks,
    Declines,
    FakeProcessor,
    Payer,
    Pays,
    Slow,
)

#: How a method's bank answers, by the name that `--payer` takes.
PAYERS: Final[dict[str, Payer]] = {
    "pays": Pays(),
    "declines": Declines(),
    "no-funds": Declines(NO_FUNDS),
    "lost": Declines(LOST),
    "expired": Declines(EXPIRED),
    "declines-once": Declines(NO_FUNDS, times=1),
    "asks": Asks(),
    "asks-then-declines": Asks(then=Declines()),
    "refuses-off-session": Asks(declines=True),
    "slow": Slow(),
    "slow-then-fails": Slow(takes=timedelta(days=5), fails=NO_FUNDS),
}


@click.group()
def fake() -> None:
    """
    Play what happens outside with the fake processor: browsers, banks, prices.

    Example: recoup fake method --payer asks
    """


def playing(command: Callable[..., Any]) -> Callable[..., None]:
    """Make a command of one that plays with the fake; with another processor it refuses."""

    @wraps(command)
    def play(recoup: Recoup, **given: Any) -> Any:
        made = the_fake(recoup.processor)
        in_step(recoup)
        return command(recoup, made, **given)

    return reads(play)


def the_fake(processor: Processor) -> FakeProcessor:
    """
    Return the processor as the fake it is.

    Raises:
        ConfigError: it is another.
    """
    if isinstance(processor, FakeProcessor):
        return processor
    raise ConfigError(
        "RECOUP_PROCESSOR: expected 'fake', because nobody plays with real money, "
        f"got {processor.name!r}"
    )


@fake.command()
@click.argument("amount", type=MONEY)
@click.option(
    "--every",
    type=click.Choice(["day", "week", "month", "year"]),
    default="month",
    show_default=True,
    help="How often it is due.",
)
@playing
def price(_: Recoup, fake: FakeProcessor, amount: Money, every: Any) -> dict[str, str]:
    """
    Make a price.

    Example: recoup fake price "49 EUR" --every month
    """
    return {"price": fake.create_price(amount, interval=every)}


@fake.command()
@click.option(
    "--payer",
    type=click.Choice(list(PAYERS)),
    default="pays",
    show_default=True,
    help="How its bank answers.",
)
@click.option(
    "--kind",
    type=click.Choice(["card", *sorted(BANK_DEBITS)]),
    default="card",
    show_default=True,
    help="What it is; --payer says how long it takes.",
)
@click.option("--country", default="US", show_default=True, help="Where it was issued.")
@click.option("--fingerprint", help="The same one is the same card.")
@playing
def method(_: Recoup, fake: FakeProcessor, payer: str, **told: Any) -> dict[str, str]:
    """
    Make a method of nobody's, as a browser is given it.

    Example: recoup fake method --payer asks
    """
    return {"method": fake.new_method(PAYERS[payer], **told)}


@fake.command()
@click.argument("method")
@click.argument("payer", type=click.Choice(list(PAYERS)))
@playing
def mood(recoup: Recoup, fake: FakeProcessor, method: str, payer: str) -> dict[str, str]:
    """
    Let the bank of a method on file answer otherwise from now on.

    Example: recoup fake mood pm_fake_000001 no-funds
    """
    name = recoup.methods.get(method).processor_id
    fake.update_method(name, payer=PAYERS[payer])
    return {"method": name}


@fake.command()
@click.argument("intent")
@click.option("--fails", is_flag=True, help="The customer does not pass.")
@playing
def authenticate(recoup: Recoup, fake: FakeProcessor, intent: str, fails: bool) -> dict[str, str]:
    """
    Let the customer pass the bank's challenge.

    INTENT is a payment's or setup's intent, its client secret, or the invoice that is paid.

    Example: recoup fake authenticate 7
    """
    name = _intent(recoup, fake, intent)
    return {"intent": name, "status": fake.customer_authenticates(name, ok=not fails)}


@fake.command()
@click.argument("intent")
@click.argument("method")
@playing
def confirm(recoup: Recoup, fake: FakeProcessor, intent: str, method: str) -> dict[str, str]:
    """
    Let the customer confirm an intent in the browser, with METHOD.

    Example: recoup fake confirm 7 pm_fake_000002
    """
    name = _intent(recoup, fake, intent)
    return {"intent": name, "status": fake.customer_confirms(name, method)}


@fake.command()
@click.argument("invoice")
@playing
def slip(recoup: Recoup, fake: FakeProcessor, invoice: str) -> dict[str, str]:
    """
    Let money come for an invoice that nobody owes any more.

    Example: recoup fake slip 7
    """
    return {"charge": fake.pay_anyway(recoup.invoices.get(invoice).processor_id)}


@fake.command()
@click.argument("method")
@click.argument("how", type=click.Choice(["arrive", "refused", "sent-back"]))
@playing
def refunds(recoup: Recoup, fake: FakeProcessor, method: str, how: str) -> dict[str, str]:
    """
    Let refunds to a method be refused, or sent back three days later; or arrive again.

    Example: recoup fake refunds pm_fake_000001 refused
    """
    name = recoup.methods.get(method).processor_id
    after = timedelta(days=3) if how == "sent-back" else None
    fake.refunds_to(name, refused=how == "refused", sent_back_after=after)
    return {"method": name}


@fake.command()
@click.argument("payment")
@click.argument("amount", type=MONEY, required=False)
@playing
def dispute(
    recoup: Recoup, fake: FakeProcessor, payment: str, amount: Money | None
) -> dict[str, str]:
    """
    Let the cardholder's bank take a payment back, or AMOUNT of it.

    Example: recoup fake dispute 7
    """
    charge = str(recoup.payments.get(payment).processor_id)
    return {"dispute": fake.open_dispute(charge, amount), "charge": charge}


@fake.command()
@click.argument("dispute")
@click.option("--won/--lost", required=True, default=None, help="Who keeps the money.")
@playing
def decide(_: Recoup, fake: FakeProcessor, dispute: str, won: bool) -> dict[str, Any]:
    """
    Let the bank decide a dispute.

    Example: recoup fake decide dp_fake_000001 --lost
    """
    fake.close_dispute(dispute, won=won)
    return {"dispute": dispute, "won": won}


@fake.command()
@playing
def deliver(recoup: Recoup, fake: FakeProcessor) -> dict[str, int]:
    """
    Take in what the fake has said and nobody has heard.

    Example: recoup fake deliver
    """
    return {"delivered": deliver_news(recoup, fake)}


def _intent(recoup: Recoup, fake: FakeProcessor, given: str) -> str:
    name = given.partition("_secret_")[0]
    if name.startswith(("pi_", "seti_")):
        return name
    return str(fake.invoice(recoup.invoices.get(name).processor_id).intent)
