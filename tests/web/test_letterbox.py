from __future__ import annotations

import asyncio
import threading

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
        assert self.open.wait(60)
        self.batches.append(list(bodies))
        if self.refused & set(bodies):
            raise ValueError("planted")

    def letterbox(self):
        return Letterbox(self.keep, alive=lambda: self.alive, writers=1)


async def put_together(shelf, bodies):
    """Put `bodies` while the writer has its hands full, so that they are one batch."""
    letterbox = shelf.letterbox()
    first = letterbox.put(b"first")
    assert await asyncio.to_thread(shelf.reached.wait, 60)
    promises = {body: letterbox.put(body) for body in bodies}
    shelf.open.set()
    await asyncio.wait([first, *promises.values()])
    await asyncio.to_thread(letterbox.close)
    return promises


def together(shelf, bodies):
    """Body -> whether it is promised."""

    async def run():
        promises = await put_together(shelf, bodies)
        return {body: promise.exception() is None for body, promise in promises.items()}

    return asyncio.run(run())


class TestALetterbox:
    def test_keeps_together_what_came_while_it_wrote(self):
        shelf = Shelf()

        promised = together(shelf, [b"a", b"b", b"c"])

        assert shelf.batches == [[b"first"], [b"a", b"b", b"c"]]
        assert promised == {b"a": True, b"b": True, b"c": True}

    def test_takes_no_more_than_sixty_four_at_once(self):
        shelf = Shelf()

        together(shelf, [b"%d" % number for number in range(65)])

        assert [len(batch) for batch in shelf.batches] == [1, 64, 1]

    def test_keeps_the_others_when_one_is_refused(self):
        promised = together(Shelf(b"b"), [b"a", b"b", b"c"])

        assert promised == {b"a": True, b"b": False, b"c": True}

    def test_tries_nobody_again_when_it_is_the_database_that_fails(self):
        shelf = Shelf(b"b", alive=False)

        promised = together(shelf, [b"a", b"b", b"c"])

        assert promised == {b"a": False, b"b": False, b"c": False}
        assert len(shelf.batches) == 2

    def test_keeps_what_it_has_when_it_is_closed_and_takes_no_more(self):
        async def run():
            shelf = Shelf()
            letterbox = shelf.letterbox()
            promises = [letterbox.put(b"%d" % number) for number in range(5)]
            closing = asyncio.create_task(asyncio.to_thread(letterbox.close))
            shelf.open.set()
            await closing
            with pytest.raises(Full):
                letterbox.put(b"late")
            return await asyncio.gather(*promises)

        assert asyncio.run(run()) == [None] * 5

    def test_holds_thirty_two_mebibytes_and_then_says_that_it_is_full(self):
        async def run():
            shelf = Shelf()
            letterbox = shelf.letterbox()
            letterbox.put(b"first")
            assert await asyncio.to_thread(shelf.reached.wait, 60)
            body = b"x" * 2**20
            for _ in range(32):
                letterbox.put(body)
            with pytest.raises(Full):
                letterbox.put(b"x")
            shelf.open.set()
            await asyncio.to_thread(letterbox.close)

        asyncio.run(run())

    def test_goes_on_when_a_sender_does_not_wait(self):
        async def run():
            shelf = Shelf()
            letterbox = shelf.letterbox()
            letterbox.put(b"first")
            assert await asyncio.to_thread(shelf.reached.wait, 60)
            gone, stays = letterbox.put(b"a"), letterbox.put(b"b")
            gone.cancel()
            shelf.open.set()
            await stays
            await asyncio.to_thread(letterbox.close)
            return shelf.batches

        assert asyncio.run(run()) == [[b"first"], [b"a", b"b"]]
