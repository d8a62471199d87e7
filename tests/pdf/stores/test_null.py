import pytest

from recoup.errors import NotFound
from recoup.pdf.stores import Null, digest


class TestNull:
    def test_takes_everything_and_has_nothing(self):
        name = Null().put(b"x")

        assert name == digest(b"x")
        with pytest.raises(NotFound, match="nothing is kept"):
            Null().get(name)
        Null().delete(name)
