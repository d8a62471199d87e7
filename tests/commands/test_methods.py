from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.errors import InvalidValue, NotFound, NotPossible, Rejected, Unreachable
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.payers import NO_FUNDS, Asks, Declines

SAME = "the same card"


@pytest.fixture
def methods(scene):
    return scene.recoup.methods


def new(scene, expires=(2030, 6), fingerprint=SAME, payer=None) -> str:
    return scene.fake.new_method(payer, expires=expires, fingerprint=fingerprint)


def on_file(methods, ada) -> list[str]:
    return [one.processor_id for one in methods.list(ada)]


def consented(scene):
    return {"consented_at": scene.now - timedelta(minutes=1), "consented_by": "Ada, in the app"}


class TestAttaching:
    def test_puts_a_method_on_file(self, scene, methods, ada):
        name = new(scene)

        made = methods.attach(ada, name)

        assert (made.processor_id, made.default, made.detached) == (name, False, False)
        assert methods.list(ada) == (made,)

    def test_as_default_has_invoices_paid_with_it(self, scene, methods, ada, card):
        made = methods.attach(ada, new(scene), default=True)

        assert made.default
        assert not methods.get(card).default

    def test_a_second_time_changes_nothing(self, scene, methods, ada):
        name = new(scene)
        made = methods.attach(ada, name, key="one")
        said = len(scene.fake.events())

        assert methods.attach(ada, name, key="two") == made
        assert len(scene.fake.events()) == said

    def test_refuses_what_is_somebody_elses(self, scene, methods, ada):
        eve = scene.fake.create_customer(email="eve@example.com")
        hers = scene.fake.attach_method(eve)
        scene.pace.settle()

        with pytest.raises(Rejected, match="already been attached"):
            methods.attach(ada, hers)

    def test_keeps_two_instruments_apart(self, scene, methods, ada):
        one = methods.attach(ada, new(scene, fingerprint="one"))
        two = methods.attach(ada, new(scene, fingerprint="two"))

        assert methods.list(ada) == (one, two)


class TestTheSameInstrumentAgain:
    @pytest.mark.parametrize(
        ("first", "second", "stays"),
        [
            pytest.param((2030, 6), (2030, 7), 1, id="a month later"),
            pytest.param((2030, 6), (2031, 1), 1, id="a year later"),
            pytest.param((2030, 6), (2030, 6), 1, id="alike"),
            pytest.param((2030, 6), (2030, 5), 0, id="a month earlier"),
        ],
    )
    def test_is_on_file_once_with_the_newer_expiry(
        self, scene, methods, ada, first, second, stays
    ):
        names = [new(scene, first), new(scene, second)]

        methods.attach(ada, names[0])
        kept = methods.attach(ada, names[1])
        scene.pace.settle()

        assert kept.processor_id == names[stays]
        assert on_file(methods, ada) == [names[stays]]
        assert methods.get(names[1 - stays]).detached

    def test_stays_the_default(self, scene, methods, ada):
        methods.attach(ada, new(scene, (2030, 6)), default=True)

        kept = methods.attach(ada, new(scene, (2034, 6)))
        scene.pace.settle()

        assert kept.default
        assert methods.get(kept.id).default

    def test_becomes_the_default_when_that_is_asked_of_an_older_one(self, scene, methods, ada):
        newer = methods.attach(ada, new(scene, (2034, 6)))

        kept = methods.attach(ada, new(scene, (2030, 6)), default=True)

        assert (kept.id, kept.default) == (newer.id, True)

    def test_keeps_its_place_among_the_backups(self, scene, methods, ada, card):
        old = methods.attach(ada, new(scene, (2030, 6)))
        consent = consented(scene)
        methods.set_backups(ada, [old.id, card], **consent)

        kept = methods.attach(ada, new(scene, (2034, 6)))

        assert (kept.backup, kept.consented_at) == (1, consent["consented_at"])
        assert methods.get(old.id).backup is None
        assert [one.backup for one in methods.list(ada) if one.backup] == [2, 1]

    def test_is_detached_by_a_worker_when_nobody_waited(self, scene, methods, ada):
        methods.attach(ada, new(scene, (2030, 6)), default=True)
        scene.fake.add_fault(Fault("outage", call="DetachMethod"))
        scene.fake.add_fault(Fault("outage", call="UpdateCustomer"))

        kept = methods.attach(ada, new(scene, (2034, 6)))
        assert len(methods.list(ada)) == 2
        scene.live(hours=1)

        assert on_file(methods, ada) == [kept.processor_id]
        assert methods.get(kept.id).default


class TestDetaching:
    def test_takes_it_off_file(self, scene, methods, ada, card):
        gone = methods.detach(card)
        scene.pace.settle()

        assert (gone.detached, gone.default) == (True, False)
        assert methods.list(ada) == ()
        assert methods.list(ada, detached=True) == (methods.get(card),)

    def test_a_second_time_changes_nothing(self, scene, methods, card):
        gone = methods.detach(card, key="one")
        said = len(scene.fake.events())

        assert methods.detach(card, key="two") == gone
        assert len(scene.fake.events()) == said

    def test_closes_the_gap_among_the_backups(self, scene, methods, ada):
        made = [methods.attach(ada, new(scene, fingerprint=name)).id for name in "abc"]
        methods.set_backups(ada, made, **consented(scene))

        methods.detach(made[0])

        assert [(one.id, one.backup) for one in methods.list(ada)] == [(made[1], 1), (made[2], 2)]
        assert methods.get(made[0]).consented_at is None


class TestTheDefault:
    def test_is_the_one_that_was_set(self, scene, methods, ada, card):
        other = methods.attach(ada, new(scene))

        assert methods.set_default(ada, other.id).default
        assert not methods.get(card).default

    def test_can_not_be_a_detached_one(self, methods, ada, card):
        methods.detach(card)

        with pytest.raises(NotPossible, match="detached"):
            methods.set_default(ada, card)

    def test_can_not_be_somebody_elses(self, scene, methods, card):
        eve = scene.fake.create_customer(email="eve@example.com")
        scene.pace.settle()

        with pytest.raises(NotFound, match="of customer"):
            methods.set_default(eve, card)


class TestBackups:
    def test_have_an_order_and_a_consent(self, scene, methods, ada, card):
        other = methods.attach(ada, new(scene))
        consent = consented(scene)

        made = methods.set_backups(ada, [other.id, card], **consent)

        assert [(one.processor_id, one.backup) for one in made] == [
            (other.processor_id, 1),
            (card, 2),
        ]
        assert {one.consented_at for one in made} == {consent["consented_at"]}
        rows = scene.rows("SELECT DISTINCT consented_by FROM payment_methods")
        assert rows == [{"consented_by": "Ada, in the app"}]

    def test_that_are_not_named_again_are_none_any_more(self, scene, methods, ada, card):
        other = methods.attach(ada, new(scene))
        methods.set_backups(ada, [other.id, card], **consented(scene))

        methods.set_backups(ada, [card], **consented(scene))

        assert methods.get(other.id).backup is None
        assert methods.get(other.id).consented_at is None

    def test_can_be_cleared(self, scene, methods, ada, card):
        methods.set_backups(ada, [card], **consented(scene))

        assert methods.clear_backups(ada) == ()
        assert methods.get(card).backup is None

    def test_refuse_who_is_not_on_file(self, scene, methods, ada, card):
        other = methods.attach(ada, new(scene))
        methods.detach(other.id)

        with pytest.raises(NotFound):
            methods.set_backups(ada, [card, "pm_nobody"], **consented(scene))
        with pytest.raises(NotPossible, match="detached"):
            methods.set_backups(ada, [card, other.id], **consented(scene))
        assert methods.get(card).backup is None

    def test_refuse_who_is_somebody_elses(self, scene, methods, ada):
        eve = scene.fake.create_customer(email="eve@example.com")
        hers = scene.fake.attach_method(eve)
        scene.pace.settle()

        with pytest.raises(NotFound, match="of customer"):
            methods.set_backups(ada, [hers], **consented(scene))

    @pytest.mark.parametrize("times", [0, 2])
    def test_are_each_named_once(self, scene, methods, ada, card, times):
        with pytest.raises(InvalidValue):
            methods.set_backups(ada, [card] * times, **consented(scene))

    @pytest.mark.parametrize(
        ("later", "by", "fits"),
        [
            (timedelta(0), "Ada", True),
            (timedelta(microseconds=1), "Ada", False),
            (timedelta(0), " ", False),
        ],
    )
    def test_need_a_consent_that_was_given(self, scene, methods, ada, card, later, by, fits):
        asked = {"consented_at": scene.now + later, "consented_by": by}
        if fits:
            assert methods.set_backups(ada, [card], **asked)
        else:
            with pytest.raises(InvalidValue, match="consent"):
                methods.set_backups(ada, [card], **asked)


class TestSettingUp:
    def test_without_a_method_waits_for_the_browsers(self, methods, ada):
        made = methods.setup(ada, key="k")

        assert made.status == "requires_payment_method"
        assert made.action is not None
        assert made.action.client_secret not in repr(made)
        assert methods.setup(ada, key="k") == made

    def test_with_a_method_keeps_it(self, scene, methods, ada):
        name = new(scene)

        made = methods.setup(ada, method=name)

        assert (made.status, made.method, made.action) == ("succeeded", name, None)
        assert on_file(methods, ada) == [name]

    def test_that_is_challenged_is_a_result(self, scene, methods, ada):
        name = new(scene, payer=Asks())

        made = methods.setup(ada, method=name)
        assert (made.status, made.action.kind) == ("requires_action", "authenticate")
        assert on_file(methods, ada) == []

        scene.fake.customer_authenticates(made.processor_id)
        scene.pace.settle()
        assert on_file(methods, ada) == [name]

    def test_that_is_declined_is_a_result(self, scene, methods, ada):
        made = methods.setup(ada, method=new(scene, payer=Declines(NO_FUNDS)))

        assert made.status == "requires_payment_method"

    def test_keeps_an_instrument_on_file_once(self, scene, methods, ada):
        methods.attach(ada, new(scene, (2030, 6)), default=True)
        later = new(scene, (2034, 6))

        methods.setup(ada, method=later)

        assert on_file(methods, ada) == [later]
        assert methods.get(later).default

    def test_whose_reply_is_lost_is_done_once(self, scene, methods, ada):
        scene.fake.add_fault(Fault("lost_reply", call="CreateSetupIntent"))
        with pytest.raises(Unreachable):
            methods.setup(ada, key="k")
        scene.live(hours=1)

        assert methods.setup(ada, key="k").status == "requires_payment_method"
        made = [b for _, b in scene.fake.events() if b'"setup_intent.created"' in b]
        assert len(made) == 1
