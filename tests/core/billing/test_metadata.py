from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.billing import metadata
from recoup.core.billing.sensitive import DEEPEST, is_sensitive, stripped
from recoup.errors import InvalidMetadata

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)
KEYS = st.sampled_from(["plan", "seat", "region", "a", "b"])


class TestMetadata:
    @given(st.lists(st.dictionaries(KEYS, TEXT), max_size=8))
    def test_merges_like_a_dict_whose_empty_values_are_gone(self, changes):
        model: dict[str, str] = {}
        found: dict[str, str] = {}
        for change in changes:
            found = metadata.merged(found, change)
            for key, value in change.items():
                model.pop(key, None)
                if value:
                    model[key] = value
        assert found == model

    def test_leaves_what_it_is_given_as_it_was(self):
        before, changes = {"a": "1"}, {"a": "", "b": "2"}
        assert metadata.merged(before, changes) == {"b": "2"}
        assert (before, changes) == ({"a": "1"}, {"a": "", "b": "2"})

    def test_may_have_fifty_keys_and_no_more(self):
        fifty = {str(number): "x" for number in range(50)}
        assert len(metadata.merged({}, fifty)) == 50
        with pytest.raises(InvalidMetadata, match="at most 50 keys, and there would be 51"):
            metadata.merged(fifty, {"one": "more"})

    def test_counts_keys_after_those_that_go(self):
        fifty = {str(number): "x" for number in range(50)}
        assert len(metadata.merged(fifty, {"0": "", "one": "more"})) == 50

    @pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (40, True), (41, False)])
    def test_has_keys_of_1_to_40_characters(self, length, fits):
        if fits:
            assert metadata.checked({"k" * length: "v"})
        else:
            with pytest.raises(InvalidMetadata, match=f"1 to 40 characters, this has {length}"):
                metadata.checked({"k" * length: "v"})

    @pytest.mark.parametrize(("length", "fits"), [(0, True), (500, True), (501, False)])
    def test_has_values_of_up_to_500_characters(self, length, fits):
        if fits:
            assert metadata.checked({"plan": "v" * length})
        else:
            with pytest.raises(InvalidMetadata, match=r"metadata\['plan'\].*up to 500.*501"):
                metadata.checked({"plan": "v" * length})

    @pytest.mark.parametrize("value", [None, 3, 1.5, True, b"x", ["a"], {"a": "b"}, ("a",)])
    def test_refuses_other_values_and_names_the_key(self, value):
        with pytest.raises(InvalidMetadata, match=r"metadata\['plan'\]: expected text"):
            metadata.checked({"seats": "3", "plan": value})

    def test_says_of_a_nested_value_that_it_is_flat(self):
        with pytest.raises(InvalidMetadata, match="it is flat"):
            metadata.checked({"plan": {"name": "pro"}})

    @pytest.mark.parametrize("given_", [None, "text", 3, ["a"], [("a", "b")]])
    def test_refuses_what_is_no_map(self, given_):
        with pytest.raises(InvalidMetadata, match="expected a map of text to text"):
            metadata.checked(given_)

    @pytest.mark.parametrize("key", [1, None, b"plan", ("a",)])
    def test_refuses_keys_that_are_no_text(self, key):
        with pytest.raises(InvalidMetadata, match="expected text as key"):
            metadata.checked({key: "x"})

    @pytest.mark.parametrize("odd", ["a\0b", "\ud800"])
    def test_refuses_what_the_database_can_not_hold(self, odd):
        with pytest.raises(InvalidMetadata, match=r"metadata\['plan'\]"):
            metadata.checked({"plan": odd})
        with pytest.raises(InvalidMetadata, match="a key can not hold"):
            metadata.checked({odd: "x"})

    def test_never_shows_a_value_it_refuses(self):
        with pytest.raises(InvalidMetadata) as caught:
            metadata.checked({"card": "4242424242424242" * 40})
        assert "4242" not in str(caught.value)


class TestStripped:
    @pytest.mark.parametrize(
        "name",
        ["address", "phone", "shipping", "tax", "tax_ids", "email", "name", "customer_email",
         "shippingDetails", "businessName", "EMAIL", "tax_exempt", "description", "ip_address"],
    )  # fmt: skip
    def test_leaves_sensitive_fields_out_at_every_depth(self, name):
        assert is_sensitive(name)
        obj = {name: "x", "kept": {name: {"deep": 1}, "list": [{name: 1, "n": 2}]}}
        assert stripped(obj) == {"kept": {"list": [{"n": 2}]}}

    @pytest.mark.parametrize(
        "name", ["id", "balance", "currency", "nickname", "taxi", "renamed", "metadata", "syntax"]
    )
    def test_keeps_the_others(self, name):
        assert stripped({name: 1}) == {name: 1}

    def test_leaves_what_it_is_given_as_it_was(self):
        obj = {"a": {"email": "x"}}
        stripped(obj)
        assert obj == {"a": {"email": "x"}}

    def test_leaves_out_what_is_too_deep(self):
        obj: dict = {}
        for _ in range(DEEPEST + 5):
            obj = {"a": obj}
        depth, found = 0, stripped(obj)
        while found:
            depth, found = depth + 1, found["a"]
        assert depth == DEEPEST
