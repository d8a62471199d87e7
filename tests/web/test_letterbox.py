from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from recoup.web.letterbox import Full, Letterbox


class Shelf:
    """Keeps bodies; one that is named is refused, and with it the batch that it is in."""

    def __init__(self, *refused, alive=True):
        self.batches = []
        self.refused = set(refused)
        self.alive = alive
        self.open = threading.Event()
        self.reached = threading.Event()

    def keep(self, bodies):
        self.reached.set()
        assert self.open.wait(30)
        self.batches.append(list(bodies))
        if self.refused & set(bodies):
            raise ValueError("planted")

    def letterbox(self):
        return Letterbox(self.keep, alive=lambda: self.alive)


def put_together(shelf, bodies):
    """Put `bodies` while the writer has its hands full, so that they are one batch."""
    letterbox = shelf.letterbox()
    first = letterbox.put(b"first")
    assert shelf.reached.wait(30)
    promises = {body: letterbox.put(body) for body in bodies}
    shelf.open.set()
    wait([first, *promises.values()], 30)
    letterbox.close()
    return promises


class TestALetterbox:
    def test_keeps_together_what_came_while_it_wrote(self):
        shelf = Shelf()

        promises = put_together(shelf, [b"a", b"b", b"c"])

        assert shelf.batches == [[b"first"], [b"a", b"b", b"c"]]
        assert [promise.result() for promise in promises.values()] == [None, None, None]

    def test_takes_no_more_than_sixty_four_at_once(self):
        shelf = Shelf()

        put_together(shelf, [b"%d" % number for number in range(65)])

        assert [len(batch) for batch in shelf.batches] == [1, 64, 1]

    def test_keeps_the_others_when_one_is_refused(self):
        shelf = Shelf(b"b")

        promises = put_together(shelf, [b"a", b"b", b"c"])

        assert {body: promise.exception() is None for body, promise in promises.items()} == {
            b"a": True,
            b"b": False,
            b"c": True,
        }

    def test_tries_nobody_again_when_it_is_the_database_that_fails(self):
        shelf = Shelf(b"b", alive=False)

        promises = put_together(shelf, [b"a", b"b", b"c"])

        assert all(promise.exception() for promise in promises.values())
        assert len(shelf.batches) == 2

    def test_keeps_what_it_has_when_it_is_closed_and_takes_no_more(self):
        shelf = Shelf()
        letterbox = shelf.letterbox()
        promises = [letterbox.put(b"%d" % number) for number in range(5)]
        closing = threading.Thread(target=letterbox.close)
        closing.start()
        shelf.open.set()
        closing.join()

        assert [promise.result(0) for promise in promises] == [None] * 5
        with pytest.raises(Full):
            letterbox.put(b"late")

    def test_holds_thirty_two_mebibytes_and_then_says_that_it_is_full(self):
        shelf = Shelf()
        letterbox = shelf.letterbox()
        letterbox.put(b"first")
        assert shelf.reached.wait(30)
        body = b"x" * 2**20

        for _ in range(32):
            letterbox.put(body)
        with pytest.raises(Full):
            letterbox.put(b"x")

        shelf.open.set()
        letterbox.close()

    def test_goes_on_when_a_sender_does_not_wait(self):
        shelf = Shelf()
        letterbox = shelf.letterbox()
        letterbox.put(b"first")
        assert shelf.reached.wait(30)
        gone, stays = letterbox.put(b"a"), letterbox.put(b"b")

        assert gone.cancel()
        shelf.open.set()

        assert stays.result(30) is None
        letterbox.close()
