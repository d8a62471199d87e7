import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.mail.layout import colors

a_color = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


class TestContrast:
    @pytest.mark.parametrize(
        ("one", "other", "ratio"),
        [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1)],
    )
    def test_is_that_of_the_guidelines(self, one, other, ratio):
        assert colors.contrast(one, other) == pytest.approx(ratio, abs=0.01)
        assert colors.contrast(other, one) == colors.contrast(one, other)


class TestText:
    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(color=a_color)
    def test_can_be_read_on_any_colour(self, color):
        assert colors.contrast(colors.on(color), color) >= colors.READABLE

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(color=a_color)
    def test_of_any_colour_can_be_read_by_day_and_by_night(self, color):
        for papers in (colors.PAPER, colors.NIGHT):
            made = colors.readable(color, papers)

            assert colors.is_color(made)
            assert all(colors.contrast(made, paper) >= colors.READABLE for paper in papers)

    def test_keeps_its_colour_where_that_can_be_read(self):
        assert colors.readable("#1f4fd8", colors.PAPER) == "#1f4fd8"

    @pytest.mark.parametrize(
        "text", ["", "red", "#fff", "#12345g", "#1234567", "#1f4fd8;x", " #1f4fd8"]
    )
    def test_has_no_colour_that_is_none(self, text):
        assert not colors.is_color(text)
