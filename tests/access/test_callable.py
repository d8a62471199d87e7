from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from host import Host

from recoup.access.base import CannotTell, NotApplied
from recoup.access.callable import MOST, Callable
from recoup.errors import InvalidValue
from recoup.testing.suites.access import RESTRICTED, AccessStoreConformance

#: Longer than any test runs, so that whoever waits for it waits for ever.
NEVER = timedelta(hours=1)
AT_ONCE = timedelta(microseconds=1)


@pytest.fixture
def hanging():
    """A function that hangs until the test is over."""
    over = threading.Event()
    yield lambda _: over.wait()
    over.set()


class TestACallable(AccessStoreConformance):
    @pytest.fixture(autouse=True)
    def host(self):
        host = Host()
        self.store = Callable(host.apply, host.read)
        return host

    def test_returns_when_its_function_has(self, host):
        self.store.apply(RESTRICTED)

        assert host.calls == [RESTRICTED]

    def test_raises_what_its_function_raises(self, host):
        def broken(_):
            raise LookupError("no such customer")

        host.before = broken

        with pytest.raises(LookupError, match="no such customer"):
            self.store.apply(RESTRICTED)

    def test_runs_in_a_thread_that_keeps_no_process_alive(self, host):
        seen = []
        host.before = lambda _: seen.append(threading.current_thread())

        self.store.apply(RESTRICTED)

        assert seen[0] is not threading.current_thread()
        assert seen[0].daemon


class TestACallThatHangs:
    def test_is_left_alone_in_the_end(self, hanging):
        with pytest.raises(NotApplied, match="no answer within"):
            Callable(hanging, patience=AT_ONCE).apply(RESTRICTED)

    def test_is_followed_by_a_few_others_and_no_more(self, hanging):
        store = Callable(hanging, patience=AT_ONCE)
        for _ in range(MOST):
            with pytest.raises(NotApplied, match="no answer"):
                store.apply(RESTRICTED)

        with pytest.raises(NotApplied, match="hangs"):
            store.apply(RESTRICTED)

    def test_that_returns_makes_room_for_another(self):
        over, ended = threading.Event(), threading.Semaphore(0)

        def slow(_):
            over.wait()
            ended.release()

        store = Callable(slow, patience=AT_ONCE)
        for _ in range(MOST):
            with pytest.raises(NotApplied, match="no answer"):
                store.apply(RESTRICTED)
        over.set()
        for _ in range(MOST):
            ended.acquire()
        patient = Callable(slow, patience=NEVER)

        patient.apply(RESTRICTED)


class TestReading:
    def test_is_not_possible_without_a_function_for_it(self):
        with pytest.raises(CannotTell, match="no function that reads"):
            Callable(print).read(1)

    def test_believes_only_a_state(self):
        with pytest.raises(CannotTell, match="expected an AccessState or None, got dict"):
            Callable(print, lambda _: {"version": 1}).read(1)

    @pytest.mark.parametrize("place", [0, 1])
    def test_and_following_take_plain_functions_only(self, place):
        async def later(_): ...

        given = [print, lambda _: None]
        given[place] = later

        with pytest.raises(InvalidValue, match="coroutine"):
            Callable(*given)
