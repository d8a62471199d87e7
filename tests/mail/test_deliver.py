from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest

from recoup.core.money import Money
from recoup.errors import InvalidValue
from recoup.mail.deliver import checked_args


class Colour(StrEnum):
    RED = "red"


class TestAskingForAMail:
    def test_takes_scalars(self):
        args = checked_args("dunning_reminder", notice_id=7, key="k", dry=False, case=None)

        assert args == {
            "mail": "dunning_reminder",
            "notice_id": 7,
            "key": "k",
            "dry": False,
            "case": None,
        }

    @pytest.mark.parametrize(
        "value",
        [
            1.0,
            Decimal(1),
            b"x",
            [1],
            (1,),
            {"a": 1},
            object(),
            Money(1, "EUR"),
            datetime(2026, 3, 2, tzinfo=UTC),
            Colour.RED,
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_refuses_everything_else_at_the_call(self, value):
        with pytest.raises(InvalidValue, match="customer: a mail is asked for with a str"):
            checked_args("dunning_reminder", customer=value)

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    def test_refuses_text_that_no_row_holds(self, text):
        with pytest.raises(InvalidValue, match="note"):
            checked_args("dunning_reminder", note=text)

    def test_suggests_the_type_that_was_meant(self):
        with pytest.raises(InvalidValue, match="did you mean 'dunning_final_notice'"):
            checked_args("dunning_final_notise")

    def test_lists_the_types_when_nothing_is_close(self):
        with pytest.raises(InvalidValue, match="there are receipt, "):
            checked_args("zzz")

    def test_keeps_the_types_own_key(self):
        with pytest.raises(InvalidValue, match="own key"):
            checked_args("dunning_reminder", mail="other")
