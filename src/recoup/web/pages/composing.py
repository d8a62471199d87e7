"""Which page a link shows: from what is owed, and from what came of using it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from recoup.core.billing.views import PaymentMethod
from recoup.core.links import Purpose
from recoup.core.money import Money
from recoup.links import Done, Owed, OwedInvoice
from recoup.links.views import How
from recoup.mail.base import Brand, Card
from recoup.mail.letter import named, paid_with
from recoup.mail.parts import Day, Month, Term
from recoup.web.pages.showing import Choice, Form, Onward, Page, Table, Voice

#: What a form asks for.
PAY: Final = "pay"
UPDATE: Final = "update"
SEND: Final = "send"
ELSEWHERE: Final = "elsewhere"
#: The fake's cards for tests; what a form sends of them is "test:pays".
TEST: Final = "test"
TESTS: Final = ("pays", "declines", "asks")

_SAID: Final = {
    How.PAID: "paid",
    How.NOTHING_DUE: "nothing_due",
    How.DECLINED: "declined",
    How.REQUIRES_ACTION: "requires_action",
    How.PROCESSING: "processing",
    How.UPDATED: "updated",
    How.CHANGED: "changed",
    How.IMPOSSIBLE: "impossible",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all pages of one request have."""

    voice: Voice
    brand: Brand
    challenge: str
    plays: bool  #: the processor is the fake, whose cards are for tests

    @property
    def help(self) -> str:
        """Where to ask, if anybody says."""
        return self.voice.say("help", support=self.brand.support) if self.brand.support else ""


def gone(setting: Setting, *, sent: bool = False) -> Page:
    """Return the page of a link that opens nothing, and the offer of another one."""
    voice = setting.voice
    heading = voice.say("gone_heading")
    if sent:
        return Page(heading, lines=(voice.say("sent"),), help=setting.help)
    form = Form(setting.challenge, SEND, voice.say("send"))
    return Page(heading, lines=(voice.say("gone"),), form=form, help=setting.help)


def shown(setting: Setting, owed: Owed, *, notes: tuple[str, ...] = ()) -> Page:
    """Return the page of a link that holds."""
    made = {Purpose.PAY: _pay, Purpose.UPDATE: _update, Purpose.VIEW: _view}
    return made[owed.opened.purpose](setting, owed, notes)


def done(setting: Setting, owed: Owed, what: Done) -> Page:
    """Return the page that says what came of using a link; what is still to be done is below."""
    voice = setting.voice
    over = what.how in {How.PAID, How.NOTHING_DUE, How.UPDATED, How.PROCESSING}
    notes = tuple(_told(voice, what))
    if what.how is How.REQUIRES_ACTION:
        return _confirm(setting, what, notes)
    if not over or (what.how is How.PAID and owed.sums):
        return shown(setting, owed, notes=notes)
    heading = "nothing_heading" if what.how is How.NOTHING_DUE else "paid_heading"
    return Page(voice.say(heading), notes=notes, help=setting.help)


def elsewhere(setting: Setting, url: str) -> Page:
    """Return the page that leads to the processor's own."""
    voice = setting.voice
    return Page(
        voice.say("pay_heading"),
        lines=(voice.say("elsewhere"),),
        onward=Onward(url, voice.say("onward")),
        help=setting.help,
    )


def _told(voice: Voice, what: Done) -> list[str]:
    notes = []
    if what.paid and what.how is not How.PAID:
        notes.append(voice.say("partly", sums=what.paid))
    if what.how is How.TOO_OFTEN:
        minutes = max(1, math.ceil((what.after or 60) / 60))
        return [*notes, voice.say("too_often", count=minutes)]
    if what.how is How.PAID:
        return [voice.say("paid", sums=what.paid)]
    return [*notes, voice.say(_SAID[what.how])]


def _confirm(setting: Setting, what: Done, notes: tuple[str, ...]) -> Page:
    """Return the page that leads to the bank, where there is one of the bank's."""
    url = what.action.url if what.action else None
    known = url is not None and url.startswith("https://")
    onward = Onward(str(url), setting.voice.say("confirm")) if known else None
    return Page(setting.voice.say("pay_heading"), notes=notes, onward=onward, help=setting.help)


def _pay(setting: Setting, owed: Owed, notes: tuple[str, ...]) -> Page:
    voice = setting.voice
    if not owed.sums:
        key = "processing" if owed.moving else "nothing_due"
        heading = "pay_heading" if owed.moving else "nothing_heading"
        told = (*notes, voice.say(key))
        return Page(voice.say(heading), notes=told, table=_table(voice, owed), help=setting.help)
    ways = (*(_on_file(voice, one) for one in owed.methods), *_tests(setting))
    payable = [one for one in owed.invoices if not one.moving]
    form = Form(
        setting.challenge,
        PAY,
        voice.say("pay", sums=owed.sums) if ways else None,
        shown=spelled(owed.sums),
        legend=voice.say("pay_with"),
        ways=ways,
        more=() if setting.plays else tuple(_other(voice, one) for one in payable),
    )
    lines = [voice.say("due", sums=owed.sums)]
    if not ways:
        lines.append(voice.say("no_method"))
    heading = voice.say("pay_heading")
    return Page(
        heading, notes, tuple(lines), form=form, table=_table(voice, owed), help=setting.help
    )


def _view(setting: Setting, owed: Owed, notes: tuple[str, ...]) -> Page:
    voice = setting.voice
    if not owed.invoices:
        told = (*notes, voice.say("nothing_due"))
        return Page(voice.say("nothing_heading"), told, help=setting.help)
    lines = (voice.say("due", sums=owed.sums),) if owed.sums else ()
    heading = voice.say("view_heading")
    return Page(heading, notes, lines, table=_table(voice, owed), help=setting.help)


def _update(setting: Setting, owed: Owed, notes: tuple[str, ...]) -> Page:
    voice = setting.voice
    default = next((one for one in owed.methods if one.default), None)
    card = voice.say("no_method") if default is None else voice.say("now", card=card_of(default))
    heading = voice.say("update_heading")
    if not setting.plays:
        onward = Onward(f"{setting.brand.base_url}/billing", voice.say("account"))
        lines = (card, voice.say("not_here"))
        return Page(heading, notes, lines, onward=onward, help=setting.help)
    form = Form(
        setting.challenge,
        UPDATE,
        voice.say("update"),
        legend=voice.say("update_with"),
        ways=_tests(setting),
    )
    return Page(heading, notes, (card,), form=form, help=setting.help)


def _table(voice: Voice, owed: Owed) -> Table | None:
    if not owed.invoices:
        return None
    columns = tuple(voice.say(one) for one in ("invoice", "issued", "amount"))
    return Table(voice.say("caption"), columns, tuple(_row(voice, one) for one in owed.invoices))


def _row(voice: Voice, one: OwedInvoice) -> tuple[str, ...]:
    due = voice.value(one.remaining)
    return (
        _name(voice, one),
        voice.value(Day(one.since)),
        voice.say("moving", sum=one.remaining) if one.moving else due,
    )


def _name(voice: Voice, one: OwedInvoice) -> str:
    return voice.value(one.number) if one.number else voice.say("unnumbered")


def _other(voice: Voice, one: OwedInvoice) -> Choice:
    return Choice(f"{ELSEWHERE}:{one.id}", voice.say("other_way", invoice=_name(voice, one)))


def _on_file(voice: Voice, method: PaymentMethod) -> Choice:
    card, told = card_of(method), ""
    if method.exp_year and method.exp_month:
        month = Month(method.exp_year, method.exp_month)
        told = voice.say("expires", card=card, month=month)
    return Choice(str(method.id), told or voice.value(card))


def _tests(setting: Setting) -> tuple[Choice, ...]:
    if not setting.plays:
        return ()
    return tuple(Choice(f"{TEST}:{one}", setting.voice.say(f"test_{one}")) for one in TESTS)


def card_of(method: PaymentMethod) -> Term:
    """Return "Visa ending in 4242", as far as it is known."""
    brand = method.brand or method.kind
    return paid_with(Card(brand, method.last4)) or Term(f"methods.{brand}", otherwise=named(brand))


def spelled(sums: tuple[Money, ...]) -> str:
    """Return sums as a form carries them: "4900 EUR,100 USD"."""
    return ",".join(f"{one.minor} {one.currency}" for one in sums)
