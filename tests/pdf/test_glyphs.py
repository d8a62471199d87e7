from io import BytesIO
from pathlib import Path

import noto_cjk_sans_jp_regular
import pytest
from fontTools.ttLib import TTFont
from pymupdf_fonts import FiraGO_Bold

from recoup.pdf.glyphs import covered

NOTO = Path(str(noto_cjk_sans_jp_regular.FONT_PATH)).read_bytes()


class TestWhatAFontCovers:
    @pytest.mark.parametrize("font", [FiraGO_Bold.fontbuffer, NOTO], ids=["FiraGO", "Noto"])
    def test_is_what_another_reader_finds(self, font):
        found = set(TTFont(BytesIO(font))["cmap"].getBestCmap())

        assert covered(font) == found

    def test_of_something_else_is_refused(self):
        with pytest.raises(ValueError, match="no cmap"):
            covered(b"\0" * 64)
