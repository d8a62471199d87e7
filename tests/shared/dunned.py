"""The part of the story about debts: what is decided about them, and who follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Pays

if TYPE_CHECKING:
    from everything import Stage

TEN = Money(1000, "EUR")
DAY = timedelta(days=1)
#: The default, but for notices that the host brings to its customers by its own means.
BY_HOST = replace(
    DEFAULT,
    version=2,
    steps=tuple(replace(step, channels=("host",)) for step in DEFAULT.steps),
)


def tell(stage: Stage) -> None:
    """
    Live through all of it, on the stage of the whole story.

    One is never paid, one is paid when half is closed, one waits for its customer, and one is
    given up too early. The host follows all that is closed and opened, and writes letters.
    """
    stage.recoup.access.use(lambda _: None)
    stage.recoup.on("dunning.notice", name="letters")(lambda _: None)
    broke = stage._debtor("carl", Declines(NO_FUNDS))
    late = stage._debtor("dora", Declines(NO_FUNDS))
    asked = stage._debtor("emil", Asks())
    forgotten = stage._debtor("nora", Declines(NO_FUNDS))
    stage._live(31)
    with stage._step():
        stage.recoup.dunning.extend_grace(broke, days=2, reason="a talk")
    stage._live(1)
    _given_up(stage, forgotten)
    _came_back(stage, late)
    _decided(stage, late)
    stage._live(15)
    with stage._step():
        card = stage.fake.attach_method(stage._name(asked), fingerprint="emil's new one")
    stage._live(2)
    with stage._step():
        stage.fake.update_method(card, payer=Pays())
        (owed,) = stage._owed(late)
        stage.recoup.payments.charge(asked, TEN, description="Pen")
        stage.fake.mark_paid_out_of_band(owed)
    stage._live(20)
    with stage._step():
        stage.recoup.dunning.write_off(broke, reason="a talk")


def _given_up(stage: Stage, who: int) -> None:
    """What somebody gives up is paid after all."""
    (owed,) = stage._owed(who)
    with stage._step():
        stage.recoup.invoices.mark_uncollectible(owed, reason="a talk")
    with stage._step():
        stage.fake.attach_method(stage._name(who), fingerprint="nora's new one")
        stage.fake.customer_pays(owed)


def _came_back(stage: Stage, who: int) -> None:
    """A notice that had been taken comes back days later."""
    (sent,) = stage.scene.rows(
        "SELECT m.message_id FROM mails m JOIN notices n ON m.key = 'notice:' || n.id "
        "WHERE m.customer_id = :who AND m.state = 'sent' ORDER BY m.id LIMIT 1",
        who=who,
    )
    with stage._step():
        assert stage.recoup.mail.bounced(message_id=sent["message_id"])


def _decided(stage: Stage, who: int) -> None:
    """Dunning rests for a moment, and goes on by another policy and with a step less."""
    dunning = stage.recoup.dunning
    with stage._step():
        dunning.hold(who, until=stage.scene.now + 9 * DAY, reason="a talk")
    with stage._step():
        dunning.release(who, reason="it is over")
    (case,) = stage.scene.rows(
        "SELECT id FROM cases WHERE customer_id = :who AND ending IS NULL", who=who
    )
    with stage._step():
        dunning.change_policy(case["id"], BY_HOST.name, reason="a talk")
    with stage._step():
        dunning.skip_step(case["id"], "action_required", reason="a talk")
