"""Random lives of debtors: policies, lapses, holds, bounces, payments, disputes and outages."""

from __future__ import annotations

import random
from datetime import timedelta

from debtors import NOTHING, World

from recoup.core.account import scopes
from recoup.core.policy import DAY, HOUR, Choice, Policies, Policy, Rung, Step
from recoup.core.states import AttemptState, HoldKind, InvoiceStatus
from recoup.errors import InvalidPolicy
from recoup.testing.accounts import NOON

CODES = (
    "insufficient_funds generic_decline expired_card lost_card authentication_required "
    "processing_error do_not_honor revocation_of_authorization nobody_knows stolen_card"
).split()
TAKES = ("restrict_features", "read_only", "suspend")


def policy(dice: random.Random) -> Policy:
    """Return a policy that nobody thought of, and that is none the less valid."""
    while True:
        try:
            return _policy(dice)
        except InvalidPolicy:
            continue


def _policy(dice: random.Random) -> Policy:
    notice = dice.choice((24, 48, 72, 96)) * HOUR
    after, rungs = dice.randrange(0, 3) * DAY, []
    for number in range(dice.randrange(1, 6)):
        held = ("notify",) if not number and dice.random() < 0.7 else (dice.choice(TAKES),)
        rungs.append(Rung(f"rung_{number}", after, held))
        after += timedelta(hours=dice.randrange(12, 14 * 24))
    last = dice.choice((("cancel",), ("cancel",), ("suspend",), ("notify",)))
    rungs.append(Rung("end", after, last))
    steps = {0: Step("hello", NOTHING, "dunning_reminder")}
    for rung in rungs:
        if rung.restricts:
            due = rung.after - notice - dice.randrange(0, 48) * HOUR
            named = dice.choice((rung.name, rung.name, "end"))
            hours = max(due, NOTHING) // HOUR
            steps[hours] = Step(f"step_{hours}", hours * HOUR, "dunning_reminder", named)
    return Policy(
        "random",
        1,
        tuple(rungs),
        tuple(step for _, step in sorted(steps.items())),
        collector=dice.choice(("recoup", "recoup", "processor")),
        timer=dice.choice(("class_aware", "class_aware", "fixed")),
        schedule=(3 * DAY, 5 * DAY, 7 * DAY),
        min_notice=notice,
        bounce_hold=dice.randrange(0, 15) * DAY,
        min_stay=dice.choice((1, 6, 24, 48)) * HOUR,
        max_stretch=dice.randrange(1, 4),
    )


class Luck:
    """How this customer's bank and post office are."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.pays = dice.choice((0.0, 0.0, 0.1, 0.1, 0.4))
        self.slow = dice.choice((0.0, 0.0, 0.2))
        self.bounces = dice.choice((0.0, 0.0, 0.3, 1.0))
        self.codes = dice.sample(CODES, 2)
        self.post_down = _span(dice) if dice.random() < 0.2 else None

    def answer(self, _world, _attempt):
        takes = timedelta(hours=self.dice.randrange(1, 120)) if self.dice.random() < self.slow \
            else NOTHING  # fmt: skip
        if self.dice.random() < self.pays:
            return AttemptState.SUCCEEDED, None, takes
        if self.dice.random() < 0.05:
            return AttemptState.CANCELED, None, takes
        return AttemptState.DECLINED, self.dice.choice(self.codes), takes

    def post(self, world, _notice):
        if self.post_down is not None and self.post_down[0] <= world.now < self.post_down[1]:
            return None
        return NOTHING, self.dice.random() >= self.bounces


def _span(dice):
    start = NOON + timedelta(hours=dice.randrange(0, 60 * 24))
    return start, start + timedelta(hours=dice.randrange(2, 9 * 24))


def life(seed: int) -> World:
    """Return a customer with everything that will happen to them, nothing of it yet."""
    dice = random.Random(seed)
    luck = Luck(dice)
    down = [_span(dice)] if dice.random() < 0.3 else []
    policies = Policies((Choice(policy(dice)),))
    away = [_span(dice)] if dice.random() < 0.5 else []
    stops = [_span(dice)] if dice.random() < 0.1 else []
    world = World(
        policies,
        answers=luck.answer,
        post=luck.post,
        down=down,
        away=away,
        stops=stops,
        subscriptions=(1, 2),
    )
    world.at(NOON, _owed(world, dice), 1)
    bills = [1]
    for id in range(2, dice.choice((2, 2, 3, 4, 6))):
        bills.append(id)
        world.at(NOON + timedelta(hours=dice.randrange(1, 100 * 24)), _owed(world, dice), id)
    for _ in range(dice.choice((0, 1, 2, 4, 6))):
        what, given = _happening(world, dice, dice.choice(bills))
        world.at(NOON + timedelta(hours=dice.randrange(1, 110 * 24)), what, *given)
    return world


def _owed(world, dice):
    kind = dice.choice(("renewal", "renewal", "renewal", "second", "one_off", "add_on"))
    fields = {
        "renewal": {},
        "second": {"subscription_id": 2},
        "one_off": {"subscription_id": None, "reason": "manual"},
        "add_on": {"prices": ("extra",), "apart": scopes.of_prices(1, ("extra",))},
    }[kind]
    late = timedelta(hours=dice.randrange(1, 15 * 24)) if dice.random() < 0.15 else NOTHING
    fields |= {"ago": late, "currency": "USD" if dice.random() < 0.15 else "EUR"}

    def happens(id):
        world.owe(id, **fields)

    return happens


def _happening(world, dice, bill):
    span = timedelta(hours=dice.randrange(1, 20 * 24))
    kinds = [
        (world.close, (bill, InvoiceStatus.PAID)),
        (world.close, (bill, InvoiceStatus.PAID, "paid_out_of_band")),
        (world.close, (bill, InvoiceStatus.PAID, "credited")),
        (world.close, (bill, InvoiceStatus.VOID)),
        (world.close, (bill, InvoiceStatus.UNCOLLECTIBLE)),
        (world.pay_part, (bill, dice.random())),
        (world.pay_part, (bill, 0.5)),
        (_disputed, (world, bill, span, dice.random() < 0.5)),
        (_disputed, (world, bill, span, True)),
        (world.reinstate, (bill, dice.choice((None, "forgiven")))),
        (world.hold, (dice.choice(list(HoldKind)), span)),
        (world.hold, (HoldKind.EXEMPT, span)),
        (world.new_card, ()),
        (world.end, (dice.choice((1, 2)), dice.choice(("requested", "payment_failed")))),
    ]
    if dice.random() < 0.05:
        return world.delete, ()
    return dice.choice(kinds)


def _disputed(world, bill, span, lost):
    world.dispute(bill, None)
    world.at(world.now + span, world.dispute, bill, lost)
