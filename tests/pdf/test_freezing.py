import json
from dataclasses import replace

import pytest
from papers import INVOICE, NIGHT

from recoup.core.documents import Stamp, Tax
from recoup.errors import Unreadable
from recoup.pdf.freezing import frozen, thawed


class TestAFrozenDocument:
    @pytest.mark.parametrize(
        "document",
        [
            INVOICE,
            replace(INVOICE, stamp=Stamp("forgiven", NIGHT), note="ü \x00 😀", due_at=None),
            replace(INVOICE, taxes=(Tax(1, None, None, inclusive=True),), lines=()),
        ],
    )
    def test_is_the_same_when_it_is_thawed(self, document):
        assert thawed(frozen(document)) == document

    def test_is_the_same_bytes_each_time(self):
        assert frozen(INVOICE) == frozen(thawed(frozen(INVOICE)))

    @pytest.mark.parametrize(
        "content",
        [b"", b"{}", b"null", frozen(INVOICE)[:-2], frozen(INVOICE).replace(b"EUR", b"\xff")],
    )
    def test_that_is_none_says_so(self, content):
        with pytest.raises(Unreadable):
            thawed(content)

    def test_of_another_form_says_so(self):
        later = json.loads(frozen(INVOICE)) | {"version": 2}

        with pytest.raises(Unreadable, match="form 2"):
            thawed(json.dumps(later).encode())
