from __future__ import annotations

import typing
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recoup.core import changes as ch
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.policy import DAY, Policies
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing, paid


def decided(account, *, now):
    return decide(account, policies=Policies(), rules=load_rules(), now=now).desired


def lived_for(days: int):
    """An account `days` after its failure, each day decided on."""
    account, store = owing(), Storage()
    for day in range(days + 1):
        now = NOON + day * DAY
        account = store.stored(decided(account, now=now), now=now)
    return account


class TestTheDiff:
    @given(st.integers(0, 40))
    def test_of_an_account_with_itself_is_empty(self, days):
        account = lived_for(days)

        assert diff(account, replace(account)) == ()

    def test_puts_cases_before_what_hangs_on_them(self):
        kinds = [type(change) for change in diff(owing(), decided(owing(), now=NOON))]

        assert kinds.index(ch.CaseOpened) < kinds.index(ch.InvoiceTaken)
        assert kinds.index(ch.CaseOpened) < kinds.index(ch.NoticePlaced)

    def test_restores_before_it_restricts(self):
        account = lived_for(14)
        now = NOON + 15 * DAY + DAY / 2

        kinds = [type(change) for change in diff(account, decided(account, now=now))]

        assert kinds.index(ch.Lifted) < kinds.index(ch.Restricted)

    def test_changes_access_before_it_sends_mail(self):
        account = lived_for(9)
        now = NOON + 12 * DAY
        forgotten = replace(account, restrictions=())

        kinds = [type(change) for change in diff(forgotten, decided(account, now=now))]

        assert kinds.index(ch.Restricted) < kinds.index(ch.NoticePlaced)

    def test_of_money_that_came_undoes_everything(self):
        account = lived_for(16)
        now = NOON + 16 * DAY + DAY / 2

        found = diff(account, decided(paid(account, 1, at=now), now=now))

        kinds = {type(change) for change in found}
        assert {ch.CaseEnded, ch.Lifted, ch.StandingChanged, ch.WakeChanged} <= kinds
        assert ch.Restricted not in kinds

    def test_says_every_change_in_words(self):
        said = {}
        account, store = owing(), Storage()
        for day in range(40):
            now = NOON + day * DAY
            desired = decided(account, now=now)
            for change in diff(account, desired):
                said[type(change)] = change.words
            account = store.stored(desired, now=now)

        assert all(said.values())
        assert set(said) <= set(typing.get_args(ch.Change))
        assert len(said) >= 9
