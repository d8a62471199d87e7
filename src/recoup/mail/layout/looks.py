"""What a brand gives to the layout: its colours, its font, its picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from recoup.mail.base import COLOR, Brand
from recoup.mail.layout import colors
from recoup.mail.wording import is_link

FONTS: Final = (
    "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, "
    "'Noto Sans', 'Hiragino Sans', 'Yu Gothic', sans-serif"
)
_FONT: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,60}")


@lru_cache(maxsize=64)
def look(brand: Brand) -> Mapping[str, str | None]:
    """
    Return what the layout shows of `brand`, by the name that it has there.

    A colour, font or picture that is none is left out, as if it had not been set.
    """
    color = brand.color if colors.is_color(brand.color) else COLOR
    font = brand.font if brand.font and _FONT.fullmatch(brand.font) else None
    logo = brand.logo if brand.logo and is_link(brand.logo, "https") else None
    return {
        "font": f"'{font}', {FONTS}" if font else FONTS,
        "logo": logo,
        "button": color,
        "on_button": colors.on(color),
        "link": colors.readable(color, colors.PAPER),
        "link_dark": colors.readable(color, colors.NIGHT),
    }
