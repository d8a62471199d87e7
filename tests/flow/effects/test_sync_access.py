from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from host import Host, HttpHost
from house import DAY, HOUR, House
from receiver import Answer, receiving

from recoup.access.base import Ahead, CannotTell, NotApplied
from recoup.effects._wire import Wire
from recoup.errors import InvalidValue, NotFound
from recoup.store.access import GREATEST

MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(shop):
    made = House(shop)
    yield made
    assert made.wrong() == []


@pytest.fixture
def host(house, caplog):
    caplog.set_level(logging.ERROR)
    made = Host()
    house.access.use(made.apply, read=made.read)
    return made


def breaks(error):
    def broken(_):
        raise error

    return broken


def works(_):
    """Do nothing before following."""


class TestAHost:
    def test_sees_every_rung_in_order_and_all_of_it_given_back(self, house, host):
        (ada,) = house.limited()

        house.pay(ada)

        assert host.told == [
            ("reminded", []),
            ("soft", ["restrict_features"]),
            ("limited", ["read_only"]),
            ("current", []),
        ]
        assert [call.version for call in host.calls] == [1, 2, 3, 4]
        assert [call.restored for call in host.calls] == [True, False, False, True]
        assert house.standing(ada) == "current"

    def test_confirms_and_that_is_written_down(self, house, host):
        (ada,) = house.limited()
        house.pay(ada)

        sql = "SELECT type, actor, body FROM ledger_entries WHERE customer_id = :id ORDER BY seq"
        entries = house.shop.rows(sql, id=ada)
        standings = [str(body) for type, _, body in entries if type == "standing.changed"]
        undone = [actor for type, actor, _ in entries if type == "restriction.undone"]
        assert ["lifting" in one for one in standings[-2:]] == [True, True]
        assert undone == ["host"]
        assert None not in house.shop.rows("SELECT undone_at FROM restrictions")

    def test_is_told_once_of_many_changes(self, house, host):
        (ada,) = house.limited()
        host.before = breaks(OSError("down"))
        before = host.held[ada].version

        house.climb(21, 24, 28)
        host.before = works
        house.until_told()

        assert host.held[ada].version >= before + 2
        assert host.told[-1] == ("bad_debt", ["cancel"])
        assert [state.standing for state in host.followed[-2:]] == ["limited", "bad_debt"]
        assert house.effects()[-1][1] == "done"

    def test_that_fails_delays_nobody_and_is_tried_at_least_each_hour(self, house, host):
        host.before = breaks(RuntimeError("no"))
        (ada,) = house.limited()

        for _ in range(12):
            (due, reason) = house.shop.rows(
                "SELECT due_at, reason FROM effects WHERE key = 'access:' || :id "
                "AND state = 'scheduled'",
                id=ada,
            )[0]
            assert reason == "RuntimeError: no"
            assert house.now < due <= house.now + HOUR
            house.at(due)

        assert house.standing(ada) == "limited"

    def test_that_asks_to_be_left_alone_is_asked_again_within_the_hour(self, house, host):
        host.before = breaks(NotApplied("busy", after=DAY))
        house.limited()

        (due,) = house.shop.rows("SELECT due_at FROM effects WHERE key LIKE 'access:%'")

        assert due == house.now + HOUR

    def test_with_a_newer_version_than_ours_is_told_a_newer_one_still(self, house, host):
        def ahead(state):
            if state.version <= 90:
                raise Ahead(90)

        (ada,) = house.limited()
        host.before = ahead
        house.pay(ada)
        waits = house.standing(ada)

        house.until_told()

        assert host.calls[-1].version == 91
        assert (waits, house.standing(ada)) == ("lifting", "current")

    @pytest.mark.parametrize(
        ("said", "believed"), [(GREATEST, True), (GREATEST + 1, False), (2**80, False)]
    )
    def test_that_names_a_number_that_is_no_version_is_not_believed(
        self, house, host, said, believed
    ):
        (ada,) = house.limited()
        version = host.held[ada].version
        host.before = breaks(Ahead(said))

        house.access.retry(ada)
        house.later(timedelta(0))
        row = house.access.get(ada)
        host.before = works
        house.pay(ada)

        assert row.version == (said if believed else version) + 1
        assert ("no version of ours" in row.reason) is not believed
        assert (house.standing(ada), host.held[ada].restored) == ("current", True)

    def test_that_changes_while_it_is_told_is_told_again(self, house, host):
        (ada,) = house.limited()
        paid = []

        def pays_meanwhile(_):
            if not paid:
                paid.append(ada)
                house.pay(ada, tell=False)

        host.before = pays_meanwhile
        house.access.retry(ada)
        house.later(timedelta(0))

        assert host.told[-2:] == [("limited", ["read_only"]), ("current", [])]
        assert house.standing(ada) == "current"

    def test_that_changes_while_it_fails_is_told_again_at_once(self, house, host):
        (ada,) = house.limited()
        paid = []

        def pays_and_fails(_):
            if not paid:
                paid.append(ada)
                house.pay(ada, tell=False)
                raise OSError("down")

        host.before = pays_and_fails
        house.access.retry(ada)
        house.later(timedelta(0))

        assert host.held[ada].restored
        assert house.effects()[-2:] == [("sync_access", "canceled"), ("restore_access", "done")]

    def test_that_is_told_of_nobody_who_is_there_leaves_the_others_alone(self, house, host):
        ada, bob = house.limited(2)
        host.before = lambda state: breaks(OSError("down"))(0) if state.customer == ada else None

        house.pay(ada, bob)

        assert (house.standing(ada), house.standing(bob)) == ("lifting", "current")


class TestWhoIsLifting:
    def test_is_shown_retried_by_itself_and_a_task_after_ten_minutes(self, house, host):
        (ada,) = house.limited()
        host.before = breaks(OSError("down"))
        house.pay(ada)
        (waits,) = house.access.list(lifting=True).rows
        tasks = "SELECT closed_at IS NULL FROM tasks WHERE kind = 'not_restored'"

        house.later(10 * MINUTE - timedelta(microseconds=1))
        early = house.shop.rows(tasks)
        house.later(timedelta(microseconds=1))
        late = house.shop.rows(tasks)
        host.before = works
        house.until_told()

        assert (waits.id, waits.standing, waits.undoing) == (ada, "lifting", 1)
        assert (early, late, house.shop.rows(tasks)) == ([], [True], [False])
        assert house.standing(ada) == "current"
        assert house.access.list(lifting=True).rows == ()

    def test_is_told_at_once_by_hand(self, house, host):
        (ada,) = house.limited()
        host.before = breaks(OSError("down"))
        house.pay(ada)
        host.before = works

        house.access.retry(ada)
        house.later(timedelta(0))

        assert house.standing(ada) == "current"

    def test_is_nobody_where_the_host_asks_us(self, house):
        (ada,) = house.limited()

        house.pay(ada)

        told = house.shop.rows("SELECT body::text FROM ledger_entries")
        assert not any("lifting" in one for one in told)
        assert None not in house.shop.rows("SELECT undone_at FROM restrictions")
        assert house.effects() == []
        assert house.standing(ada) == "current"

    def test_is_nobody_any_more_when_nobody_follows_any_more(self, house, host):
        (ada,) = house.limited()
        host.before = breaks(OSError("down"))
        house.pay(ada)
        waits = house.standing(ada)

        house.access.stop()

        assert (waits, house.standing(ada)) == ("lifting", "current")
        assert house.effects()[-1] == ("restore_access", "canceled")


class TestBeginning:
    def test_tells_of_everybody_who_is_restricted_already(self, house):
        (ada,) = house.limited()
        host = Host()

        house.access.use(host.apply)
        house.later(timedelta(0))
        house.pay(ada)

        assert host.told == [("limited", ["read_only"]), ("current", [])]

    def test_waits_for_nothing_that_was_lifted_before(self, house):
        (ada,) = house.limited()
        house.pay(ada)
        house.shop.do("UPDATE restrictions SET undone_at = NULL")
        house.later(HOUR)
        host = Host()

        house.access.use(host.apply)
        house.shop.recompute([ada], now=house.now)
        house.later(timedelta(0))

        assert host.calls == []
        assert house.standing(ada) == "current"

    def test_twice_in_one_process_is_refused(self, house, host):
        with pytest.raises(InvalidValue, match="follows already"):
            house.access.use(host.apply)

    def test_in_another_process_tells_nobody_again(self, house, host):
        house.limited()
        other = Host()

        House(house.shop).access.use(other.apply)
        house.later(timedelta(0))

        assert other.calls == []

    @pytest.mark.parametrize("follows", [False, True], ids=["before it follows", "afterwards"])
    def test_again_gives_back_what_the_same_host_has_kept_closed(self, house, host, follows):
        (ada,) = house.limited()
        house.access.stop()
        again = House(house.shop)
        again.clock = house.clock

        if not follows:
            again.pay(ada)
        again.access.use(host.apply)
        again.later(timedelta(0))
        if follows:
            again.pay(ada)

        assert host.held[ada].restored

    def test_leaves_what_it_has_no_function_for_to_those_who_have(self, house, host):
        without = House(house.shop)
        without.clock = house.clock
        (ada,) = house.limited()
        house.pay(ada, tell=False)

        without.worker().drain()

        assert house.effects()[-1] == ("restore_access", "scheduled")


class TestAsking:
    def test_a_host_that_holds_the_same_finds_nothing(self, house, host):
        (ada,) = house.limited()

        assert house.access.differences(ada) == {}

    def test_a_host_that_was_tampered_with_finds_what_until_it_is_told_again(self, house, host):
        (ada,) = house.limited()
        host.held.clear()
        found = house.access.differences(ada)

        house.access.retry(ada)
        house.later(timedelta(0))

        (key,) = found
        assert key.endswith(" read_only")
        assert found[key] == ("closed", "open")
        assert house.access.differences(ada) == {}

    def test_nobody_is_not_possible(self, house):
        (ada,) = house.limited()

        with pytest.raises(CannotTell):
            house.access.differences(ada)

    def test_about_nobody_is_refused(self, house, host):
        with pytest.raises(NotFound):
            house.access.state("cus_of_nobody")

    def test_again_where_nobody_follows_is_refused(self, house):
        (ada,) = house.limited()

        with pytest.raises(InvalidValue, match="nobody follows"):
            house.access.retry(ada)


class TestAWebhook:
    @pytest.fixture
    def receiver(self):
        with receiving() as made:
            yield made

    @pytest.fixture
    def house(self, shop, receiver, caplog):
        caplog.set_level(logging.ERROR)
        wire = Wire(anywhere=True)

        def post(body, *, kept):
            return wire.post(receiver.url, body, {}, now=made.now, kept=kept)

        made = House(shop, post=post)
        yield made
        assert made.wrong() == []

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(Answer(500), id="fails"),
            pytest.param(Answer(302, headers={"Location": "/elsewhere"}), id="redirects"),
            pytest.param(Answer(body=b'{"version": 1}'), id="answers an old version"),
            pytest.param(Answer(hang_up=True), id="hangs up"),
        ],
    )
    def test_that_does_not_follow_delays_nobody(self, house, receiver, answer):
        host = HttpHost()
        receiver.choose = host.answer
        (ada,) = house.limited()
        receiver.choose = lambda _: answer

        house.pay(ada)
        waits = house.standing(ada)
        receiver.choose = host.answer
        house.until_told()

        assert (waits, house.standing(ada)) == ("lifting", "current")
        assert host.told[-2:] == [("limited", ["read_only"]), ("current", [])]
        assert house.access.differences(ada) == {}

    def test_that_says_yes_and_does_nothing_is_found_when_it_is_asked(self, house, receiver):
        host = HttpHost()
        receiver.choose = host.answer
        (ada,) = house.limited()
        version = house.access.state(ada).version
        receiver.choose = lambda _: Answer(body=b'{"version": %d}' % (version + 1))

        house.pay(ada)
        receiver.choose = host.answer
        found = house.access.differences(ada)
        house.access.retry(ada)
        house.later(timedelta(0))

        assert list(found.values()) == [("open", "closed")]
        assert house.standing(ada) == "current"
        assert house.access.differences(ada) == {}
