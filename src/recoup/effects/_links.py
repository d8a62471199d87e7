"""Which mails bring a signed link, and what for. The others lead to the host's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from recoup.core.account import scopes
from recoup.core.links import Purpose
from recoup.core.occasions.story import Story
from recoup.effects.base import World
from recoup.mail.base import MailFacts
from recoup.processors.fake import FakeProcessor
from recoup.store.links import FRESH
from recoup.store.records.customers import Contact
from recoup.store.records.mails import Mail

#: Type -> what its button is for.
PURPOSES: Final[Mapping[str, Purpose]] = {
    "access_restricted": Purpose.PAY,
    "access_restored": Purpose.PAY,
    "bad_debt_paid": Purpose.PAY,
    "card_expiring_soon": Purpose.UPDATE,
    "dunning_action_required": Purpose.PAY,
    "dunning_final_notice": Purpose.PAY,
    "dunning_reminder": Purpose.PAY,
    "dunning_restriction_notice": Purpose.PAY,
    "invoice_finalized": Purpose.PAY,
    "invoice_payment_failed": Purpose.PAY,
    "payment_action_required": Purpose.PAY,
    "payment_failed": Purpose.PAY,
    "subscription_canceled": Purpose.PAY,
}
#: Types whose button is for paying only where something is owed still.
IF_OWED: Final = frozenset(
    {"access_restored", "bad_debt_paid", "invoice_finalized", "subscription_canceled"}
)

#: Types that are about one invoice, which a gate may hide from all other links.
OF_INVOICE: Final = frozenset(
    {"invoice_finalized", "invoice_payment_failed", "payment_action_required", "payment_failed"}
)


def scope_of(story: Story) -> str | None:
    """Return what the debt bought that a mail is about, where it is about one alone."""
    if story.bill is not None and story.mail in OF_INVOICE:
        return scopes.of_invoice(story.bill.id)
    return None if story.case is None else story.case.scope


def linked(
    world: World, mail: Mail, facts: MailFacts, *, scope: str | None, now: datetime
) -> MailFacts:
    """
    Return the facts of a mail with its link, if it is to have one.

    Args:
        scope: What the debt bought, where the mail is about that alone.
    """
    purpose, pages = PURPOSES.get(mail.type), world.pages
    if pages is None or not pages.mailed:
        return facts
    if purpose is None or facts.unowed or (mail.type in IF_OWED and not facts.owed):
        return facts
    if purpose is Purpose.UPDATE and not isinstance(world.processor, FakeProcessor):
        return facts  # no page of ours takes the details of a real card
    about = (scope or "") if purpose is Purpose.PAY else ""
    link = pages.link(purpose, mail.customer_id, facts.to or None, now=now, scope=about)
    return replace(facts, link=link)


def fresh(world: World, mail: Mail, contact: Contact, *, now: datetime) -> MailFacts | str:
    """Return the facts of a mail that brings a fresh link; or why it is not sent."""
    if mail.type != FRESH or world.pages is None:
        return "links are not signed any more"
    if not contact.email:
        return "the customer has no address"
    purpose, scope = Purpose(str(mail.args["link"])), str(mail.args["scope"])
    link = world.pages.link(purpose, mail.customer_id, contact.email, now=now, scope=scope)
    return MailFacts(
        to=contact.email,
        name=contact.name,
        brand=world.brand,
        link=link,
        link_for=purpose.value,
        days=world.pages.lasts.days,
        locale=contact.locale,
        time_zone=contact.time_zone,
    )
