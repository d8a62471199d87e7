from __future__ import annotations

import pytest

from recoup.commands.documents import plain
from recoup.errors import InvalidValue


class TestPlain:
    def test_copies_what_is_json(self):
        data = {"a": [1, 2.5, True, None, "x", {"b": ()}]}
        assert plain("data", data) == {"a": [1, 2.5, True, None, "x", {"b": []}]}

    @pytest.mark.parametrize(
        ("data", "place"),
        [({"a": {1: "x"}}, "data.a"), ({"a": [object()]}, r"data.a\[0\]"), ({"a": b"x"}, "data.a"),
         ({"a": float("nan")}, "data.a"), ({"a": "\0"}, "data.a"), ({"\ud800": 1}, "data")],
    )  # fmt: skip
    def test_names_the_place_of_what_is_not(self, data, place):
        with pytest.raises(InvalidValue, match=f"^{place}: "):
            plain("data", data)

    def test_is_not_endless(self):
        data: dict = {}
        data["a"] = data
        with pytest.raises(InvalidValue, match="deeper than 20 levels"):
            plain("data", data)
