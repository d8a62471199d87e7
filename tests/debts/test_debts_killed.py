"""Paying bad debt, killed at every step: charged once, never lost."""

from __future__ import annotations

import dying_debtors
import pytest
from sqlalchemy.engine import make_url

from recoup.core.billing.views import Pay
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.payers import Pays
from recoup.testing.crash import Workers, abandon, copied


@pytest.fixture(scope="module")
def workers():
    return Workers()


@pytest.fixture
def solvent(clones, lived):
    """Make a clone in which there is money on the card."""

    def made():
        where, who, *_ = lived
        url, home = clones(str(make_url(where.database_url).database))
        work = copied(where, database_url=url, home=home)
        with FakeProcessor(work.books) as fake:
            fake.update_method(who.method, payer=Pays())
        return work

    return made


def ended(work, reopened, *, by_worker: bool):
    """Let a worker go on first, or not; press the same again; return what that led to."""
    abandon(work.database_url)
    with reopened(work) as debtor:
        if by_worker:
            debtor.scene.recoup.worker().tick()
            debtor.scene.pace.settle()
        made = debtor.pay()
        assert [c.payment.outcome for c in made.charges] == [Pay.SUCCEEDED] * 2
        debtor.scene.pace.settle()
        assert debtor.scene.violations() == ()
        return debtor.charged(), debtor.left(), debtor.scene.standing(debtor.who)


class TestPayingBadDebt:
    @pytest.mark.parametrize(
        "stride", [7, pytest.param(1, marks=pytest.mark.long)], ids=["some steps", "every step"]
    )
    def test_killed_at_any_step_charges_once_and_is_gone_on_with(
        self, workers, solvent, reopened, stride
    ):
        steps = workers.run(solvent(), doing=dying_debtors.pay).steps
        assert {step.rpartition(" ")[2] for step in steps} >= {"received", "done", "commit"}

        for step in range(1, len(steps) + 1, stride):
            work = solvent()
            run = workers.run(work, kill_at=step, doing=dying_debtors.pay)
            assert run.killed
            outcome = ended(work, reopened, by_worker=step % 2 == 0)

            assert outcome == (9800, ["paid", "paid"], "current"), run.last
