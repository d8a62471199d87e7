"""What keeps documents promises, as tests: subclass and give `contents`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from hmac import compare_digest
from typing import Final

import pytest

from recoup.errors import DocumentsUnreachable, NotFound
from recoup.pdf.stores.base import Contents

BYTES: Final = bytes(range(256)) * 40


class ContentsConformance:
    """`contents` gives back what it took, by its digest, and nothing else."""

    contents: Contents

    def test_gives_back_what_it_took(self) -> None:
        name = self.contents.put(BYTES)

        assert compare_digest(name, sha256(BYTES).hexdigest())
        assert self.contents.get(name) == BYTES

    @pytest.mark.parametrize("content", [b"", b"\0", b"x" * 3_000_000])
    def test_takes_contents_of_any_size(self, content: bytes) -> None:
        assert self.contents.get(self.contents.put(content)) == content

    def test_takes_the_same_again(self) -> None:
        names = {self.contents.put(BYTES) for _ in range(3)}

        assert len(names) == 1

    def test_takes_the_same_from_many_at_once(self) -> None:
        with ThreadPoolExecutor(4) as threads:
            names = set(threads.map(self.contents.put, [BYTES] * 8))

        assert [self.contents.get(name) for name in names] == [BYTES]

    def test_has_not_what_it_never_took(self) -> None:
        with pytest.raises(NotFound):
            self.contents.get(sha256(b"never").hexdigest())

    def test_does_not_keep_what_is_gone(self) -> None:
        name = self.contents.put(BYTES)

        self.contents.delete(name)
        self.contents.delete(name)

        with pytest.raises(NotFound):
            self.contents.get(name)


class Failing:
    """Takes nothing and gives nothing, `times` times, and is another's front from then on."""

    def __init__(self, behind: Contents, *, times: int = 10**9) -> None:
        self.name = behind.name
        self.asked = 0
        self._behind = behind
        self.times = times

    def put(self, content: bytes) -> str:
        """See `recoup.pdf.stores.base.Contents`."""
        self._fail()
        return self._behind.put(content)

    def get(self, name: str) -> bytes:
        """See `recoup.pdf.stores.base.Contents`."""
        self._fail()
        return self._behind.get(name)

    def delete(self, name: str) -> None:
        """See `recoup.pdf.stores.base.Contents`."""
        self._fail()
        self._behind.delete(name)

    def _fail(self) -> None:
        self.asked += 1
        if self.asked <= self.times:
            raise DocumentsUnreachable("it does not answer")
